package relay

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestRetry(t *testing.T) {
	forGood := errors.New("refused for good")
	for name, test := range map[string]struct {
		retry   RetryConfig
		fails   int // how many calls
		err     error
		hangs   bool // until the context of a call ends
		want    Stats
		atLeast time.Duration // until the last call
		atMost  time.Duration
	}{
		"then success": {
			RetryConfig{}, 3, errTarget, false, Stats{Relayed: 5, Requests: 4, Retries: 3},
			1750 * time.Millisecond, 3500 * time.Millisecond, // one half of 500, 1000 and 2000 ms
		},
		"attempts": {RetryConfig{MaxAttempts: 3}, 99, errTarget, false, Stats{Failed: 5, Requests: 3, Retries: 2}, 750 * time.Millisecond, 1500 * time.Millisecond},
		"one":      {RetryConfig{MaxAttempts: 1}, 99, errTarget, false, Stats{Failed: 5, Requests: 1}, 0, 0},
		"for good": {RetryConfig{}, 99, forGood, false, Stats{Failed: 5, Requests: 1}, 0, 0},
		"elapsed": {
			// Pauses are from 50 to 100 ms: the second attempt comes before 120 ms are over, and perhaps a third.
			RetryConfig{MaxElapsed: 120 * time.Millisecond, InitialBackoff: 100 * time.Millisecond, MaxBackoff: 100 * time.Millisecond},
			99, errTarget, false, Stats{Failed: 5}, 50 * time.Millisecond, 120 * time.Millisecond,
		},
		"hangs": {
			RetryConfig{MaxAttempts: 2, InitialBackoff: time.Millisecond}, 99, errTarget, true, Stats{Failed: 5, Requests: 2, Retries: 1},
			2 * time.Second, 2001 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var last time.Duration
				x := &target{export: func(ctx context.Context, call int) error {
					if test.hangs {
						<-ctx.Done()
					}
					last = time.Since(begin)
					if call <= test.fails {
						return test.err
					}
					return nil
				}}
				r := newRelay(t, x, WithRetry(test.retry), WithExportTimeout(time.Second),
					WithRetryable(func(err error) bool { return !errors.Is(err, forGood) }))
				r.Handle(points(named("a"), 0, 5))
				err := r.ForceFlush(t.Context())
				s := balanced(t, r)
				assert.GreaterOrEqual(t, last, test.atLeast)
				assert.LessOrEqual(t, last, test.atMost)
				assert.Equal(t, s.LastError, test.err.Error())
				assert.False(t, s.LastErrorTime.IsZero())
				s.LastError, s.LastErrorTime, test.want.Offered = "", time.Time{}, 5
				if test.want.Requests == 0 {
					s.Requests, s.Retries = 0, 0 // depends on chance
				}
				assert.Equal(t, test.want, s)
				if test.want.Failed > 0 {
					require.ErrorIs(t, err, test.err)
				} else {
					require.NoError(t, err)
				}
				require.NoError(t, r.Shutdown(t.Context()))
			})
		})
	}
}

// TestNextPause: pauses double up to the longest, less a random part of up to a half.
func TestNextPause(t *testing.T) {
	r := RetryConfig{}.withDefaults()
	for attempts, want := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 5: 8 * time.Second, 6: 10 * time.Second, 1000: 10 * time.Second} {
		for range 100 {
			pause, ok := r.next(attempts, 0)
			assert.True(t, ok)
			assert.GreaterOrEqual(t, pause, want/2)
			assert.LessOrEqual(t, pause, want)
		}
	}
	_, ok := r.next(1, time.Minute)
	assert.False(t, ok)
}

// TestLog: there is a line when the target starts to fail and one when it works again, for
// one failure a minute.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		down := false
		x := &target{export: func(context.Context, int) error {
			if down {
				return errTarget
			}
			return nil
		}}
		r := newRelay(t, x, WithRetry(RetryConfig{MaxAttempts: 2}), WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		relay := func(fails bool) {
			down = fails
			for range 3 {
				r.Handle(points(named("a"), 0, 1))
				_ = r.ForceFlush(t.Context())
			}
		}
		relay(false)
		assert.Empty(t, out.String())
		relay(true)
		assert.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		assert.Contains(t, out.String(), "level=WARN")
		assert.Contains(t, out.String(), errTarget.Error())
		out.Reset()
		relay(false)
		assert.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		assert.Contains(t, out.String(), "level=INFO")
		assert.Contains(t, out.String(), "failed=3")
		out.Reset()
		relay(true)
		relay(false)
		assert.Empty(t, out.String(), "within a minute of the last")
		<-time.After(logPause)
		relay(true)
		assert.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestLogOne: a resource that the target refuses, among others that it takes, is at most
// one line a minute. So is that nothing fails any more.
func TestLogOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		x := &target{refuse: func(rm *metricdata.ResourceMetrics) error {
			if service(rm) == "poisoned" {
				return errTarget
			}
			return nil
		}}
		r := newRelay(t, x, WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		r.Handle(points(named("poisoned"), 0, 1))
		for i := range 90 {
			r.Handle(points(named("good"), i, 1))
			<-time.After(time.Second)
		}
		require.NoError(t, r.ForceFlush(t.Context()))
		assert.Equal(t, 1, strings.Count(out.String(), "level=WARN"), out.String())
		assert.Equal(t, 1, strings.Count(out.String(), "level=INFO"), out.String())
		require.NoError(t, r.Shutdown(t.Context()))
	})
}
