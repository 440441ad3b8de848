package pipeline

import "sync/atomic"

// budget bounds the memory of the direct path's instruments, series and names.
type budget struct{ left atomic.Int64 } // bytes

// take takes bytes from the budget, if there are so many left.
func (b *budget) take(bytes int64) bool {
	if b.left.Add(-bytes) >= 0 {
		return true
	}
	b.left.Add(bytes)
	return false
}

func (b *budget) give(bytes int64) { b.left.Add(bytes) }
