package session

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

// Circuit is the state of the circuit breaker.
type Circuit uint8

// The states, numbered as they are published.
const (
	CircuitClosed   Circuit = iota // packets are sent
	CircuitOpen                    // points are dropped
	CircuitHalfOpen                // points are dropped while a probe waits for its answer
)

var circuitNames = [...]string{CircuitClosed: "closed", CircuitOpen: "open", CircuitHalfOpen: "half-open"}

// String returns the state in lower case, such as "half-open".
func (c Circuit) String() string {
	if int(c) < len(circuitNames) {
		return circuitNames[c]
	}
	return "unknown"
}

const (
	// A closed port never refuses two packets in a row, because the refusal of one is
	// reported in place of the next. So refusals are counted by seconds with traffic: the
	// circuit opens when connections were refused in refusedSlots of the last refusalSlots.
	refusalSlots = 5
	refusedSlots = 3
	slotLength   = time.Second
	slotsKept    = 5 * time.Minute        // older slots do not count: some services send seldom
	probeWait    = 250 * time.Millisecond // for the answer to a probe
	// When to probe is decided here: at retryAt, or as soon as there is another address.
	// gobreaker's own timeout is as short as it takes. It has to pass all the same.
	gobreakerTimeout = time.Nanosecond
	gobreakerPause   = time.Millisecond
)

// slot is a second with traffic.
type slot struct {
	begin   time.Time
	refused bool // a connection was refused in it
}

// breaker decides whether to send. It belongs to the pump. gobreaker keeps the state, and is
// told of errors and probes alone: a packet that is taken costs next to nothing here.
type breaker struct {
	config   BreakerConfig
	counters *counters
	changed  func(from, to Circuit)

	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	failures int // local errors in a row
	slots    [refusalSlots]slot
	newest   int

	retryAt time.Time       // when it is open: when to probe
	probing func(err error) // while a probe waits for its answer: what to tell
	probed  time.Time       // since when
}

func newBreaker(c BreakerConfig, counters *counters, changed func(from, to Circuit)) *breaker {
	b := &breaker{config: c, counters: counters, changed: changed}
	// Each process has a timeout of its own, so that a fleet does not probe in step.
	b.config.Timeout = jitter(c.Timeout)
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     gobreakerTimeout,
		ReadyToTrip: func(gobreaker.Counts) bool { return true }, // it is told once it is to
		// It is called with gobreaker's lock held: nothing here may call back.
		OnStateChange: func(_ string, from, to gobreaker.State) { b.change(circuitOf(from), circuitOf(to)) },
	})
	return b
}

func circuitOf(s gobreaker.State) Circuit {
	switch s {
	case gobreaker.StateOpen:
		return CircuitOpen
	case gobreaker.StateHalfOpen:
		return CircuitHalfOpen
	}
	return CircuitClosed
}

func (b *breaker) change(from, to Circuit) {
	b.counters.circuit.Store(uint32(to))
	switch to {
	case CircuitOpen:
		b.retryAt = time.Now().Add(b.config.Timeout)
	case CircuitClosed:
		b.failures, b.slots = 0, [refusalSlots]slot{}
	}
	b.changed(from, to)
}

// closed reports whether packets may be sent.
func (b *breaker) closed() bool { return Circuit(b.counters.circuit.Load()) == CircuitClosed }

// took notes that the kernel has taken packets.
func (b *breaker) took(now time.Time) {
	b.failures = 0
	b.slotAt(now)
}

// failed notes a packet that a local error has stopped.
func (b *breaker) failed() {
	b.failures++
	b.trip()
}

// refused notes that a packet has met a closed port.
func (b *breaker) refused(now time.Time) {
	b.slotAt(now).refused = true
	b.trip()
}

// slotAt returns the slot of now.
func (b *breaker) slotAt(now time.Time) *slot {
	if s := &b.slots[b.newest]; !s.begin.IsZero() && now.Sub(s.begin) < slotLength {
		return s
	}
	b.newest = (b.newest + 1) % refusalSlots
	b.slots[b.newest] = slot{begin: now}
	return &b.slots[b.newest]
}

// trip opens the circuit if there is reason to.
func (b *breaker) trip() {
	if b.config.Disabled || !b.closed() || !b.tripped() {
		return
	}
	if done, err := b.circuit.Allow(); err == nil {
		done(errFailed)
	}
}

func (b *breaker) tripped() bool {
	newest, n := b.slots[b.newest].begin, 0
	for _, s := range b.slots {
		if s.refused && newest.Sub(s.begin) < slotsKept {
			n++
		}
	}
	return b.failures >= b.config.Failures || n >= refusedSlots
}

// due reports whether it is time to probe, and begins to.
func (b *breaker) due(now time.Time) bool {
	if b.closed() || b.probing != nil || now.Before(b.retryAt) {
		return false
	}
	done, err := b.circuit.Allow()
	if err != nil {
		b.retryAt = now.Add(gobreakerPause)
		return false
	}
	b.probing, b.probed = done, now
	return true
}

// reset forgets the errors of an address to which packets do not go any more. An open
// circuit is probed at once.
func (b *breaker) reset(now time.Time) {
	b.failures, b.slots = 0, [refusalSlots]slot{}
	b.retryAt = now
}

// answered ends the probe: closed if the answer is nil, else open again.
func (b *breaker) answered(err error) {
	done := b.probing
	b.probing = nil
	done(err)
}

// waiting reports whether a probe waits for its answer, and until when.
func (b *breaker) waiting() (until time.Time, ok bool) {
	return b.probed.Add(probeWait), b.probing != nil
}

// next returns when the breaker has something to do, if it has.
func (b *breaker) next() (at time.Time, ok bool) {
	if until, ok := b.waiting(); ok {
		return until, true
	}
	return b.retryAt, !b.closed()
}
