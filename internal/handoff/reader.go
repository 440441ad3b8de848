package handoff

import (
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// maxSets bounds the attribute sets that are kept in wire form.
const maxSets = 16384

// Reader is the pump's end of the queue. It takes points out a run at a time, and brings
// their attribute sets into wire form. It belongs to one goroutine.
type Reader struct {
	queue *Queue
	sets  *intern.AttributeSets

	run      []point // taken out, from next on still to be packed
	next     int
	buf      []point               // backs run
	known    []*intern.InternedSet // a scratch for intern
	handedAt int64                 // when the first of run was handed over, in Unix nanoseconds
	ended    uint64                // the end that Ended has reported last

	// What Take has returned last: a point, what it was made of, and the payload that it
	// refers to.
	taken wire.Point
	from  *point
	held  *payload
}

// Reader returns the queue's reader. There must be one.
func (q *Queue) Reader() *Reader {
	return &Reader{
		queue: q, sets: intern.NewAttributeSets(maxSets, q.config.Memory), buf: make([]point, q.config.Run), known: make([]*intern.InternedSet, q.config.Run),
	}
}

// Fill takes a run of points out of the queue, unless some of the last run are left. It
// reports whether there are any.
func (r *Reader) Fill() bool {
	r.release()
	if r.next < len(r.run) {
		return true
	}
	clear(r.run) // so that the reader keeps nothing alive
	r.run, r.next = nil, 0
	q := r.queue
	f := q.points.Load()
	if f == nil {
		return false
	}
	n := f.popBatch(r.buf)
	if n == 0 {
		return false
	}
	q.config.Books.Take(n)
	r.run, r.next = r.buf[:n], 0
	r.handedAt = q.handedAt(f.popped.Load() - uint64(n))
	r.intern()
	q.makeRoom()
	return true
}

// intern finds the wire form of the run's attribute sets that are known.
//
// It is two loops whose steps do not depend on each other, since most of their time is waiting
// for memory: the processor waits for several sets at once. With 1,000 series that takes a
// fifth off what the pump does for a point.
func (r *Reader) intern() {
	if r.queue.config.NoInterning {
		return
	}
	for i := range r.run {
		if r.run[i].compiled == nil {
			r.known[i] = r.sets.Candidate(r.run[i].attributes)
		}
	}
	for i := range r.run {
		if p := &r.run[i]; p.compiled == nil {
			p.compiled = r.known[i].Is(p.attributes)
		}
	}
	clear(r.known[:len(r.run)]) // the cache alone keeps them
}

// Take returns the next point of the run, valid until the next call of Take or Fill, and when
// it was handed over, in Unix nanoseconds. It returns false at the end of the run. A point
// that has no wire form is counted as dropped.
func (r *Reader) Take() (p *wire.Point, handedAt int64, ok bool) {
	r.release()
	for r.next < len(r.run) {
		pt := &r.run[r.next]
		r.next++
		sendable := r.convert(pt)
		r.from, r.held, pt.payload = pt, pt.payload, nil
		if sendable {
			return &r.taken, r.handedAt, true
		}
		r.queue.config.Notices.Unsendable(pt.metric, &pt.attributes)
		r.queue.config.Books.Lose(wire.Encode, 1)
		r.release()
	}
	return nil, 0, false
}

// convert makes a point of the wire of pt, and reports whether it has a wire form.
func (r *Reader) convert(pt *point) (sendable bool) {
	r.taken = wire.Point{Metric: pt.metric, Attributes: pt.compiled, StartTime: pt.startTime, Time: pt.time, Bits: pt.bits}
	sendable = true
	if pt.compiled == nil {
		r.taken.Attributes, sendable = r.sets.Intern(pt.attributes)
	}
	if x := pt.payload; x != nil {
		sendable = sendable && !x.invalid
		r.taken.Exemplars = x.exemplars
		if x.distributed {
			r.taken.Distribution = &x.distribution
		}
	}
	return sendable
}

// NewPacket says that a packet begins, with the point taken last if there is one. Without
// interning it forgets all attribute sets. It interns the set of that point anew, so that the
// point shares its strings with the others of its packet. The set of the first point of a packet
// is therefore interned twice.
func (r *Reader) NewPacket() {
	if !r.queue.config.NoInterning {
		return
	}
	r.sets.Forget()
	if r.from != nil && r.from.compiled == nil {
		r.taken.Attributes, _ = r.sets.Intern(r.from.attributes)
	}
}

// release gives back what the point taken last refers to.
func (r *Reader) release() {
	r.from = nil
	if r.held != nil {
		r.queue.payloads.give(r.held)
		r.held = nil
		r.queue.makeRoom()
	}
}

// Pending returns how many points of the run are left.
func (r *Reader) Pending() int { return len(r.run) - r.next }

// Len returns how many points wait in the queue.
func (r *Reader) Len() int { return r.queue.Len() }

// Pushed returns how many points were ever pushed into the queue.
func (r *Reader) Pushed() uint64 { return r.queue.pushed() }

// Taken returns how many points Take has ever returned or dropped.
func (r *Reader) Taken() uint64 { return r.queue.popped() - uint64(r.Pending()) }

// Ended reports, once, whether all points of an Export or a collection that has ended are
// taken. Their packet need not wait for more.
func (r *Reader) Ended() bool {
	end := r.queue.end.Load()
	if end == r.ended || int64(r.Taken()-end) < 0 {
		return false
	}
	r.ended = end
	return true
}

// Discard drops all points that are left, as shutdown. The queue must be closed.
func (r *Reader) Discard() {
	r.release()
	for left := true; left; left = r.Fill() {
		for ; r.next < len(r.run); r.next++ {
			r.queue.config.Books.Lose(wire.Shutdown, 1)
			r.held, r.run[r.next].payload = r.run[r.next].payload, nil
			r.release()
		}
	}
}
