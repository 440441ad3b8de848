package pipeline

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/ringbuf"
)

// TestSlotMemory: what WithMaxMemory and the documents count for a slot of either
// ring, 72 bytes, is what it takes.
func TestSlotMemory(t *testing.T) {
	const slots = 1 << 16
	taken := func(make func() error) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, make())
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / slots
	}
	assert.InDelta(t, 72, taken(func() error { _, err := ringbuf.New[Event](slots); return err }), 1)
	assert.InDelta(t, 72, taken(func() error { _, err := ringbuf.New[point](slots); return err }), 1)
}
