package ringbuf

// Close makes every later push fail. What has been pushed can still be popped. A push that
// runs at the same time either returns true, and its value will be popped, or returns
// false. After Close the number of pushes is final, so the ring is drained once
// [Ring.Popped] equals [Ring.Pushed]. A TryPop that returns false does not prove that,
// because a push may still be copying its value in. Closing a closed ring does nothing.
func (r *Ring[T]) Close() {
	// The flag is in one word with the position, so that the compare-and-swap of a push
	// fails even if the push has read the tail already.
	r.tail.Or(flagBit)
}

// Closed reports whether Close has been called.
func (r *Ring[T]) Closed() bool {
	return r.tail.Load()&flagBit != 0
}

// Pushed returns how many pushes have claimed a slot so far. The number is also a ticket: a
// value whose push returned before the call has been popped once Popped has reached the
// result. Counts start at 0 and wrap at 2^63.
func (r *Ring[T]) Pushed() uint64 {
	return r.tail.Load() & positionMask
}

// Popped returns how many values pops have claimed so far. Values that are still being
// copied out are included. It never exceeds a Pushed that is read after it. Counts start at
// 0 and wrap at 2^63.
func (r *Ring[T]) Popped() uint64 {
	return r.head.Load()
}

// Len returns how many values are in the ring, from 0 to Cap. It includes pushes that have
// not finished. While other goroutines push and pop it is an estimate.
func (r *Ring[T]) Len() int {
	// Head is read first: tail was never behind it, and is not now.
	popped := r.Popped()
	return int(min((r.Pushed()-popped)&positionMask, uint64(len(r.slots))))
}

// Cap returns the capacity with which the ring was made.
func (r *Ring[T]) Cap() int {
	return len(r.slots)
}
