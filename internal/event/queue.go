package event

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/clock"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/ringbuf"
	"github.com/otelgram/otelgram/wire"
)

// Series is the series of an event. The pump makes its points.
type Series interface {
	Priority() drop.Priority
	// Own reports whether the series is one of the exporter's own metrics.
	Own() bool
	// Point makes the point of a measurement, with its distribution in d. If ok is false,
	// reason says why the point cannot be sent.
	Point(i *intern.Identifier, bits, weight uint64, at int64, d *wire.Distribution) (p wire.Point, reason wire.DropReason, ok bool)
}

// event is a measurement in the queue.
type event struct {
	series Series
	bits   uint64
	time   int64  // Unix nanoseconds
	weight uint32 // how many measurements it stands for; 0: one
}

// Queue is the queue between callers that record and the pump. Nobody waits for it: when it
// is under pressure, the strategy decides what is lost.
type Queue struct {
	ring     *ringbuf.Ring[event]
	strategy drop.Strategy
	books    *account.Books
	waker    *waker.Waker
	clock    *clock.Clock
	checks   uint64 // of this many pushes, the first checkers check how full the ring is

	_ cpu.CacheLinePad
	// pressure says that the ring has reached its high-water mark: half of it is in use. A
	// caller that finds it so sets pressure, and the pump clears it.
	pressure atomic.Bool
	_        cpu.CacheLinePad

	// What follows belongs to the pump.
	identifier   *intern.Identifier
	run          []event // taken out; from next on still to become points
	next         int
	buf          []event // the memory of run
	distribution wire.Distribution
	taken        wire.Point // what Take returned last
	set          time.Time  // when the clock was set last
}

// SlotSize is what an event takes in the queue, in bytes, and hardly less in a run that is
// taken out. The queue has all its slots from the start.
const SlotSize = 48

const (
	maxAttempts = 16 // at a push, if others take the room that was made
	// evictions is how many events are evicted at once, so that not every caller must
	// evict.
	evictions = 8
	// checkers is more than one, since others may push between a push and its check.
	checkers = 8
	// setEvery is how often the clock is set by the wall clock.
	setEvery = time.Second
)

// New returns a queue. capacity must be a power of two. run is how many events are taken
// out at once.
func New(capacity, run int, s drop.Strategy, b *account.Books, w *waker.Waker, i *intern.Identifier) *Queue {
	ring, err := ringbuf.New[event](capacity)
	if err != nil {
		panic(err) // the caller has validated the capacity
	}
	return &Queue{
		ring: ring, strategy: s, books: b, waker: w, clock: clock.New(), identifier: i,
		checks: uint64(max(1, capacity/16)), buf: make([]event, 2*run), set: time.Now(),
	}
}

// Push hands a measurement over, and reports whether it was taken. It never waits. It
// counts a measurement that was not taken as offered and dropped.
func (q *Queue) Push(s Series, bits uint64) bool {
	e := event{series: s, bits: bits, time: q.clock.Now()}
	if q.pressure.Load() || !q.ring.TryPush(&e) {
		return q.pushUnderPressure(&e)
	}
	if q.waker.Asleep() {
		q.waker.Rouse()
	} else if q.ring.Pushed()&(q.checks-1) < checkers {
		q.checkMarks()
	}
	return true
}

// checkMarks wakes the pump when a quarter of the ring is in use. So the pump need not
// follow the callers all the time, and has time to run before the ring reaches its
// high-water mark. pressure is set before the signal, so that the pump sees it.
func (q *Queue) checkMarks() {
	used := q.ring.Len()
	if used >= q.ring.Cap()/2 {
		q.pressure.Store(true)
	}
	if used >= q.ring.Cap()/4 {
		q.waker.Signal()
	}
}

// pushUnderPressure asks the strategy what to do with e, and does it.
func (q *Queue) pushUnderPressure(e *event) bool {
	defer q.waker.Signal()
	load := drop.Load{Used: q.ring.Len(), Capacity: q.ring.Cap()}
	for range maxAttempts {
		if q.ring.Closed() {
			return q.refuse(wire.Shutdown)
		}
		v := q.strategy.Decide(load, e.series.Priority())
		if v.Action != drop.Accept && v.Action != drop.Evict && v.Action != drop.RefuseRingFull {
			return q.refuse(reasonOf(v.Action))
		}
		// The load is an estimate. Only the ring knows whether it is full.
		e.weight = max(e.weight, v.Weight) // the event was sampled once, and keeps the weight that it got then
		if q.ring.TryPush(e) {
			return true
		}
		if v.Action == drop.RefuseRingFull {
			break
		}
		if v.Action == drop.Evict {
			q.evict()
			if q.ring.TryPush(e) {
				return true
			}
		}
		load.Used = load.Capacity
	}
	if q.ring.Closed() {
		return q.refuse(wire.Shutdown)
	}
	return q.refuse(wire.RingFull)
}

func reasonOf(a drop.Action) wire.DropReason {
	if a == drop.RefuseSampled {
		return wire.Sampled
	}
	return wire.Priority
}

// refuse counts an event that is not pushed.
func (q *Queue) refuse(reason wire.DropReason) bool {
	q.books.Refuse(reason)
	return false
}

// evict makes room by dropping the oldest events. They were counted as offered when they
// were pushed.
func (q *Queue) evict() {
	var oldest [evictions]event
	n := q.ring.TryPopBatch(oldest[:min(evictions, max(1, q.ring.Cap()/8))])
	q.books.Drop(wire.Evicted, n)
}

// Close makes the queue take no more events.
func (q *Queue) Close() { q.ring.Close() }

// Len returns how many events wait.
func (q *Queue) Len() int { return q.ring.Len() }

// Cap returns how many events the queue has room for.
func (q *Queue) Cap() int { return q.ring.Cap() }

// Pushed returns how many events were ever pushed.
func (q *Queue) Pushed() uint64 { return q.ring.Pushed() }
