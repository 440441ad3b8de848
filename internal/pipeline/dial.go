package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// Attempts are at least minRedial apart, and failures so far that a dead
	// name server is not asked more often than every maxRedial.
	minRedial = time.Second
	maxRedial = 30 * time.Second
	// resolveEvery is how often the name is looked up, so that a new address is
	// followed within a minute, and resolveOpen how often while the circuit is not
	// closed.
	resolveEvery = 45 * time.Second
	resolveOpen  = 5 * time.Second
	// redialEvery is after what time a socket is replaced whatever happens:
	// connection trackers on the way keep sending the packets of one source
	// port to where they first went, for as long as they flow.
	redialEvery = 15 * time.Minute
	// resolveTimeout bounds a look-up; the address before serves meanwhile.
	resolveTimeout = time.Minute
)

// dialled is a socket and where it sends to.
type dialled struct {
	sender  Sender
	address string
}

// dialer makes the sockets that the pump sends through, off the data path.
type dialer struct {
	config   *Config
	counters *counters
	redial   <-chan struct{} // asks for a new socket
	senders  chan<- dialled
	address  atomic.Pointer[string] // of the socket handed over last
	tried    chan struct{}          // closed after the first attempt
	ended    chan struct{}
	cause    atomic.Pointer[string] // why there is no new socket, nil: nothing is wrong

	unresolved string // why the name was not found, when it was looked up last
	undialled  string // why no socket was made, when one was wanted last
	told       string // the cause that OnDial has taken last

	candidates []string      // what the name meant when it was last found
	refused    []string      // addresses that were given up for others
	pause      time.Duration // after the next failure
	patience   time.Time     // until when the name is not looked up, after failures
}

func newDialer(c *Config, counters *counters, redial <-chan struct{}, senders chan<- dialled) *dialer {
	return &dialer{
		config: c, counters: counters, redial: redial, senders: senders,
		tried: make(chan struct{}), ended: make(chan struct{}), pause: minRedial,
	}
}

// run dials until it succeeds, and again when it is asked to, when the address
// has changed and when the socket is old, until ctx ends. A name that does not
// resolve yet is thus no failure; the pump counts points as unresolved meanwhile.
func (d *dialer) run(ctx context.Context) {
	defer close(d.ended)
	wanted := true
	var expires time.Time // of the socket
	for first := true; ctx.Err() == nil; first = false {
		found, made, err := d.attempt(ctx, wanted || time.Now().After(expires))
		if ctx.Err() == nil {
			d.tell()
		}
		if first {
			close(d.tried)
		}
		if made {
			wanted, expires = false, time.Now().Add(jitter(redialEvery))
		}
		if err != nil {
			d.patience = time.Now().Add(jitter(d.pause))
			d.pause = min(2*d.pause, maxRedial)
		} else if found {
			d.pause = minRedial
		}
		asked := d.rest(ctx)
		d.blame(asked)
		wanted = asked || wanted
	}
}

// tell says what is wrong, where Stats and OnDial find it.
func (d *dialer) tell() {
	cause := d.unresolved
	if cause != "" && d.undialled != "" {
		cause += "; "
	}
	cause += d.undialled
	d.cause.Store(&cause)
	if cause != d.told && (d.config.OnDial == nil || d.config.OnDial(cause)) {
		d.told = cause
	}
}

// blame notes whether the address in use is to be given up: a new socket is
// asked for when packets are refused or none can be sent. While the circuit is
// closed a rest without such a request makes good whatever was before.
func (d *dialer) blame(asked bool) {
	switch current := d.address.Load(); {
	case !asked && Circuit(d.counters.circuit.Load()) == CircuitClosed:
		d.refused = nil
	case asked && current != nil && !slices.Contains(d.refused, *current):
		d.refused = append(d.refused, *current)
	}
}

// attempt looks the endpoint up, unless that failed a moment ago, and dials if
// there is need. What the name meant before serves where it is not found.
func (d *dialer) attempt(ctx context.Context, wanted bool) (found, made bool, err error) {
	if !time.Now().Before(d.patience) {
		limited, cancel := context.WithTimeout(ctx, resolveTimeout)
		defer cancel()
		var addresses []string
		if addresses, err = d.config.Resolve(limited); err == nil {
			found, d.candidates = true, addresses
		}
		d.unresolved = causeOf(err)
	}
	made, failure := d.dial(ctx, wanted)
	d.undialled = causeOf(failure)
	return found, made, errors.Join(err, failure)
}

// dial makes a socket if one is wanted, or if the address in use is not among
// those of the endpoint any more, and reports whether it did.
func (d *dialer) dial(ctx context.Context, wanted bool) (made bool, err error) {
	if current := d.address.Load(); current != nil && !wanted && slices.Contains(d.candidates, *current) {
		return false, nil
	}
	var failures []error
	for _, address := range d.order() {
		s, failure := d.config.Dial(ctx, address)
		if failure != nil {
			failures = append(failures, failure)
			continue // a host without IPv4 finds out here, too
		}
		select {
		case d.senders <- dialled{s, address}:
			d.address.Store(&address)
			return true, nil
		case <-ctx.Done():
			_ = s.Close() // never used
			return false, nil
		}
	}
	return false, errors.Join(failures...)
}

// order is in which order to try the candidates. The address in use stays the
// first, so that answers in another order change nothing, until it is given up:
// then those come first that were not. When all have been, it begins anew.
func (d *dialer) order() []string {
	current := d.address.Load()
	if current == nil || !slices.Contains(d.candidates, *current) {
		return d.candidates
	}
	var others, refused []string
	for _, address := range d.candidates {
		switch {
		case address == *current:
		case slices.Contains(d.refused, address):
			refused = append(refused, address)
		default:
			others = append(others, address)
		}
	}
	if slices.Contains(d.refused, *current) {
		if len(others) > 0 {
			return slices.Concat(others, []string{*current}, refused)
		}
		d.refused = nil
	}
	return slices.Concat([]string{*current}, others, refused)
}

// rest waits until it is time to look again, but not longer than until somebody
// asks for a socket, which it reports.
func (d *dialer) rest(ctx context.Context) (asked bool) {
	wait := jitter(resolveEvery)
	if Circuit(d.counters.circuit.Load()) != CircuitClosed {
		wait = jitter(resolveOpen)
	}
	if left := time.Until(d.patience); left > 0 {
		wait = left
	}
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
