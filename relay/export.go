package relay

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// logPause is how far apart two failures are that are logged, at least.
const logPause = time.Minute

// run is the goroutine that exports. It takes a batch when all of the one before was tried:
// what waits in the queue meanwhile makes fewer and larger requests.
func (r *Relay) run() {
	defer close(r.ended)
	s := newSchedule(&r.config)
	for {
		now, age, open := time.Now(), time.Duration(-1), true
		if len(s.fresh) == 0 {
			var items []item
			var b *batch
			if items, b, age, open = r.queue.take(now); len(items) > 0 {
				s.add(merge(items), b, now)
			}
		}
		request, pause := s.next(now)
		switch {
		case request != nil:
			if !r.export(s, request) {
				return
			}
		case !open && s.empty():
			return
		case !r.sleep(sooner(age, pause), r.queue.wake):
			return
		}
	}
}

// sooner returns the shorter wait of two; below 0 is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// sleep waits for so long, below 0 for ever, or until there is a signal. It returns
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
// returns false when Shutdown has given up, which counts what is not settled.
func (r *Relay) export(s *schedule, q *request) bool {
	if !r.queue.request(q.attempts > 1) {
		return false
	}
	err := r.attempt(q.data)
	if err == nil {
		r.queue.settle(s.succeeded(q, time.Now()), nil)
		if len(s.failed) == 0 {
			r.worked()
		}
		return true
	}
	if r.drain.Err() != nil {
		return false // it was cut short
	}
	r.failed(err)
	again := r.config.retryable(err)
	if settled := s.fail(q, again, time.Now()); len(settled) > 0 {
		r.queue.settle(settled, err)
	}
	return true
}

// attempt calls Export once.
func (r *Relay) attempt(data *metricdata.ResourceMetrics) error {
	ctx, cancel := context.WithTimeout(r.drain, r.config.exportTimeout)
	defer cancel()
	return r.next.Export(ctx, data)
}

// outage is what the goroutine that exports knows of failures.
type outage struct {
	logged bool      // the last thing said was that Export fails
	said   time.Time // when that was last said
}

// failed notes an error of Export, and logs it if it is the first.
func (r *Relay) failed(err error) {
	now := time.Now()
	r.queue.failed(err.Error(), now)
	if r.outage.logged || !r.outage.said.IsZero() && now.Sub(r.outage.said) < logPause {
		return
	}
	r.outage = outage{logged: true, said: now}
	r.config.logger.Warn("otelgram: the relay cannot export: what fails is tried again, and points are dropped when the queue is full", "error", err)
}

// worked logs that Export works again, with nothing left that has failed, if it was logged
// that it did not.
func (r *Relay) worked() {
	if !r.outage.logged {
		return
	}
	r.outage.logged = false
	s := r.queue.stats()
	r.config.logger.Info("otelgram: the relay exports again", "after", time.Since(r.outage.said),
		"failed", s.Failed, "dropped", s.Dropped.Total(), "queued", s.Queued)
}
