package pipeline

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/ringbuf"
	"github.com/otelgram/otelgram/wire"
)

// directLane is the queue between recording callers and the pump. Nobody waits
// for it: when it is under pressure the strategy decides what is lost.
type directLane struct {
	ring     *ringbuf.Ring[Event]
	strategy drop.Strategy
	counters *counters
	waker    *waker
	checks   uint64 // lookers in so many pushes look how full the ring is

	_ cpu.CacheLinePad
	// pressed says that half of the ring or more is in use: a caller who finds it so
	// sets it, and the pump clears it.
	pressed atomic.Bool
	_       cpu.CacheLinePad
}

const (
	maxAttempts = 4 // at a push, when others take the room that was made
	// lookers are more than one, since others may push between a push and its look.
	lookers = 8
)

func newDirectLane(capacity int, s drop.Strategy, c *counters, w *waker) *directLane {
	ring, err := ringbuf.New[Event](capacity)
	if err != nil {
		panic(err) // whoever fills in Config validates the capacity
	}
	return &directLane{
		ring: ring, strategy: s, counters: c, waker: w,
		checks: uint64(max(1, capacity/16)),
	}
}

// record pushes e and reports whether it did. It never waits. An event that is
// refused is counted as offered and dropped.
func (l *directLane) record(e *Event) bool {
	if l.pressed.Load() || !l.ring.TryPush(e) {
		return l.recordPressed(e)
	}
	if l.waker.asleep.Load() {
		l.waker.rouse()
	} else if l.ring.Pushed()&(l.checks-1) < lookers {
		l.look()
	}
	return true
}

// look wakes the pump at a quarter of the ring: it need not follow the callers all the
// time, and has time to come before half is in use. What it is to see comes before the
// signal, here and elsewhere.
func (l *directLane) look() {
	used := l.ring.Len()
	if used >= l.ring.Cap()/2 {
		l.pressed.Store(true)
	}
	if used >= l.ring.Cap()/4 {
		signal(l.waker.wake)
	}
}

// relieve is the pump's, when it has taken something out, or there was nothing.
func (l *directLane) relieve() {
	if l.pressed.Load() && l.ring.Len() < l.ring.Cap()/2 {
		l.pressed.Store(false)
	}
}

// recordPressed asks the strategy.
func (l *directLane) recordPressed(e *Event) bool {
	defer signal(l.waker.wake)
	load := drop.Load{Used: l.ring.Len(), Capacity: l.ring.Cap()}
	for range maxAttempts {
		if l.ring.Closed() {
			return l.refuse(wire.Shutdown)
		}
		v := l.strategy.Decide(load, e.Bound.instrument.priority)
		if v.Action != drop.Accept && v.Action != drop.Evict && v.Action != drop.Full {
			return l.refuse(reasonOf(v.Action))
		}
		// The load is an estimate: only the ring knows whether it is full.
		e.Weight = max(e.Weight, v.Weight) // it was drawn once, and stands for those it was drawn from
		if l.ring.TryPush(e) {
			return true
		}
		if v.Action == drop.Full {
			break
		}
		if v.Action == drop.Evict {
			l.evict()
			if l.ring.TryPush(e) {
				return true
			}
		}
		load.Used = load.Capacity
	}
	if l.ring.Closed() {
		return l.refuse(wire.Shutdown)
	}
	return l.refuse(wire.RingFull)
}

func reasonOf(a drop.Action) wire.DropReason {
	if a == drop.Thinned {
		return wire.Sampled
	}
	return wire.Priority
}

// refuse counts an event that is not pushed.
func (l *directLane) refuse(reason wire.DropReason) bool {
	l.counters.offered.Add(1)
	l.counters.drop(reason, 1)
	return false
}

// evict makes room by losing the oldest event. It was offered when pushed.
func (l *directLane) evict() {
	var oldest Event
	if l.ring.TryPop(&oldest) {
		l.counters.drop(wire.Evicted, 1)
	}
}
