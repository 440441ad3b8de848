package exporter

import (
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/pipeline"
)

const (
	// maxNotices is how many logs and alerts may wait; those beyond it are left out.
	maxNotices = 16
	// lastNotices is how long Shutdown waits for them.
	lastNotices = 100 * time.Millisecond
)

// tell logs and alerts until there is nothing left to. It is a goroutine of its own:
// a logger or an alert that does not return holds up nothing else, nor does one that
// panics.
func (e *Exporter) tell() {
	defer close(e.told)
	for notice := range e.notices {
		func() {
			defer func() { _ = recover() }() // it is not ours, and must not end the process
			notice()
		}()
	}
}

// notify has tell call notice, and never waits. It returns false where too many
// notices wait.
func (e *Exporter) notify(notice func()) bool {
	select {
	case e.notices <- notice:
		return true
	default:
		return false
	}
}

// report has tell hand err to OpenTelemetry's error handler.
func (e *Exporter) report(err error) bool {
	return e.notify(func() { otel.Handle(err) })
}

// healthConfig has the alert logged, before the user's own is called.
func (e *Exporter) healthConfig() health.Config {
	c := e.config.health
	alert := c.Alert
	c.Alert = func(r health.Report) {
		e.notify(func() {
			e.config.logger.Warn("otelgram: not healthy for long", "status", r.Status.String(), "issues", r.Issues, "endpoint", r.Endpoint)
		})
		if alert != nil {
			e.notify(func() { alert(r) })
		}
	}
	return c
}

// circuitChanged is called by the pump.
func (e *Exporter) circuitChanged(was, is pipeline.Circuit) {
	from, to := CircuitState(was), CircuitState(is)
	e.notify(func() {
		log := e.config.logger.Info
		if to == CircuitOpen {
			log = e.config.logger.Warn
		}
		s := e.Stats()
		log("otelgram: circuit breaker "+to.String(), "was", from.String(), "endpoint", e.config.endpoint, "address", s.Address,
			"send_errors", s.Refused, "closed_port", s.ClosedPort, "dropped", s.Dropped.BreakerOpen)
	})
}
