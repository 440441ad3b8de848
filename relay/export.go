package relay

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// logPause is the least time between two logged failures of one kind.
const logPause = time.Minute

// errExited stands for the error of foreign code that exited its goroutine.
var errExited = errors.New("otelgram: the exporter, the logger or a function of WithRetryable exited its goroutine")

// run exports until there is nothing more. If an exporter, a logger or a function of
// WithRetryable exits its goroutine, run goes on in another goroutine.
func (r *Relay) run(s *schedule) {
	returned := false
	defer func() {
		if returned {
			close(r.ended)
			return
		}
		if p := recover(); p != nil {
			panic(p) // it panicked and did not exit
		}
		if s.trying != nil {
			r.queue.failed(errExited.Error(), time.Now())
			r.queue.settle(s.settle(s.trying, time.Now()), errExited)
		}
		go r.run(s)
	}()
	for r.step(s) {
	}
	returned = true
}

// step calls Export once, or waits. It returns false at the end.
func (r *Relay) step(s *schedule) bool {
	now := time.Now()
	age, open := r.fill(s, now)
	request, pause := s.next(now)
	switch {
	case request != nil:
		return r.export(s, request)
	case !open && s.empty():
		return false
	}
	return r.sleep(sooner(age, pause), r.queue.wake)
}

// fill takes a batch out of the queue when all of the batch before was tried once: what
// waits in the queue meanwhile makes fewer and larger requests. While the target is down
// fill takes whatever is due, so that a resource that failed has more to be tried with.
// After Shutdown it takes all that there is. It returns how long to wait for a batch, with
// below 0 for any time, and false when nothing comes any more.
func (r *Relay) fill(s *schedule, now time.Time) (age time.Duration, open bool) {
	for s.tried() || s.down() || r.queue.closing() {
		items, b, age, open := r.queue.take(now)
		if len(items) == 0 {
			if !open {
				s.hurry(now)
			}
			return age, open
		}
		s.add(merge(items), b, now)
	}
	return -1, true
}

// sooner returns the shorter of two waits. Below 0 means for ever.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// sleep waits for a time, with below 0 for ever, or until there is a signal. It returns
// false when Shutdown gives up.
func (r *Relay) sleep(wait time.Duration, signal <-chan struct{}) bool {
	var expired <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-expired:
	case <-signal:
	case <-r.drain.Done():
		return false
	}
	return true
}

// export calls Export with a request, and settles it if there must be no other attempt. It
// returns false when Shutdown has given up; then Shutdown counts what is not settled.
func (r *Relay) export(s *schedule, q *request) bool {
	if !r.queue.request(q.attempts > 1) {
		return false
	}
	err := r.attempt(q.data)
	if err == nil {
		r.queue.settle(s.succeeded(q, time.Now()), nil)
		r.worked(s)
		return true
	}
	if r.drain.Err() != nil {
		return false // Shutdown cut the attempt short
	}
	r.queue.failed(err.Error(), time.Now())
	if r.failing.begins() {
		r.config.logger.Warn("otelgram: the relay cannot export: what fails is tried again, and points are dropped when the queue is full", "error", err)
	}
	again := r.config.retryable(err)
	if settled := s.fail(q, again, time.Now()); len(settled) > 0 {
		r.queue.settle(settled, err)
	}
	if s.down() && r.outage.begins() {
		r.config.logger.Warn("otelgram: the relay's target is down: one request is tried at a time", "error", err)
	}
	return true
}

// attempt calls Export once.
func (r *Relay) attempt(data *metricdata.ResourceMetrics) error {
	ctx, cancel := context.WithTimeout(r.drain, r.config.exportTimeout)
	defer cancel()
	return r.next.Export(ctx, data)
}

// condition is what the goroutine that exports has logged about one kind of failure.
type condition struct {
	logged bool      // the last line said that the failure began
	said   time.Time // when a line last said that it began
}

// begins reports whether to log that the failure is there: once, and at most once a minute.
func (t *condition) begins() bool {
	now := time.Now()
	if t.logged || !t.said.IsZero() && now.Sub(t.said) < logPause {
		return false
	}
	*t = condition{logged: true, said: now}
	return true
}

// worked logs that the target is up, or that nothing is left that has failed, if the
// opposite was logged before.
func (r *Relay) worked(s *schedule) {
	if r.outage.logged {
		r.over(&r.outage, "otelgram: the relay's target is up again")
	}
	if r.failing.logged && len(s.failed) == 0 {
		r.over(&r.failing, "otelgram: the relay exports again")
	}
}

func (r *Relay) over(t *condition, text string) {
	t.logged = false
	s := r.queue.stats()
	r.config.logger.Info(text, "after", time.Since(t.said), "failed", s.Failed, "dropped", s.Dropped.Total(), "queued", s.Queued)
}
