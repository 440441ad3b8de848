package pipeline

import "sync/atomic"

// budget bounds the memory of what grows with the traffic: payloads, caches and
// names of both paths, instruments and series of the direct one. Its users may be
// many goroutines at once.
type budget struct {
	left    atomic.Int64 // bytes
	reached atomic.Bool  // something was dropped for want of it
}

func newBudget(bytes int64) *budget {
	b := &budget{}
	b.give(bytes)
	return b
}

// take takes bytes from the budget, if there are so many left. One that asks for too
// many is in nobody's way.
func (b *budget) take(bytes int64) bool {
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

// need is take for what measurements are dropped without.
func (b *budget) need(bytes int64) bool {
	ok := b.take(bytes)
	if !ok && !b.reached.Load() {
		b.reached.Store(true)
	}
	return ok
}

func (b *budget) give(bytes int64) { b.left.Add(bytes) }

// has reports whether so many bytes are left, at the moment.
func (b *budget) has(bytes int64) bool { return b.left.Load() >= bytes }

const (
	// What a slot of the ring of each lane takes, and hardly less in the runs that
	// are taken out of it.
	pointSlot = 72
	eventSlot = 64
	// baseMemory is an allowance for the packer's tables, buffers and goroutines.
	baseMemory = 192 << 10
)

// FixedMemory is what a pipeline takes whatever comes, in bytes: rings of so many
// points, runs, and buffers for packets of so many bytes. Those for larger bodies are
// charged to the budget when they are made.
func FixedMemory(points, run, packet int) int64 {
	return pointSlot*int64(points+run) + eventSlot*int64(points+2*run) + int64(maxReadyBytes+2*packet) + baseMemory
}
