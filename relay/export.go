package relay

import (
	"context"
	"time"
)

// logPause is how far apart two failures are that are logged, at least.
const logPause = time.Minute

// run is the goroutine that exports.
func (r *Relay) run() {
	defer close(r.ended)
	for {
		b, wait, open := r.queue.take(time.Now())
		switch {
		case b.points > 0:
			if !r.export(b) {
				return
			}
		case !open || !r.sleep(wait, r.queue.wake):
			return
		}
	}
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

// export exports a batch, one resource after the other. It returns false when Shutdown
// has given up, which counts what is not settled.
func (r *Relay) export(b batch) bool {
	var last error
	for _, p := range merge(b.data) {
		err, ok := r.deliver(p)
		if !ok {
			return false
		}
		if err != nil {
			last = err
		}
	}
	r.queue.finish(b, last)
	return true
}

// deliver calls Export with a part until it succeeds or there must be no further attempt,
// and settles its points. It returns the last error. It returns false, with nothing
// settled, when Shutdown has given up.
func (r *Relay) deliver(p part) (err error, ok bool) {
	begin := time.Now()
	for attempts := 1; ; attempts++ {
		if !r.queue.request(attempts > 1) {
			return nil, false
		}
		err = r.attempt(p)
		if err == nil {
			r.queue.settle(p.points, true)
			r.worked()
			return nil, true
		}
		if r.drain.Err() != nil {
			return nil, false // it was cut short
		}
		r.failed(err)
		pause, again := r.config.retry.next(attempts, time.Since(begin))
		if !again || !r.config.retryable(err) {
			r.queue.settle(p.points, false)
			return err, true
		}
		if !r.sleep(pause, nil) {
			return nil, false
		}
	}
}

// attempt calls Export once.
func (r *Relay) attempt(p part) error {
	ctx, cancel := context.WithTimeout(r.drain, r.config.exportTimeout)
	defer cancel()
	return r.next.Export(ctx, p.data)
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
	r.config.logger.Warn("otelgram: the relay cannot export: points wait, and are dropped when the queue is full", "error", err)
}

// worked logs that Export works again, if it was logged that it did not.
func (r *Relay) worked() {
	if !r.outage.logged {
		return
	}
	r.outage.logged = false
	s := r.queue.stats()
	r.config.logger.Info("otelgram: the relay exports again", "after", time.Since(r.outage.said),
		"failed", s.Failed, "dropped", s.Dropped.Total(), "queued", s.Queued)
}
