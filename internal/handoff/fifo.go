package handoff

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/ringbuf"
)

// fifo holds the points of the queue, first in first out, for one producer and one consumer
// at a time. It is made of segments that are used again and again: it takes the memory of
// the most points that ever waited, and not of all it may hold.
type fifo struct {
	capacity uint64
	pushed   atomic.Uint64 // by the producer
	_        cpu.CacheLinePad
	popped   atomic.Uint64 // by the consumer
	_        cpu.CacheLinePad

	tail  *segment                // the producer's
	head  *segment                // the consumer's
	spare *ringbuf.Ring[*segment] // from the consumer to the producer
}

// segment is a run of slots.
type segment struct {
	slots []point
	next  atomic.Pointer[segment]
}

// segmentLen is how many slots a segment has, unless the capacity is less.
const segmentLen = 256

// newFIFO returns an empty one for capacity points, a power of two.
func newFIFO(capacity int) *fifo {
	n := min(segmentLen, capacity)
	// Besides those that are full, one segment may be half pushed and one half popped.
	spare, err := ringbuf.New[*segment](2 * max(1, capacity/n))
	if err != nil {
		panic(err) // whoever fills in Config validates the capacity
	}
	first := &segment{slots: make([]point, n)}
	return &fifo{capacity: uint64(capacity), head: first, tail: first, spare: spare}
}

// tryPush takes a copy of p, and returns false if there is no room. The producer calls it.
func (q *fifo) tryPush(p *point) bool {
	n := q.pushed.Load()
	if n-q.popped.Load() >= q.capacity {
		return false
	}
	size := uint64(len(q.tail.slots))
	if n%size == 0 && n > 0 {
		q.extend(int(size))
	}
	q.tail.slots[n%size] = *p
	q.pushed.Store(n + 1)
	return true
}

// extend appends a segment.
func (q *fifo) extend(size int) {
	var s *segment
	if !q.spare.TryPop(&s) {
		s = &segment{slots: make([]point, size)}
	}
	q.tail.next.Store(s)
	q.tail = s
}

// popBatch moves points into to, as many as there are and to has room for, and returns their
// number. The consumer calls it.
func (q *fifo) popBatch(to []point) int {
	n := q.popped.Load()
	total := int(min(q.pushed.Load()-n, uint64(len(to))))
	for left := to[:total]; len(left) > 0; {
		first := int(n % uint64(len(q.head.slots)))
		if first == 0 && n > 0 {
			q.shorten()
		}
		from := q.head.slots[first:]
		moved := copy(left, from)
		clear(from[:moved]) // so that the queue keeps nothing alive
		left, n = left[moved:], n+uint64(moved)
	}
	q.popped.Store(n)
	return total
}

// shorten gives the first segment, which is empty, back to the producer.
func (q *fifo) shorten() {
	s := q.head
	q.head = s.next.Load()
	s.next.Store(nil)
	q.spare.TryPush(&s)
}

// len returns how many points wait.
func (q *fifo) len() int {
	popped := q.popped.Load() // first: it must not be ahead of pushed
	return int(min(q.pushed.Load()-popped, q.capacity))
}
