package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPacerWithoutPace(t *testing.T) {
	p := newPacer(0, 0)
	now := p.ready(5, 5)
	for range 1000 {
		require.True(t, p.take(now, 65507))
	}
}

// TestPacerCountsBytes: whatever size packets have, the rate and the burst are of
// so many bytes; who waits until ready says so finds that a packet may leave.
func TestPacerCountsBytes(t *testing.T) {
	for _, tt := range []struct{ rate, burst int }{{10_000, 32}, {10_000, 1}, {100, 1}, {100, 4}, {1_000_000, 64}, {1, 1}} {
		for _, size := range []int{36, 512, 1472, 1473, 7800, 16000, 65507} {
			p := newPacer(tt.rate, tt.burst)
			begin := time.Unix(1_790_000_000, 0)
			now, sent := begin, 0
			for wakes := 0; now.Sub(begin) < 3*time.Second && wakes < 500; wakes++ {
				n := 0
				for p.take(now, size) {
					sent += size
					n++
					most := float64(paced*tt.burst) + now.Sub(begin).Seconds()*float64(paced*tt.rate)
					if float64(sent) > most+float64(size) {
						require.Fail(t, "too fast", "rate %d, burst %d, size %d", tt.rate, tt.burst, size)
					}
				}
				require.True(t, wakes == 0 || n > 0, "woken in vain: rate %d, burst %d, size %d", tt.rate, tt.burst, size)
				next := p.ready(size, 1<<20)
				require.True(t, next.After(now), "it would spin")
				now = next
			}
			least := now.Sub(begin).Seconds() * float64(paced*tt.rate)
			assert.GreaterOrEqual(t, float64(sent)+float64(size), 0.95*least-float64(paced*tt.burst)/2, "rate %d, burst %d, size %d", tt.rate, tt.burst, size)
		}
	}
	p := newPacer(10, 1)
	now := p.ready(1472, 1472)
	require.True(t, p.take(now, 1472))
	require.False(t, p.take(now, 36))
	p.giveBack(1472)
	assert.True(t, p.take(now, 1472), "it did not leave")
}
