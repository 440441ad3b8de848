package window

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
)

func TestWindow(t *testing.T) {
	const w = Min
	type step struct {
		n    uint64
		want Verdict
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{0, Fresh}, {1, Fresh}, {2, Fresh}}},
		{"twice", []step{{0, Fresh}, {0, Duplicate}, {1, Fresh}, {0, Duplicate}}},
		{"out of order", []step{{5, Fresh}, {3, Fresh}, {4, Fresh}, {3, Duplicate}, {0, Fresh}}},
		{"a word further", []step{{63, Fresh}, {64, Fresh}, {0, Fresh}, {63, Duplicate}, {64, Duplicate}}},
		{"a jump of a window", []step{{7, Fresh}, {w + 7, Fresh}, {7, Duplicate}, {8, Fresh}}},
		{"the oldest goes", []step{{7, Fresh}, {4 * w, Fresh}, {7, Late}, {2*w + 64, Fresh}, {2*w + 64, Duplicate}}},
		{"a jump far away", []step{{0, Fresh}, {1 << 55, Fresh}, {1<<55 - 1, Fresh}, {1<<55 - 1, Duplicate}, {0, Late}}},
		{"around the ring", []step{{w - 1, Fresh}, {w, Fresh}, {2*w - 1, Fresh}, {w, Duplicate}, {w - 1, Duplicate}, {3 * w, Fresh}, {2*w + 1, Fresh}, {2*w - 1, Duplicate}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var win Window
			for i, s := range tt.steps {
				require.Equal(t, s.want, win.See(s.n, Min), "step %d: %d", i, s.n)
			}
			assert.LessOrEqual(t, len(win.bits)*64, 2*Min)
		})
	}
}

// TestWindowAgainstSet compares with a plain set on random walks, while the window grows,
// shrinks and begins anywhere. What the window remembers is right, and it remembers as much
// as it is asked to.
func TestWindowAgainstSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range testsize.Pick(40, 200) {
		var win Window
		seen := map[uint64]bool{}
		first, at := uint64(0), uint64(r.IntN(100))
		if r.IntN(2) == 0 {
			at += 1 << 40
			win.StartAt(at)
			first = at - Min
		}
		newest := first
		for range 3000 {
			limit := Min << r.IntN(7)
			if r.IntN(10) == 0 {
				win.Shrink(limit)
			}
			at += r.Uint64N(1 << r.IntN(14))
			n := at - min(at, r.Uint64N(1<<r.IntN(14)))
			got := win.See(n, limit)
			switch {
			case got == Late:
				require.True(t, n < first || n+Min <= newest, "%d is remembered, from %d on", n, newest)
			default:
				require.Equal(t, seen[n], got == Duplicate, n)
				seen[n] = true
			}
			newest = max(newest, n+1)
			require.LessOrEqual(t, len(win.bits)*64, 2*Max)
		}
	}
}

// TestWindowTakesLittle: the memory follows what came, and is given back.
func TestWindowTakesLittle(t *testing.T) {
	var win Window
	for n := range uint64(10) {
		win.See(n, LimitFor(n))
	}
	assert.Len(t, win.bits, 1)
	for n := range uint64(100_000) {
		win.See(n, LimitFor(n))
	}
	assert.Len(t, win.bits, 2*Max/64)
	for n := range uint64(1000) {
		assert.Equal(t, Duplicate, win.See(99_999-n, Min))
	}
	win.Shrink(Min)
	assert.LessOrEqual(t, len(win.bits)*64, 8*Min)
	for n := range uint64(Min) {
		assert.Equal(t, Duplicate, win.See(99_999-n, Min))
	}
}
