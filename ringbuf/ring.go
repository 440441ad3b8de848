package ringbuf

import (
	"fmt"
	"sync/atomic"
)

const (
	// maxCapacity makes a mistyped capacity an error and not a panic in make.
	maxCapacity = 1 << 30

	// flagBit marks the tail word as closed, and a slot's word as a note.
	flagBit = 1 << 63
	// positionMask cuts a word to its position. Positions wrap at 2^63.
	positionMask = flagBit - 1

	// lineSize separates what producers write from what consumers write, in bytes. It is
	// two 64-byte cache lines, because x86 prefetches lines in adjacent pairs, and one line
	// of 128 bytes on arm64 and ppc64.
	lineSize = 128
)

// Ring is a bounded first-in first-out queue of values of type T. Any number of goroutines
// may call its methods at once, and no method waits or allocates. [New] makes a Ring; the
// zero Ring is not usable. A Ring must not be copied.
//
// Values are copied in and out. A pop clears its slots, so that the ring does not
// keep what popped values refer to.
type Ring[T any] struct {
	slots []slot[T]

	_ [lineSize]byte
	// tail is the next position to push to. flagBit is set in it after Close.
	tail atomic.Uint64
	// limit is a copy of released, at times an old one. It saves producers from reading the
	// consumers' cache line on every push. An old copy does no harm: released only grows,
	// so an old copy shows fewer free slots.
	limit atomic.Uint64

	_ [lineSize - 16]byte
	// head is the next position to pop from.
	head atomic.Uint64
	// released is the position below which consumers have copied everything out. Moving it
	// gives the slots back to producers.
	released atomic.Uint64
	_        [lineSize - 16]byte
}

// slot holds a value next to its word, so that a push needs few cache lines, and shares few
// of them with the neighbouring slots. If T is 56 bytes long, a slot shares one line, and
// none in a ring of 512 slots or more, which the runtime aligns.
type slot[T any] struct {
	// The producer that claimed position p owns the slot until it stores p+1 in word, which
	// hands the value over to consumers. After that the consumer that claimed p owns the
	// slot, and may store a note, see releaseAmongOthers.
	word  atomic.Uint64
	value T
}

// New returns an empty ring of the given capacity, counted in values. The capacity must be
// a power of two from 2 to 1<<30. All the memory that the ring will ever use is allocated
// here.
func New[T any](capacity int) (*Ring[T], error) {
	return newAt[T](capacity, 0)
}

// newAt is New with a position from which the counters start.
func newAt[T any](capacity int, start uint64) (*Ring[T], error) {
	if capacity < 2 || capacity > maxCapacity || capacity&(capacity-1) != 0 {
		return nil, fmt.Errorf("ringbuf: capacity %d: want a power of two from 2 to %d", capacity, maxCapacity)
	}
	r := &Ring[T]{slots: make([]slot[T], capacity)}
	// A slot that holds nothing must not look published, which it does with p+1 in its
	// word.
	for i := range uint64(capacity) {
		p := (start + i) & positionMask
		r.slots[p%uint64(capacity)].word.Store(p)
	}
	r.tail.Store(start)
	r.limit.Store(start)
	r.head.Store(start)
	r.released.Store(start)
	return r, nil
}

// TryPush appends a copy of *v and reports whether it did. It returns false only if the
// ring is closed, or if it was full at some moment during the call. Full means that no slot
// was free: each was taken by a value, by a push under way, or by a pop still copying out.
// With several consumers, slots behind a pop that is still copying are not free either,
// even if they are already copied out.
func (r *Ring[T]) TryPush(v *T) bool {
	size := uint64(len(r.slots))
	for {
		t := r.tail.Load()
		if t&flagBit != 0 {
			return false
		}
		if (t-r.limit.Load())&positionMask >= size {
			// Since tail never passes released+size, finding released at t-size
			// after reading t means that tail is still t: full, not a lost race.
			released := r.released.Load()
			if (t-released)&positionMask == size {
				return false
			}
			r.limit.Store(released)
		}
		// If another producer has taken t, the swap fails.
		next := (t + 1) & positionMask
		if r.tail.CompareAndSwap(t, next) {
			s := &r.slots[t&(size-1)]
			s.value = *v
			s.word.Store(next)
			return true
		}
	}
}

// TryPop moves the oldest value to *v and reports whether it did. It returns false, and
// does not change *v, only if the oldest position was not published at some moment during
// the call: the ring was empty, or the push that claimed the position had not finished. In
// the first case [Ring.Popped] equals [Ring.Pushed], in the second it is less.
func (r *Ring[T]) TryPop(v *T) bool {
	var zero T
	mask := uint64(len(r.slots)) - 1
	for {
		h := r.head.Load()
		next := (h + 1) & positionMask
		s := &r.slots[h&mask]
		if s.word.Load() != next {
			// If head has not moved, the word was about h and not about a later lap.
			if r.head.Load() == h {
				return false
			}
			continue
		}
		if r.head.CompareAndSwap(h, next) {
			*v = s.value
			s.value = zero
			moved := r.released.CompareAndSwap(h, next)
			if !moved || r.slots[next&mask].word.Load()&flagBit != 0 {
				r.releaseAmongOthers(h, next, moved)
			}
			return true
		}
	}
}

// TryPopBatch moves the oldest values to the front of dst and returns their number: up to
// len(dst), ending before the first push that has not finished. The values are consecutive
// in the ring. It returns 0 for an empty dst, and whenever [Ring.TryPop] would return
// false. The elements of dst behind the returned number do not change.
func (r *Ring[T]) TryPopBatch(dst []T) int {
	var zero T
	slots := r.slots
	mask := uint64(len(slots)) - 1
	for {
		h := r.head.Load()
		n := uint64(0)
		for n < uint64(len(dst)) && slots[(h+n)&mask].word.Load() == (h+n+1)&positionMask {
			n++
		}
		if n == 0 {
			if r.head.Load() == h {
				return 0
			}
			continue
		}
		next := (h + n) & positionMask
		if r.head.CompareAndSwap(h, next) {
			for i := range dst[:n] {
				s := &slots[(h+uint64(i))&mask]
				dst[i] = s.value
				s.value = zero
			}
			moved := r.released.CompareAndSwap(h, next)
			if !moved || slots[next&mask].word.Load()&flagBit != 0 {
				r.releaseAmongOthers(h, next, moved)
			}
			return int(n)
		}
	}
}

// releaseAmongOthers gives back the run from..next, which the caller has copied out. It is
// needed only if several consumers are at work at once. The caller has tried to move
// released from one end of the run to the other, and moved says whether that succeeded.
//
// If it did not succeed, an earlier run is still being copied out, and a note says that
// this run is done. The consumer of the earlier run moves released first and then looks for
// a note. Here the note comes first, and then the attempt to move released. Since atomics
// are sequentially consistent, one of the two sees the other.
//
// The goroutine that moves released moves it over the finished runs that follow. It stops
// when another goroutine has moved released, since that one carries on.
func (r *Ring[T]) releaseAmongOthers(from, next uint64, moved bool) {
	size := uint64(len(r.slots))
	if !moved {
		r.slots[from&(size-1)].word.Store(next | flagBit)
		moved = r.released.CompareAndSwap(from, next)
	}
	for moved {
		note := r.slots[next&(size-1)].word.Load()
		from, next = next, note&positionMask
		// A run is 1 to size long, so a note with any other end is of another lap.
		if note&flagBit == 0 || (next-from-1)&positionMask >= size {
			return
		}
		moved = r.released.CompareAndSwap(from, next)
	}
}
