package ringbuf_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/ringbuf"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// starts are the positions from which every law is checked: the ordinary one, and one just
// before the counters wrap.
var starts = map[string]uint64{
	"from zero":       0,
	"before the wrap": ringbuf.PositionMask - 300,
	"at the wrap":     ringbuf.PositionMask,
}

func newAt[T any](t testing.TB, capacity int, start uint64) *ringbuf.Ring[T] {
	t.Helper()
	r, err := ringbuf.NewAt[T](capacity, start)
	require.NoError(t, err)
	return r
}

func push[T any](r *ringbuf.Ring[T], v T) bool {
	return r.TryPush(&v)
}

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		capacity int
		ok       bool
	}{
		{math.MinInt, false}, {-2, false}, {-1, false}, {0, false}, {1, false},
		{2, true}, {3, false}, {4, true}, {6, false}, {1000, false}, {1024, true},
		{16384, true}, {16385, false}, {1<<30 + 1, false}, {math.MaxInt, false},
	} {
		r, err := ringbuf.New[struct{}](tc.capacity)
		if !tc.ok {
			assert.Nil(t, r)
			assert.ErrorContains(t, err, "power of two from 2 to 1073741824", "capacity %d", tc.capacity)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tc.capacity, r.Cap())
		assert.Zero(t, r.Len())
		assert.False(t, r.Closed())
	}
	_, err := ringbuf.New[int](12)
	assert.EqualError(t, err, "ringbuf: capacity 12: want a power of two from 2 to 1073741824")
}

func TestFillAndDrain(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			r := newAt[int](t, 8, start)
			for lap := range 100 {
				for i := range 8 {
					require.Equal(t, i, r.Len())
					require.True(t, push(r, lap*8+i))
				}
				require.False(t, push(r, -1), "a full ring refuses")
				require.Equal(t, 8, r.Len())
				for i := range 8 {
					var v int
					require.True(t, r.TryPop(&v))
					require.Equal(t, lap*8+i, v)
				}
				v := -7
				require.False(t, r.TryPop(&v), "an empty ring has nothing")
				require.Equal(t, -7, v, "a refused pop leaves the target alone")
			}
			wantCount := (start + 800) & ringbuf.PositionMask
			assert.Equal(t, wantCount, r.Pushed())
			assert.Equal(t, wantCount, r.Popped())
		})
	}
}

func TestTryPopBatch(t *testing.T) {
	for _, tc := range []struct {
		name               string
		skip, pushed, room int
		want               []int
	}{
		{"empty ring", 0, 0, 4, nil},
		{"no room", 0, 3, 0, nil},
		{"fewer than room", 0, 3, 4, []int{0, 1, 2}},
		{"exactly room", 0, 4, 4, []int{0, 1, 2, 3}},
		{"more than room", 0, 6, 4, []int{0, 1, 2, 3}},
		{"room for more than the ring", 0, 8, 20, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"across the end of the slots", 6, 5, 8, []int{0, 1, 2, 3, 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, start := range starts {
				r := newAt[int](t, 8, start)
				var v int
				for range tc.skip {
					require.True(t, push(r, -1) && r.TryPop(&v))
				}
				for i := range tc.pushed {
					require.True(t, push(r, i))
				}
				dst := make([]int, tc.room+1)
				dst[tc.room] = -7
				n := r.TryPopBatch(dst[:tc.room])
				assert.Equal(t, tc.want, append([]int(nil), dst[:n]...), name)
				assert.Equal(t, tc.pushed-n, r.Len(), name)
				assert.Equal(t, -7, dst[tc.room], name)
			}
		})
	}
}

