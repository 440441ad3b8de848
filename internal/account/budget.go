package account

import "sync/atomic"

// Budget bounds the memory of what grows with the traffic: payloads, caches and names of
// both paths, instruments and series of the direct path. Many goroutines may use it at
// once.
type Budget struct {
	left    atomic.Int64 // bytes
	reached atomic.Bool  // something was dropped because too little was left
}

// NewBudget returns a budget of that many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.Give(bytes)
	return b
}

// Take takes bytes from the budget if that many are left, and reports whether it did. A
// caller that asks for too many does not hinder others.
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

// Need is Take for memory without which points or measurements are dropped.
func (b *Budget) Need(bytes int64) bool {
	ok := b.Take(bytes)
	if !ok && !b.reached.Load() {
		b.reached.Store(true)
	}
	return ok
}

// Charge takes bytes whether they are left or not, for what is small and cannot be done
// without. Until that much is given back, nothing is left for others.
func (b *Budget) Charge(bytes int64) { b.left.Add(-bytes) }

// Give gives bytes back.
func (b *Budget) Give(bytes int64) { b.left.Add(bytes) }

// Split sets one of parts parts of what is left aside, and returns its size.
func (b *Budget) Split(parts int64) int64 {
	part := b.left.Load() / parts
	b.Give(-part)
	return part
}

// Left returns how many bytes are left at the moment.
func (b *Budget) Left() int64 { return b.left.Load() }

// Reached reports whether something was ever dropped because too little memory was left.
func (b *Budget) Reached() bool { return b.reached.Load() }

// Shares is a budget with a part set aside for what can be made anew. So that takes nothing
// from the memory without which points are dropped.
type Shares struct{ spare, needed *Budget }

// NewShares sets one of parts parts of b aside.
func NewShares(b *Budget, parts int64) Shares {
	return Shares{spare: NewBudget(b.Split(parts)), needed: b}
}

// Take takes bytes from the part that was set aside, if that many are left.
func (s Shares) Take(bytes int64) bool { return s.spare.Take(bytes) }

// Return gives back what Take took.
func (s Shares) Return(bytes int64) { s.spare.Give(bytes) }

// Need takes bytes without which points are dropped, if that many are left.
func (s Shares) Need(bytes int64) bool { return s.needed.Need(bytes) }

// Give gives back what Need took.
func (s Shares) Give(bytes int64) { s.needed.Give(bytes) }
