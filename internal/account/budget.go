package account

import "sync/atomic"

// Budget bounds the memory of what grows with the traffic: payloads, caches and names
// of both paths, instruments and series of the direct one. Its users may be many
// goroutines at once.
type Budget struct {
	left    atomic.Int64 // bytes
	reached atomic.Bool  // something was dropped for want of it
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.Give(bytes)
	return b
}

// Take takes bytes from the budget, if there are so many left. One that asks for too
// many is in nobody's way.
func (b *Budget) Take(bytes int64) bool {
	for {
		left := b.left.Load()
		if left < bytes {
			return false
		}
		if b.left.CompareAndSwap(left, left-bytes) {
			return true
		}
	}
}

// Need is Take for what points or measurements are dropped without.
func (b *Budget) Need(bytes int64) bool {
	ok := b.Take(bytes)
	if !ok && !b.reached.Load() {
		b.reached.Store(true)
	}
	return ok
}

// Charge takes bytes whether they are left or not: for what is small and cannot be done
// without. Until as much is given back there is nothing for others.
func (b *Budget) Charge(bytes int64) { b.left.Add(-bytes) }

// Give gives bytes back.
func (b *Budget) Give(bytes int64) { b.left.Add(bytes) }

// Split sets the part of what is left that is one of so many aside, and returns it.
func (b *Budget) Split(parts int64) int64 {
	part := b.left.Load() / parts
	b.Give(-part)
	return part
}

// Left returns how many bytes are left, at the moment.
func (b *Budget) Left() int64 { return b.left.Load() }

// Reached reports whether something was ever dropped for want of memory.
func (b *Budget) Reached() bool { return b.reached.Load() }

// Shares is a budget of which a part is set aside for what can be made anew, so that this
// takes nothing from what points are dropped without.
type Shares struct{ spare, needed *Budget }

// NewShares sets the part of b that is one of so many aside.
func NewShares(b *Budget, parts int64) Shares {
	return Shares{spare: NewBudget(b.Split(parts)), needed: b}
}

// Take takes bytes of the part that was set aside, if there are so many left.
func (s Shares) Take(bytes int64) bool { return s.spare.Take(bytes) }

// Return gives what Take took back.
func (s Shares) Return(bytes int64) { s.spare.Give(bytes) }

// Need takes bytes for what points are dropped without, if there are so many left.
func (s Shares) Need(bytes int64) bool { return s.needed.Need(bytes) }

// Give gives what Need took back.
func (s Shares) Give(bytes int64) { s.needed.Give(bytes) }
