package aggregate

import "sync/atomic"

// stripe is a part of the state of a series, behind a lock for which nobody waits. The
// stripes of a series are a list that only grows. A caller records on the first stripe that
// it can hold, and appends one if all are held. So it never waits, however long the
// goroutine that holds a stripe does not run. There are as many stripes as callers were
// ever in the middle of a measurement at once, and some more if the collector wanted a
// stripe just then.
type stripe[S any] struct {
	lock atomic.Uint32
	// charged is what the stripe takes of the memory budget, in bytes. 0 means that it is
	// charged with its series.
	charged atomic.Uint32
	next    atomic.Pointer[stripe[S]]
	state   S
}

// The lock of a stripe.
const (
	free uint32 = 0
	held uint32 = 1 << (iota - 1)
	// wanted is set by the collector while it waits for the holder. Callers pass the stripe
	// by.
	wanted
)

// tryHold takes the lock for a caller.
func (s *stripe[S]) tryHold() bool { return s.lock.CompareAndSwap(free, held) }

// release gives the lock back. wanted stays set.
func (s *stripe[S]) release() { s.lock.And(^held) }

// tryTake takes the lock for the collector, and sets wanted if the lock is held. A lock
// that is wanted and not held is the collector's alone.
func (s *stripe[S]) tryTake() bool {
	if s.lock.Or(wanted)&held != 0 {
		return false
	}
	s.lock.Store(held)
	return true
}

// giveUp lets callers use a stripe again that its holder has not released.
func (s *stripe[S]) giveUp() { s.lock.And(^wanted) }

// giveUpAll is giveUp for all stripes of the list.
func (s *stripe[S]) giveUpAll() {
	for n := s; n != nil; n = n.next.Load() {
		n.giveUp()
	}
}

// hold returns a stripe of the list that it holds. If all are held, it appends a new, empty
// one. The new stripe is charged to the memory budget even if nothing is left: a
// measurement of an existing series is never dropped because another caller measures at the
// same time.
func hold[S any](s *stripe[S], of *base, empty func(*Config) S) *stripe[S] {
	for {
		if s.tryHold() {
			return s
		}
		if n := s.next.Load(); n != nil {
			s = n
			continue
		}
		cost := of.config.stripeCost()
		of.registry.memory.Charge(cost)
		n := &stripe[S]{state: empty(&of.config)}
		n.charged.Store(uint32(cost))
		n.lock.Store(held)
		for !s.next.CompareAndSwap(nil, n) {
			s = s.next.Load() // others were faster: n goes behind theirs
		}
		return n
	}
}

// gathering is how far gather came.
type gathering uint8

const (
	// refused: a caller holds a stripe.
	refused gathering = iota
	// incomplete: callers hold further stripes, which are left for the next time.
	incomplete
	complete
)

// gather lets the collector move what the further stripes hold into the first one. If the
// result is not refused, the collector holds the first one afterwards. The result is
// refused if a caller holds a stripe; other callers pass that stripe by until the collector
// comes again. With last the collector does not come again, and takes what it gets.
func (s *stripe[S]) gather(last bool, move func(from, to *S)) gathering {
	if !s.tryTake() {
		if last {
			s.giveUp()
		}
		return refused
	}
	got := complete
	for n := s.next.Load(); n != nil; n = n.next.Load() {
		if n.tryTake() {
			move(&n.state, &s.state)
			n.release()
			continue
		}
		got = incomplete
		if last {
			n.giveUp()
		}
	}
	if got == incomplete && !last {
		s.release()
		return refused
	}
	return got
}

// refund returns how much of the memory budget a stripe still takes, and sets that to
// nothing.
func (s *stripe[S]) refund() int64 { return int64(s.charged.Swap(0)) }

// dropAll forgets the state and the further stripes of a dead series. Nobody uses them any
// more: a caller that takes a lock first looks whether the series is dead. dropAll returns
// what the stripes took of the memory budget.
func (s *stripe[S]) dropAll() (bytes int64) {
	for n := s; n != nil; n = n.next.Load() {
		bytes += n.refund()
	}
	s.next.Store(nil)
	var none S
	s.state = none
	return bytes
}
