package exporter

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/session"
)

const (
	// maxNotices is how many may wait; those beyond it are left out.
	maxNotices = 64
	// lastNotices is how long Shutdown waits for them.
	lastNotices = 100 * time.Millisecond
)

// notices are calls of what belongs to the user, in order: logs, alerts, errors for
// OpenTelemetry's handler. They wait for a goroutine of their own, since what they
// call may wait for the exporter.
type notices struct {
	added chan struct{} // has a token when there is something new

	mu      sync.Mutex
	waiting []func()
	closed  bool
}

func newNotices() notices { return notices{added: make(chan struct{}, 1)} }

// add reports whether notice will be called. It never waits.
func (n *notices) add(notice func()) bool {
	n.mu.Lock()
	taken := !n.closed && len(n.waiting) < maxNotices
	if taken {
		n.waiting = append(n.waiting, notice)
	}
	n.mu.Unlock()
	n.signal()
	return taken
}

// close takes no more; those that wait are still to be called.
func (n *notices) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.signal()
}

func (n *notices) signal() {
	select {
	case n.added <- struct{}{}:
	default:
	}
}

// next waits for a notice; there is none after the last one was taken.
func (n *notices) next() (notice func(), ok bool) {
	for {
		n.mu.Lock()
		if len(n.waiting) > 0 {
			notice = n.waiting[0]
			n.waiting = slices.Delete(n.waiting, 0, 1)
			n.mu.Unlock()
			return notice, true
		}
		closed := n.closed
		n.mu.Unlock()
		if closed {
			return nil, false
		}
		<-n.added
	}
}

// tell logs, reports and alerts until there is nothing left to. It is a goroutine of
// its own: what does not return holds up nothing else, nor does what panics.
func (e *Exporter) tell() {
	defer close(e.told)
	for {
		notice, ok := e.notices.next()
		if !ok {
			return
		}
		func() {
			defer func() { _ = recover() }() // it is not ours, and must not end the process
			notice()
		}()
	}
}

// notify has tell call notice, and reports whether it will. It never waits.
func (e *Exporter) notify(notice func()) bool { return e.notices.add(notice) }

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
func (e *Exporter) circuitChanged(was, is session.Circuit) {
	from, to := CircuitState(was), CircuitState(is)
	e.notify(func() {
		log := e.config.logger.Info
		switch {
		case to == CircuitHalfOpen, from == CircuitHalfOpen && to == CircuitOpen: // a probe, and one that failed
			log = e.config.logger.Debug
		case to == CircuitOpen:
			log = e.config.logger.Warn
		}
		s := e.Stats()
		log("otelgram: circuit breaker "+to.String(), "was", from.String(), "endpoint", e.config.endpoint, "address", s.Address,
			"send_errors", s.SendErrors, "closed_port", s.ConnectionsRefused, "dropped", s.Dropped.BreakerOpen)
	})
}

// dialChanged is called by the dialer.
func (e *Exporter) dialChanged(cause string) bool {
	return e.notify(func() {
		s := e.Stats()
		if cause == "" {
			e.config.logger.Info("otelgram: the endpoint was dialled again", "endpoint", e.config.endpoint, "address", s.Address)
			return
		}
		e.config.logger.Warn("otelgram: the endpoint cannot be dialled", "endpoint", e.config.endpoint, "error", cause,
			"address", s.Address, "dropped", s.Dropped.Unresolved)
	})
}
