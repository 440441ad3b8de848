package receiver

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
)

func TestWindow(t *testing.T) {
	const w = minWindow
	type step struct {
		n    uint64
		want verdict
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{0, fresh}, {1, fresh}, {2, fresh}}},
		{"twice", []step{{0, fresh}, {0, duplicate}, {1, fresh}, {0, duplicate}}},
		{"out of order", []step{{5, fresh}, {3, fresh}, {4, fresh}, {3, duplicate}, {0, fresh}}},
		{"a word further", []step{{63, fresh}, {64, fresh}, {0, fresh}, {63, duplicate}, {64, duplicate}}},
		{"a jump of a window", []step{{7, fresh}, {w + 7, fresh}, {7, duplicate}, {8, fresh}}},
		{"the oldest goes", []step{{7, fresh}, {4 * w, fresh}, {7, late}, {2*w + 64, fresh}, {2*w + 64, duplicate}}},
		{"a jump far away", []step{{0, fresh}, {1 << 55, fresh}, {1<<55 - 1, fresh}, {1<<55 - 1, duplicate}, {0, late}}},
		{"around the ring", []step{{w - 1, fresh}, {w, fresh}, {2*w - 1, fresh}, {w, duplicate}, {w - 1, duplicate}, {3 * w, fresh}, {2*w + 1, fresh}, {2*w - 1, duplicate}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var win window
			for i, s := range tt.steps {
				require.Equal(t, s.want, win.see(s.n, minWindow), "step %d: %d", i, s.n)
			}
			assert.LessOrEqual(t, len(win.bits)*64, 2*minWindow)
		})
	}
}

// TestWindowAgainstSet compares with a plain set on random walks, while the window
// grows, shrinks and begins anywhere: what it remembers it remembers right, and it
// remembers as much as it is asked to.
func TestWindowAgainstSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range testsize.Pick(40, 200) {
		var win window
		seen := map[uint64]bool{}
		first, at := uint64(0), uint64(r.IntN(100))
		if r.IntN(2) == 0 {
			at += 1 << 40
			win.startAt(at)
			first = at - minWindow
		}
		newest := first
		for range 3000 {
			limit := minWindow << r.IntN(7)
			if r.IntN(10) == 0 {
				win.shrink(limit)
			}
			at += r.Uint64N(1 << r.IntN(14))
			n := at - min(at, r.Uint64N(1<<r.IntN(14)))
			got := win.see(n, limit)
			switch {
			case got == late:
				require.True(t, n < first || n+minWindow <= newest, "%d is remembered, from %d on", n, newest)
			default:
				require.Equal(t, seen[n], got == duplicate, n)
				seen[n] = true
			}
			newest = max(newest, n+1)
			require.LessOrEqual(t, len(win.bits)*64, 2*maxWindow)
		}
	}
}

// TestWindowTakesLittle: memory is for what came, and is given back.
func TestWindowTakesLittle(t *testing.T) {
	var win window
	for n := range uint64(10) {
		win.see(n, windowLimit(n))
	}
	assert.Len(t, win.bits, 1)
	for n := range uint64(100_000) {
		win.see(n, windowLimit(n))
	}
	assert.Len(t, win.bits, 2*maxWindow/64)
	for n := range uint64(1000) {
		assert.Equal(t, duplicate, win.see(99_999-n, minWindow))
	}
	win.shrink(minWindow)
	assert.LessOrEqual(t, len(win.bits)*64, 8*minWindow)
	for n := range uint64(minWindow) {
		assert.Equal(t, duplicate, win.see(99_999-n, minWindow))
	}
}
