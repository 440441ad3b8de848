package table

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHalfStaysEmpty: however many callers add at once, half of the slots stay empty.
// Otherwise a search for what is not there would not end.
func TestHalfStaysEmpty(t *testing.T) {
	const adders, rounds = 8, 20_000
	type entry struct{ key uint64 }
	var sealed entry
	for range rounds {
		var table Table[entry]
		table.Init(&sealed, func(e *entry) uint64 { return e.key * 0x9e3779b97f4a7c15 }, func(*entry) bool { return false })
		var group sync.WaitGroup
		begin := make(chan struct{})
		for n := range adders {
			group.Go(func() {
				e := &entry{key: uint64(n)}
				<-begin
				table.Add(e, func(x *entry) bool { return x.key == e.key })
			})
		}
		close(begin)
		group.Wait()
		slots, used := table.Slots(), 0
		for i := range slots.at {
			if slots.at[i].Load() != nil {
				used++
			}
		}
		require.Equal(t, adders, used)
		require.LessOrEqual(t, 2*used, len(slots.at))
	}
}
