package exporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/drop"
)

// numbers are all that a preset may set.
type numbers struct {
	buffer, batch           int
	age                     time.Duration
	packetsPerSecond, burst int
	strategy                drop.Strategy
	maxMemory               int64
	noInterning             bool
}

func numbersOf(t *testing.T, opts ...Option) numbers {
	t.Helper()
	c, err := newConfig(opts)
	require.NoError(t, err)
	return numbers{c.bufferSize, c.batchSize, c.maxBatchAge, c.packetsPerSecond, c.burst, c.strategy, c.maxMemory, c.noInterning}
}

// TestPresets compares every number of every preset with its documentation. What a preset
// does not name is the default.
func TestPresets(t *testing.T) {
	const ms, mib = time.Millisecond, 1 << 20
	assert.Equal(t, numbers{16384, 50, 100 * ms, 10_000, 32, drop.Newest(), 0, false}, numbersOf(t))
	for preset, want := range map[Preset]numbers{
		HighThroughput:      {32768, 100, 50 * ms, 50_000, 64, drop.ByPriority(), 20 * mib, false},
		LowLatency:          {8192, 20, 20 * ms, 10_000, 32, drop.Newest(), 5 * mib, true},
		Reliable:            {65536, 50, 100 * ms, 10_000, 32, drop.Oldest(), 50 * mib, false},
		ResourceConstrained: {4096, 50, 100 * ms, 10_000, 32, drop.Sampled(), 2 * mib, true},
	} {
		assert.Equal(t, want, numbersOf(t, WithPreset(preset)), "%v", preset)
		own := want
		own.strategy, own.maxMemory, own.noInterning = drop.Sampled(), 200*mib, true
		assert.Equal(t, own, numbersOf(t, WithDropStrategy(drop.Sampled()), WithMaxMemory(200*mib), WithPreset(preset), WithoutInterning()),
			"%v: options win", preset)
		c, err := newConfig([]Option{WithPreset(preset)})
		require.NoError(t, err)
		assert.Positive(t, c.memory()-minMemory, "%v leaves room for series", preset)
	}
}
