package relay

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadOptions(t *testing.T) {
	for want, opts := range map[string][]Option{
		"otelgram: New: option 2 is nil":                                                            {WithBatchSize(1), nil, nil},
		"otelgram: WithQueueSize(1): must be from 2 to 16777216 points":                             {WithQueueSize(1)},
		"otelgram: WithQueueSize(16777217): must be from 2 to 16777216 points":                      {WithQueueSize(1<<24 + 1)},
		"otelgram: WithMaxMemory(1048575): must be at least 1048576 bytes":                          {WithMaxMemory(1<<20 - 1)},
		"otelgram: WithBatchSize(0): must be from 1 to 32768 points, half of the queue":             {WithBatchSize(0)},
		"otelgram: WithBatchSize(51): must be from 1 to 50 points, half of the queue":               {WithBatchSize(51), WithQueueSize(100)},
		"otelgram: WithMaxBatchAge(0s): must be from 1ms to 24h0m0s, such as time.Second":           {WithMaxBatchAge(0)},
		"otelgram: WithExportTimeout(25h0m0s): must be from 1ms to 24h0m0s, such as 10*time.Second": {WithExportTimeout(25 * time.Hour)},
		"otelgram: WithRetry: MaxAttempts -1: must not be negative":                                 {WithRetry(RetryConfig{MaxAttempts: -1})},
		"otelgram: WithRetry: MaxElapsed -1s: must be from 1ms to 24h0m0s":                          {WithRetry(RetryConfig{MaxElapsed: -time.Second})},
		"otelgram: WithRetry: MaxBackoff 1ns: must be from 1ms to 24h0m0s":                          {WithRetry(RetryConfig{MaxBackoff: 1})},
		"otelgram: WithRetry: InitialBackoff 2s: must be at most MaxBackoff, 1s":                    {WithRetry(RetryConfig{InitialBackoff: 2 * time.Second, MaxBackoff: time.Second})},
		"otelgram: WithRetry: InitialBackoff 25h0m0s: must be from 1ms to 24h0m0s":                  {WithRetry(RetryConfig{InitialBackoff: 25 * time.Hour})},
	} {
		r, err := New(&target{}, opts...)
		assert.Nil(t, r)
		assert.EqualError(t, err, want)
	}
	_, err := New(nil)
	assert.EqualError(t, err, "otelgram: New: next is nil: want an exporter")
}

func TestDefaults(t *testing.T) {
	c, err := newConfig(&target{}, []Option{WithLogger(nil), WithMeterProvider(nil), WithRetryable(nil)})
	require.NoError(t, err)
	assert.Equal(t, slog.Default(), c.logger)
	assert.True(t, c.retryable(errTarget))
	assert.Equal(t, defaultBatchSize, c.batchSize)
	assert.Equal(t, int64(64<<20), c.maxMemory)
	assert.Equal(t, RetryConfig{MaxElapsed: time.Minute, InitialBackoff: 500 * time.Millisecond, MaxBackoff: 10 * time.Second}, c.retry)

	c, err = newConfig(&target{}, []Option{WithQueueSize(3), WithRetry(RetryConfig{MaxBackoff: time.Millisecond})})
	require.NoError(t, err)
	assert.Equal(t, 1, c.batchSize)
	assert.Equal(t, time.Millisecond, c.retry.InitialBackoff)
	c, err = newConfig(&target{}, []Option{WithRetry(RetryConfig{InitialBackoff: time.Minute})})
	require.NoError(t, err)
	assert.Equal(t, time.Minute, c.retry.MaxBackoff)
}
