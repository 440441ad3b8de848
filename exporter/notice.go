package exporter

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/internal/waker"
)

const (
	// maxNotices is how many may wait; those beyond it are left out.
	maxNotices = 64
	// lastNotices is how long Shutdown waits for the last ones.
	lastNotices = 100 * time.Millisecond
)

// notices are calls of what belongs to the user, in order: logs, alerts, errors for
// OpenTelemetry's handler. They wait for a goroutine of their own, since what they call may
// itself wait for the exporter.
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
	defer n.mu.Unlock()
	if n.closed || len(n.waiting) >= maxNotices {
		return false
	}
	n.waiting = append(n.waiting, notice)
	waker.Signal(n.added)
	return true
}

// take returns the next notice, nil if there is none. With last set, none is taken in
// afterwards.
func (n *notices) take(last bool) (notice func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = n.closed || last
	if len(n.waiting) > 0 {
		notice = n.waiting[0]
		n.waiting = slices.Delete(n.waiting, 0, 1)
	}
	return notice
}

// tell calls the notices, until it is to end and none is left. It is a goroutine of its own:
// one that does not return, or panics, holds up nothing else.
func (e *Exporter) tell() {
	defer close(e.telling.done)
	for last := false; ; {
		if notice := e.notices.take(last); notice != nil {
			call(notice)
			continue
		}
		if last {
			return
		}
		select {
		case <-e.notices.added:
		case <-e.telling.stop:
			last = true
		}
	}
}

// call calls what is not ours: its panic must not end the process.
func call(notice func()) {
	defer func() { _ = recover() }()
	notice()
}

// endTelling ends tell. Before, it waits for the last observation, which may have something to
// tell. It waits for a tenth of a second at most in all, since a logger or an alert may take
// longer; and under a context that has ended, too.
func (e *Exporter) endTelling(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastNotices)
	defer cancel()
	_ = await(ctx, e.watching.done)
	e.telling.end(ctx)
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
			"send_errors", s.SendErrors, "connections_refused", s.ConnectionsRefused, "dropped", s.Dropped.BreakerOpen)
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
