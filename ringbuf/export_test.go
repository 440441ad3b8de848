package ringbuf

// NewAt is New with counters that start at the given position, so that tests
// reach the wrap of the counters.
func NewAt[T any](capacity int, start uint64) (*Ring[T], error) {
	return newAt[T](capacity, start&positionMask)
}

// PositionMask is the highest position; the next one is 0.
const PositionMask = uint64(positionMask)

// Claim takes the next position to push to and does not fill it, like a producer that is
// descheduled in the middle of a push.
func (r *Ring[T]) Claim() uint64 {
	t := r.tail.Load()
	r.tail.Store((t + 1) & positionMask)
	return t
}

// Publish finishes the push that claimed position p.
func (r *Ring[T]) Publish(p uint64, v T) {
	r.slots[p&uint64(len(r.slots)-1)].value = v
	r.slots[p&uint64(len(r.slots)-1)].word.Store((p + 1) & positionMask)
}

// Take claims the next n values and does not copy them out, like a consumer that is
// descheduled in the middle of a pop.
func (r *Ring[T]) Take(n int) uint64 {
	h := r.head.Load()
	r.head.Store((h + uint64(n)) & positionMask)
	return h
}

// Release finishes the pop that took n values at position p.
func (r *Ring[T]) Release(p uint64, n int) {
	next := (p + uint64(n)) & positionMask
	r.releaseAmongOthers(p, next, r.released.CompareAndSwap(p, next))
}

// Free returns how many slots a push could take now.
func (r *Ring[T]) Free() int {
	used := (r.tail.Load()&positionMask - r.released.Load()) & positionMask
	return len(r.slots) - int(used)
}
