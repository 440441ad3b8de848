package pipeline

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// Attempts are at least minRedial apart, and failures so far that a dead
	// name server is not asked more often than every maxRedial.
	minRedial = time.Second
	maxRedial = 30 * time.Second
	// resolveEvery is how often the name is looked up, so that a new address is
	// followed within a minute.
	resolveEvery = 45 * time.Second
	// redialEvery is after what time a socket is replaced whatever happens:
	// connection trackers on the way keep sending the packets of one source
	// port to where they first went, for as long as they flow.
	redialEvery = 15 * time.Minute
	// resolveTimeout bounds a look-up; the address before serves meanwhile.
	resolveTimeout = time.Minute
)

// dialer makes the sockets that the pump sends through, off the data path.
type dialer struct {
	config  *Config
	redial  <-chan struct{} // asks for a new socket
	senders chan<- Sender
	address atomic.Pointer[string] // of the socket handed over last
	tried   chan struct{}          // closed after the first attempt
	ended   chan struct{}
}

func newDialer(c *Config, redial <-chan struct{}, senders chan<- Sender) *dialer {
	return &dialer{config: c, redial: redial, senders: senders, tried: make(chan struct{}), ended: make(chan struct{})}
}

// run dials until it succeeds, and again when it is asked to, when the address
// has changed and when the socket is old, until ctx ends. A name that does not
// resolve yet is thus no failure; the pump counts points as unresolved meanwhile.
func (d *dialer) run(ctx context.Context) {
	defer close(d.ended)
	wanted, pause := true, minRedial
	var expires time.Time // of the socket
	for first := true; ctx.Err() == nil; first = false {
		made, ok := d.attempt(ctx, wanted || time.Now().After(expires))
		if first {
			close(d.tried)
		}
		if made {
			wanted, expires = false, time.Now().Add(jitter(redialEvery))
		}
		wait := jitter(resolveEvery)
		if ok {
			pause = minRedial
		} else {
			wait = jitter(pause)
			pause = min(2*pause, maxRedial)
		}
		wanted = d.rest(ctx, wait) || wanted
	}
}

// attempt looks the endpoint up and, if a socket is wanted or the address has
// changed, dials. It reports whether it made a socket, and whether all went well.
func (d *dialer) attempt(ctx context.Context, wanted bool) (made, ok bool) {
	before := d.address.Load()
	limited, cancel := context.WithTimeout(ctx, resolveTimeout)
	found, err := d.config.Resolve(limited)
	cancel()
	ok = err == nil
	switch {
	case !ok && before == nil:
		return false, false
	case !ok:
		found = *before
	}
	if !wanted && before != nil && *before == found {
		return false, ok
	}
	s, err := d.config.Dial(ctx, found)
	if err != nil {
		return false, false
	}
	select {
	case d.senders <- s:
		d.address.Store(&found)
		return true, ok
	case <-ctx.Done():
		_ = s.Close() // never used
		return false, false
	}
}

// rest waits, but not longer than until somebody asks for a socket, which it
// reports.
func (d *dialer) rest(ctx context.Context, wait time.Duration) (asked bool) {
	if !sleep(ctx, min(wait, minRedial)) {
		return false
	}
	t := time.NewTimer(wait - min(wait, minRedial))
	defer t.Stop()
	select {
	case <-d.redial:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// sleep returns false if ctx ended before d was over.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads d by a fifth to both sides, so that a fleet does not move in
// step.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
