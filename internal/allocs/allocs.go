// Package allocs counts allocations and measures the heap, for the tests.
package allocs

import (
	"runtime"
	"testing"
)

const rounds = 3

// In is how often so many calls of f allocate, all of them together: the mean of
// [testing.AllocsPerRun] is a whole number, in which what happens once in some calls
// does not show. The runtime allocates for itself now and then, and is counted, too:
// the least of a few rounds is what f does.
func In(calls int, f func()) float64 {
	least := 0.0
	for round := range rounds {
		n := testing.AllocsPerRun(1, func() {
			for range calls {
				f()
			}
		})
		if round == 0 || n < least {
			least = n
		}
		if least == 0 {
			break
		}
	}
	return least
}

// Heap is how much of the heap is live, in bytes.
func Heap() int64 {
	runtime.GC()
	runtime.GC() // sweeps what the first one found
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
