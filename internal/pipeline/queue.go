package pipeline

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/ringbuf"
)

// queue is the point queue: a bounded first-in first-out queue for one producer and one
// consumer at a time. It is made of segments that are used again and again, so that it
// takes the memory of the most points that ever waited, and not of all it may hold.
type queue struct {
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

// segmentLen is how many slots a segment has, unless the queue has fewer.
const segmentLen = 256

// newQueue returns one for so many points, a power of two.
func newQueue(capacity int) *queue {
	n := min(segmentLen, capacity)
	// One segment may be half pushed and one half popped beside those that are full.
	spare, err := ringbuf.New[*segment](2 * max(1, capacity/n))
	if err != nil {
		panic(err) // whoever fills in Config validates the capacity
	}
	first := &segment{slots: make([]point, n)}
	return &queue{capacity: uint64(capacity), head: first, tail: first, spare: spare}
}

// tryPush takes a copy of p, and returns false where there is no room. It is for the
// producer.
func (q *queue) tryPush(p *point) bool {
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
func (q *queue) extend(size int) {
	var s *segment
	if !q.spare.TryPop(&s) {
		s = &segment{slots: make([]point, size)}
	}
	q.tail.next.Store(s)
	q.tail = s
}

// popBatch moves what there is into to, and returns how many that were. It is for the
// consumer.
func (q *queue) popBatch(to []point) int {
	n := q.popped.Load()
	total := int(min(q.pushed.Load()-n, uint64(len(to))))
	for left := to[:total]; len(left) > 0; {
		first := int(n % uint64(len(q.head.slots)))
		if first == 0 && n > 0 {
			q.shorten()
		}
		from := q.head.slots[first:]
		moved := copy(left, from)
		clear(from[:moved]) // what a slot refers to is not kept for it
		left, n = left[moved:], n+uint64(moved)
	}
	q.popped.Store(n)
	return total
}

// shorten gives the first segment back, which is empty.
func (q *queue) shorten() {
	s := q.head
	q.head = s.next.Load()
	s.next.Store(nil)
	q.spare.TryPush(&s)
}

// len returns how many points wait.
func (q *queue) len() int {
	popped := q.popped.Load() // first, so that it is not ahead
	return int(min(q.pushed.Load()-popped, q.capacity))
}
