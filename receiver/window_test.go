package receiver

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWindow(t *testing.T) {
	const w = windowSize
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
		{"the oldest that fits", []step{{w, fresh}, {1, fresh}, {0, late}, {1, duplicate}}},
		{"a jump of a window", []step{{7, fresh}, {w + 6, fresh}, {7, duplicate}, {w + 7, fresh}, {7, late}, {8, fresh}}},
		{"a jump of many windows", []step{{3, fresh}, {10 * w, fresh}, {3, late}, {9*w + 1, fresh}, {9*w + 3, fresh}, {10 * w, duplicate}}},
		{"a jump far away", []step{{0, fresh}, {1 << 55, fresh}, {1<<55 - 1, fresh}, {1<<55 - 1, duplicate}, {0, late}}},
		{"around the ring", []step{{w - 1, fresh}, {w, fresh}, {2*w - 1, fresh}, {w, duplicate}, {w - 1, late}, {2 * w, fresh}, {w + 1, fresh}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var win window
			for i, s := range tt.steps {
				require.Equal(t, s.want, win.see(s.n), "step %d: %d", i, s.n)
			}
			assert.LessOrEqual(t, len(win.bits), ringWords)
		})
	}
}

// TestWindowAgainstSet compares with a plain set on random walks.
func TestWindowAgainstSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var win window
		seen := map[uint64]bool{}
		at, newest := uint64(r.IntN(100)), uint64(0)
		for range 3000 {
			at += r.Uint64N(1 << r.IntN(18))
			n := at - min(at, r.Uint64N(1<<r.IntN(18)))
			want := fresh
			switch {
			case n+windowSize < newest:
				want = late
			case seen[n]:
				want = duplicate
			}
			require.Equal(t, want, win.see(n))
			seen[n] = true
			newest = max(newest, n+1)
		}
	}
}
