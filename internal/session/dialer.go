package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/otelgram/otelgram/udp"
)

const (
	// Two attempts are at least minRedial apart. After failures the pause doubles up to
	// maxRedial, so that a dead name server is left alone.
	minRedial = time.Second
	maxRedial = 30 * time.Second
	// resolveEvery is how often the name is looked up: a new address is followed within a
	// minute. While the circuit is not closed it is resolveOpen.
	resolveEvery = 45 * time.Second
	resolveOpen  = 5 * time.Second
	// redialEvery is after what time a socket is replaced whatever happens: as long as
	// packets of one source port flow, connection trackers on the way send them to where
	// the first one went.
	redialEvery = 15 * time.Minute
	// resolveTimeout bounds a look-up. The address in use serves meanwhile.
	resolveTimeout = time.Minute
)

// Dialer makes the sockets that a [Sender] sends through, on a goroutine of its own.
type Dialer struct {
	config *Config
	sender *Sender

	stop  context.CancelFunc
	done  chan struct{} // closed when the goroutine has ended
	tried chan struct{} // closed after the first attempt
	state atomic.Pointer[dialState]

	// The rest belongs to the goroutine.
	unresolved string // why the name was not found when it was looked up last
	undialled  string // why no socket was made when one was wanted last
	told       string // the cause that OnDial has taken last

	candidates []udp.Address // what the name meant when it was last found
	refused    []udp.Address // addresses that were given up for others
	pause      time.Duration // after the next failure
	resolveAt  time.Time     // the name is not looked up before, after failures
}

// dialState is what others may read of a Dialer.
type dialState struct {
	address udp.Address // of the socket made last
	cause   string      // why there is no new socket; empty: nothing is wrong
}

// StartDialer starts a dialer for s. It dials until it succeeds, and again when s asks, when
// the address has changed, and when the socket is old. A name that does not resolve yet is no
// failure: points are dropped as unresolved meanwhile. [Dialer.Stop] ends it.
func StartDialer(s *Sender) *Dialer {
	ctx, cancel := context.WithCancel(context.Background())
	d := &Dialer{
		config: s.config, sender: s,
		stop: cancel, done: make(chan struct{}), tried: make(chan struct{}), pause: minRedial,
	}
	d.state.Store(&dialState{})
	go d.run(ctx)
	return d
}

// Stop ends the dialer, and the look-up that is under way.
func (d *Dialer) Stop() {
	d.stop()
	<-d.done
}

// Tried is closed after the first attempt to make a socket.
func (d *Dialer) Tried() <-chan struct{} { return d.tried }

// Address returns where the socket made last sends to, the zero value if there never was
// one, and why there is no newer one, "" if nothing is wrong. Any goroutine may call it.
func (d *Dialer) Address() (to udp.Address, cause string) {
	state := d.state.Load()
	return state.address, state.cause
}

// current is the address of the socket made last.
func (d *Dialer) current() udp.Address { return d.state.Load().address }

func (d *Dialer) run(ctx context.Context) {
	defer close(d.done)
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
			d.resolveAt = time.Now().Add(jitter(d.pause))
			d.pause = min(2*d.pause, maxRedial)
		} else if found {
			d.pause = minRedial
		}
		asked := d.rest(ctx)
		d.noteAsked(asked)
		wanted = asked || wanted
	}
}

// tell says what is wrong, where Address and OnDial find it.
func (d *Dialer) tell() {
	cause := d.unresolved
	if cause != "" && d.undialled != "" {
		cause += "; "
	}
	cause += d.undialled
	d.state.Store(&dialState{d.current(), cause})
	if cause != d.told && (d.config.OnDial == nil || d.config.OnDial(cause)) {
		d.told = cause
	}
}

// noteAsked notes whether the address in use is to be given up: a new socket is asked for
// when connections are refused or nothing can be sent. While the circuit is closed, a rest
// without such a request clears all addresses.
func (d *Dialer) noteAsked(asked bool) {
	switch current := d.current(); {
	case !asked && Circuit(d.sender.counters.circuit.Load()) == CircuitClosed:
		d.refused = nil
	case asked && current != udp.Address{} && !slices.Contains(d.refused, current):
		d.refused = append(d.refused, current)
	}
}

// attempt looks the endpoint up, unless that failed a moment ago, and dials if there is
// need. Where the name is not found, what it meant before serves.
func (d *Dialer) attempt(ctx context.Context, wanted bool) (found, made bool, err error) {
	if !time.Now().Before(d.resolveAt) {
		limited, cancel := context.WithTimeout(ctx, resolveTimeout)
		defer cancel()
		var addresses []udp.Address
		if addresses, err = d.config.Resolve(limited); err == nil {
			found, d.candidates = true, addresses
		}
		d.unresolved = causeOf(err)
	}
	made, failure := d.dial(ctx, wanted)
	d.undialled = causeOf(failure)
	return found, made, errors.Join(err, failure)
}

// dial makes a socket if one is wanted, or if the address in use is not among those of the
// endpoint any more, and reports whether it did.
func (d *Dialer) dial(ctx context.Context, wanted bool) (made bool, err error) {
	if !wanted && slices.Contains(d.candidates, d.current()) {
		return false, nil
	}
	var failures []error
	for _, address := range d.order() {
		s, failure := d.config.Dial(ctx, address)
		if failure != nil {
			failures = append(failures, failure)
			continue // a host without IPv4 finds out here, too
		}
		if !d.sender.Offer(ctx, s, address) {
			_ = s.Close() // never used
			return false, nil
		}
		d.state.Store(&dialState{address, d.state.Load().cause})
		return true, nil
	}
	return false, errors.Join(failures...)
}

// order is in which order to try the candidates. The address in use stays the first, so that
// answers in another order change nothing. Once it is given up, those come first that were
// not. When all have been given up, it begins anew.
func (d *Dialer) order() []udp.Address {
	current := d.current()
	if !slices.Contains(d.candidates, current) {
		return d.candidates
	}
	var others, refused []udp.Address
	for _, address := range d.candidates {
		switch {
		case address == current:
		case slices.Contains(d.refused, address):
			refused = append(refused, address)
		default:
			others = append(others, address)
		}
	}
	if slices.Contains(d.refused, current) {
		if len(others) > 0 {
			return slices.Concat(others, []udp.Address{current}, refused)
		}
		d.refused = nil
	}
	return slices.Concat([]udp.Address{current}, others, refused)
}

// rest waits until it is time to look again, or, after a second at least, until the sender
// asks for a socket, which it reports.
func (d *Dialer) rest(ctx context.Context) (asked bool) {
	wait := jitter(resolveEvery)
	if Circuit(d.sender.counters.circuit.Load()) != CircuitClosed {
		wait = jitter(resolveOpen)
	}
	if left := time.Until(d.resolveAt); left > 0 {
		wait = left
	}
	if !sleep(ctx, min(wait, minRedial)) {
		return false
	}
	t := time.NewTimer(wait - min(wait, minRedial))
	defer t.Stop()
	select {
	case <-d.sender.redial:
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

// jitter spreads d by a fifth to both sides, so that a fleet does not move in step.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
