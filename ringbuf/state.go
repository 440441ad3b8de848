package ringbuf

// Close makes every later push fail. What has been pushed can still be popped.
// A push that runs at the same time either returns true, and its value will be
// popped, or false. After Close the count of pushes is final, so the ring is
// drained once [Ring.Popped] equals [Ring.Pushed]; a TryPop that returns false
// is not proof of that, because a push may still be copying its value in.
// Closing a closed ring does nothing.
func (r *Ring[T]) Close() {
	// The flag shares its word with the position, so that it also defeats the
	// compare-and-swap of a push that has read the tail already.
	r.tail.Or(flagBit)
}

// Closed reports whether Close has been called.
func (r *Ring[T]) Closed() bool {
	return r.tail.Load()&flagBit != 0
}

// Pushed returns the number of pushes that have claimed a slot so far. It is
// also a ticket: a value whose push returned before the call, or that was
// pushed by the caller, has been popped once Popped has reached the result.
// Counts start at 0 and wrap at 2^63.
func (r *Ring[T]) Pushed() uint64 {
	return r.tail.Load() & positionMask
}

// Popped returns the number of values that pops have claimed so far, those
// still being copied out included. It never exceeds a Pushed that is read after
// it. Counts start at 0 and wrap at 2^63.
func (r *Ring[T]) Popped() uint64 {
	return r.head.Load()
}

// Len returns how many values are in the ring, from 0 to Cap. It counts pushes
// that have not finished, and when others push and pop meanwhile it is an
// estimate.
func (r *Ring[T]) Len() int {
	// Head first: tail was never behind it, and is not now.
	popped := r.Popped()
	return int(min((r.Pushed()-popped)&positionMask, uint64(len(r.slots))))
}

// Cap returns the capacity the ring was made with.
func (r *Ring[T]) Cap() int {
	return len(r.slots)
}
