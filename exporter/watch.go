package exporter

import (
	"cmp"
	"slices"
	"time"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/wire"
)

const (
	// sampleEvery is how often the exporter looks at itself.
	sampleEvery = time.Second
	// maxLatencies is of how many packets it knows the latency at most, each time.
	maxLatencies = 512
)

// Health returns whether telemetry flows, as of the last second. [health.Handler]
// serves it.
func (e *Exporter) Health() health.Report { return e.monitor.Report() }

// watch looks at the exporter once a second and logs what happens to the circuit,
// away from the path of the data, until the pipeline is closed.
func (e *Exporter) watch() {
	defer close(e.watched)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	e.observe(time.Now())
	for {
		select {
		case <-tick.C:
			e.observe(time.Now())
		case c := <-e.changes:
			e.log(c)
		case <-e.pipeline.Closed():
			e.observeLast(time.Now())
			return
		}
	}
}

func (e *Exporter) observe(now time.Time) {
	latencies := e.latencies[:e.pipeline.Latencies(e.latencies[:])]
	e.self.latencies(latencies)
	e.monitor.Observe(e.sample(now, latencies))
}

// observeLast logs what is left to log, and has the report say that this is the
// end.
func (e *Exporter) observeLast(now time.Time) {
	for len(e.changes) > 0 { // nobody else takes them
		e.log(<-e.changes)
	}
	s := e.sample(now, nil)
	s.Closed = true
	e.monitor.Observe(s)
}

// sample is what the monitor is to know.
func (e *Exporter) sample(now time.Time, latencies []pipeline.Latency) health.Sample {
	s := e.pipeline.Stats()
	sample := health.Sample{
		Time: now,
		Points: health.Points{
			Offered: s.Offered, Sent: s.Sent, Folded: s.Folded, Queued: s.Queued, Capacity: uint64(s.Capacity),
		},
		Dropped: make([]health.Dropped, 0, wire.DropReasons),
		Packets: health.Packets{Sent: s.Packets, Bytes: s.Bytes, Refused: s.Refused},
		Latency: quantiles(latencies),
		// Export fills its lane on purpose, and waits: only one that is full
		// second after second is a bottleneck.
		Utilization: max(s.DirectUse, min(s.Use, e.lastUse)),
		Circuit:     s.Circuit.String(), Endpoint: e.config.endpoint, Address: s.Address, PacketSize: s.PacketSize,
		LastSend: s.LastSend, CardinalityOverflow: s.Overflow, Budgeted: e.config.maxMemory > 0,
	}
	e.lastUse = s.Use
	for i, n := range s.Dropped {
		sample.Points.Dropped += n
		r := wire.DropReason(i)
		sample.Dropped = append(sample.Dropped, health.Dropped{Reason: r.String(), Points: n, Leaving: leaving(r)})
	}
	return sample
}

// leaving reports whether points are dropped for r on their way out, behind the
// fold.
func leaving(r wire.DropReason) bool {
	switch r {
	case wire.Oversize, wire.Encode, wire.Unresolved, wire.BreakerOpen, wire.WouldBlock, wire.SendError:
		return true
	}
	return false
}

// quantiles sorts latencies.
func quantiles(latencies []pipeline.Latency) health.Latency {
	n := len(latencies)
	if n == 0 {
		return health.Latency{}
	}
	total := func(l pipeline.Latency) time.Duration { return l.Buffer + l.Send }
	slices.SortFunc(latencies, func(a, b pipeline.Latency) int { return cmp.Compare(total(a), total(b)) })
	at := func(percent int) float64 { // the least that so many percent do not exceed
		return float64(total(latencies[(n*percent+99)/100-1])) / float64(time.Millisecond)
	}
	return health.Latency{P50: at(50), P99: at(99)}
}

// healthConfig has the alert logged, before the user's own is called.
func (e *Exporter) healthConfig() health.Config {
	c := e.config.health
	alert := c.Alert
	c.Alert = func(r health.Report) {
		e.config.logger.Warn("otelgram: not healthy for long", "status", r.Status.String(), "issues", r.Issues, "endpoint", r.Endpoint)
		if alert != nil {
			alert(r)
		}
	}
	return c
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
func (e *Exporter) circuitChanged(from, to pipeline.Circuit) {
	select {
	case e.changes <- circuitChange{CircuitState(from), CircuitState(to)}:
	default:
	}
}
