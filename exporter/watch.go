package exporter

// watch logs what happens to the circuit, away from the path of the data, until
// the pipeline is closed.
func (e *Exporter) watch() {
	defer close(e.watched)
	for {
		select {
		case c := <-e.changes:
			e.log(c)
		case <-e.pipeline.Closed():
			return
		}
	}
}

func (e *Exporter) log(c circuitChange) {
	log := e.config.logger.Info
	if c.to == CircuitOpen {
		log = e.config.logger.Warn
	}
	s := e.Stats()
	log("otelgram: circuit breaker "+c.to.String(), "was", c.from.String(), "endpoint", e.config.endpoint, "address", s.Address,
		"send_errors", s.Refused, "closed_port", s.ClosedPort, "dropped", s.Dropped.BreakerOpen)
}

// circuitChanged is called by the pump, and never waits.
func (e *Exporter) circuitChanged(from, to CircuitState) {
	select {
	case e.changes <- circuitChange{from, to}:
	default:
	}
}
