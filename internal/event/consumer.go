package event

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Fill takes a run of events out of the ring, twice as long under pressure, unless some are
// left of the last run. It returns whether there are any. Only the pump calls it.
func (q *Queue) Fill() bool {
	if q.next < len(q.run) {
		return true
	}
	n := len(q.buf) / 2
	if q.pressure.Load() {
		n = len(q.buf)
	}
	n = q.ring.TryPopBatch(q.buf[:n])
	q.run, q.next = q.buf[:n], 0
	q.books.Take(n)
	q.clearPressure()
	if now := time.Now(); n > 0 && now.Sub(q.set) >= setEvery {
		q.clock.Set()
		q.set = now
	}
	return n > 0
}

// clearPressure clears pressure if the ring is below its high-water mark again.
func (q *Queue) clearPressure() {
	if q.pressure.Load() && q.ring.Len() < q.ring.Cap()/2 {
		q.pressure.Store(false)
	}
}

// Take makes the point of the next event of the run, valid until the next call, and returns
// when it was measured, in Unix nanoseconds. That is 0 for the exporter's own metrics,
// whose latency would in turn be a measurement. Take returns false at the end of the run.
// It counts a point that cannot be sent as dropped.
func (q *Queue) Take() (p *wire.Point, recorded int64, ok bool) {
	for q.next < len(q.run) {
		e := &q.run[q.next]
		q.next++
		point, reason, sendable := e.series.Point(q.identifier, e.bits, uint64(max(1, e.weight)), e.time, &q.distribution)
		if !sendable {
			q.books.Lose(reason, 1)
			continue
		}
		q.taken = point
		if !e.series.Own() {
			recorded = e.time
		}
		return &q.taken, recorded, true
	}
	clear(q.run) // so that the run keeps no series in memory
	q.run, q.next = nil, 0
	return nil, 0, false
}

// Pending returns how many events of the run are left.
func (q *Queue) Pending() int { return len(q.run) - q.next }

// Taken returns how many events Take has ever returned or dropped, plus how many were
// evicted.
func (q *Queue) Taken() uint64 { return q.ring.Popped() - uint64(q.Pending()) }

// discardWait bounds how long Discard waits for callers in the middle of a push. These
// callers wait for nothing, and only need to be scheduled.
const discardWait = time.Second

// halfPushed is how long to pause if the ring holds something and yet gives nothing,
// because a caller is in the middle of a push.
const halfPushed = 50 * time.Microsecond

// Discard drops what is left in a closed queue.
func (q *Queue) Discard() {
	q.books.Lose(wire.Shutdown, q.Pending())
	q.run, q.next = nil, 0
	for end := time.Now().Add(discardWait); q.ring.Popped() != q.ring.Pushed() && time.Now().Before(end); {
		n := q.ring.TryPopBatch(q.buf)
		if n == 0 {
			time.Sleep(halfPushed)
			continue
		}
		q.books.Drop(wire.Shutdown, n)
	}
}
