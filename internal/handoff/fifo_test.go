package handoff

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
)

// TestQueueIsInOrder against a slice, at every capacity around a segment's.
func TestQueueIsInOrder(t *testing.T) {
	for _, capacity := range []int{1, 2, 4, 128, 256, 512, 2048} {
		r := rand.New(rand.NewPCG(1, uint64(capacity)))
		q := newFIFO(capacity)
		var want []uint64
		next := uint64(0)
		for range 3000 {
			for range r.IntN(capacity + 2) {
				ok := q.tryPush(&point{bits: next})
				if ok != (len(want) < capacity) {
					t.Fatalf("%t with %d points of %d", ok, len(want), capacity)
				}
				if ok {
					want = append(want, next)
				}
				next++
			}
			to := make([]point, r.IntN(capacity+2))
			n := q.popBatch(to)
			require.Equal(t, min(len(to), len(want)), n)
			for i := range n {
				if to[i].bits != want[i] {
					t.Fatalf("point %d for %d", to[i].bits, want[i])
				}
			}
			want = want[n:]
			require.Equal(t, len(want), q.len())
		}
	}
}

// TestQueueBetweenTwo has one push while another pops.
func TestQueueBetweenTwo(t *testing.T) {
	const points = 100_000
	q := newFIFO(1024)
	go func() {
		for n := uint64(0); n < points; {
			if q.tryPush(&point{bits: n, payload: &payload{}}) {
				n++
			} else {
				runtime.Gosched()
			}
		}
	}()
	to := make([]point, 50)
	for next := uint64(0); next < points; {
		n := q.popBatch(to)
		if n == 0 {
			runtime.Gosched()
		}
		for i := range n {
			require.Equal(t, next, to[i].bits)
			require.NotNil(t, to[i].payload)
			next++
		}
		assert.LessOrEqual(t, q.len(), 1024)
	}
}

// TestQueueTakesWhatItNeeds: it has as many segments as points ever waited at once, keeps
// nothing that was popped, and allocates nothing then.
func TestQueueTakesWhatItNeeds(t *testing.T) {
	const capacity, burst = 1 << 16, 1000
	before := allocs.Heap()
	q := newFIFO(capacity)
	to := make([]point, 64)
	turn := func() {
		for range burst {
			q.tryPush(&point{})
		}
		for q.popBatch(to) > 0 {
		}
	}
	for range 1000 {
		turn()
	}
	assert.Zero(t, allocs.In(100, turn))
	assert.Less(t, allocs.Heap()-before, int64((burst/segmentLen+4)*segmentLen*SlotSize+64<<10))
	runtime.KeepAlive(q)
	for range capacity {
		require.True(t, q.tryPush(&point{}))
	}
	require.False(t, q.tryPush(&point{}))
	for q.popBatch(to) > 0 {
	}
	full := func() {
		for q.tryPush(&point{}) {
		}
		for q.popBatch(to) > 0 {
		}
	}
	full()
	assert.Zero(t, allocs.In(3, full), "the segments come back")
}