// TestAgainstModel runs every operation in pseudo-random order next to a slice.
func TestAgainstModel(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			const capacity = 16
			r := newAt[uint32](t, capacity, start)
			var model []uint32
			dst := make([]uint32, 12)
			x := uint32(2463534242)
			for range 20_000 {
				x ^= x << 13
				x ^= x >> 17
				x ^= x << 5
				switch x % 8 {
				case 0, 1, 2, 3:
					require.Equal(t, len(model) < capacity, r.TryPush(&x))
					if len(model) < capacity {
						model = append(model, x)
					}
				case 4, 5, 6:
					var v uint32
					require.Equal(t, len(model) > 0, r.TryPop(&v))
					if len(model) > 0 {
						require.Equal(t, model[0], v)
						model = model[1:]
					}
				default:
					room := int(x >> 8 % 13)
					n := r.TryPopBatch(dst[:room])
					require.Equal(t, min(len(model), room), n)
					require.True(t, slices.Equal(model[:n], dst[:n]))
					model = model[n:]
				}
				require.Equal(t, len(model), r.Len())
			}
		})
	}
}

func TestClose(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			r := newAt[string](t, 4, start)
			require.True(t, push(r, "a") && push(r, "b"))
			r.Close()
			r.Close()
			assert.True(t, r.Closed())
			assert.False(t, push(r, "c"), "closed, though not full")
			assert.Equal(t, 2, r.Len())
			assert.Equal(t, (start+2)&ringbuf.PositionMask, r.Pushed())

			var v string
			require.True(t, r.TryPop(&v))
			assert.Equal(t, "a", v)
			dst := make([]string, 4)
			require.Equal(t, 1, r.TryPopBatch(dst))
			assert.Equal(t, "b", dst[0])
			assert.False(t, r.TryPop(&v))
			assert.Zero(t, r.TryPopBatch(dst))
			assert.False(t, push(r, "d"), "closed, though empty")
			assert.Equal(t, r.Pushed(), r.Popped())
		})
	}
}

func TestUnfinishedPush(t *testing.T) {
	r := newAt[int](t, 4, ringbuf.PositionMask-1)
	require.True(t, push(r, 1))
	p := r.Claim()
	require.True(t, push(r, 3))

	dst := make([]int, 4)
	require.Equal(t, 1, r.TryPopBatch(dst), "the batch ends before the unfinished push")
	require.Equal(t, 1, dst[0])
	var v int
	require.False(t, r.TryPop(&v))
	require.Equal(t, 2, r.Len(), "not empty, though nothing can be popped")
	require.True(t, push(r, 4) && push(r, 5))
	require.False(t, push(r, 6), "an unfinished push takes a slot")

	r.Publish(p, 2)
	require.Equal(t, 4, r.TryPopBatch(dst))
	require.Equal(t, []int{2, 3, 4, 5}, dst)
}

// TestUnfinishedPops lets four overlapping pops finish in every order. At any moment the
// slots of the longest finished prefix are free, and no others.
func TestUnfinishedPops(t *testing.T) {
	runs := []int{1, 3, 2, 2}
	for name, start := range starts {
		for _, order := range permutations([]int{0, 1, 2, 3}) {
			r := newAt[int](t, 8, start)
			for lap := range 3 {
				for i := range 8 {
					require.True(t, push(r, i), "%s %v: lap %d", name, order, lap)
				}
				var at [4]uint64
				for i, n := range runs {
					at[i] = r.Take(n)
				}
				var done [4]bool
				for _, i := range order {
					r.Release(at[i], runs[i])
					done[i] = true
					free := 0
					for i := 0; i < len(runs) && done[i]; i++ {
						free += runs[i]
					}
					require.Equal(t, free, r.Free(), "%s %v: %v", name, order, done)
				}
			}
		}
	}
}

func permutations(of []int) [][]int {
	if len(of) == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for i, first := range of {
		rest := slices.Delete(slices.Clone(of), i, i+1)
		for _, tail := range permutations(rest) {
			all = append(all, append([]int{first}, tail...))
		}
	}
	return all
}

func TestPushWaitsForUnfinishedPop(t *testing.T) {
	r := newAt[int](t, 2, 0)
	require.True(t, push(r, 1) && push(r, 2))
	at := r.Take(1)
	require.Equal(t, 1, r.Len())
	require.False(t, push(r, 3), "a pop still copying takes a slot")
	r.Release(at, 1)
	require.True(t, push(r, 3))
}
