package relay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShutdownDrains: what is queued is exported, with retries, then next is shut down, and
// whatever comes after is counted.
func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := errors.New("closed badly")
		x := &target{
			export: func(_ context.Context, call int) error {
				if call == 2 {
					return errTarget
				}
				return nil
			},
			closing: func(context.Context) error { return closed },
		}
		r := newRelay(t, x, WithBatchSize(10))
		for range 4 {
			r.Handle(points(named("a"), 0, 6))
		}
		var others sync.WaitGroup
		for range 3 {
			others.Go(func() { assert.ErrorIs(t, r.Shutdown(t.Context()), closed) })
		}
		others.Wait()
		assert.Equal(t, uint64(24), x.relayed())
		assert.Equal(t, 1, x.shutdown)
		r.Handle(points(named("a"), 0, 5))
		s := balanced(t, r)
		assert.Equal(t, [4]uint64{29, 24, 5, 1}, [4]uint64{s.Offered, s.Relayed, s.Dropped.Shutdown, s.Retries})
	})
}

// TestShutdownFails: the error of Shutdown says what has failed since its call.
func TestShutdownFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{export: func(context.Context, int) error { return errTarget }}
		r := newRelay(t, x, WithRetry(RetryConfig{MaxAttempts: 1}))
		r.Handle(points(named("a"), 0, 6))
		assert.EqualError(t, r.Shutdown(t.Context()), "otelgram: relay: 6 points failed: the target is down")
		assert.Equal(t, uint64(6), balanced(t, r).Failed)
	})
}

// TestShutdownEnds: Shutdown returns when its context ends, whatever next does, and counts
// once what was not relayed.
func TestShutdownEnds(t *testing.T) {
	for name, test := range map[string]struct {
		heeds     bool  // next heeds its context
		late      error // what a call returns that does not heed its context
		down      bool  // next fails at once
		deadline  bool
		takes     time.Duration
		closeHang bool
		calls     int // 0: one
	}{
		"heeds":                {heeds: true, deadline: true, takes: time.Second},
		"does not heed":        {deadline: true, takes: time.Second},
		"does not heed, fails": {late: errTarget, deadline: true, takes: time.Second},
		"no deadline":          {takes: shutdownTimeout},
		"in a pause":           {down: true, deadline: true, takes: time.Second, calls: 4}, // two a resource
		"Shutdown hangs too":   {deadline: true, takes: time.Second, closeHang: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				x := &target{export: func(ctx context.Context, _ int) error {
					if test.down {
						return errTarget
					}
					if test.heeds {
						<-ctx.Done()
						return ctx.Err()
					}
					<-release
					return test.late
				}}
				if test.closeHang {
					x.closing = func(context.Context) error { <-release; return nil }
				}
				r := newRelay(t, x, WithBatchSize(10), WithExportTimeout(time.Hour),
					WithRetry(RetryConfig{InitialBackoff: time.Hour, MaxElapsed: 24 * time.Hour}))
				for range 4 {
					r.Handle(points(named("a"), 0, 6))
					r.Handle(points(named("b"), 0, 1))
				}
				synctest.Wait()
				ctx := t.Context()
				if test.deadline {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Second)
					defer cancel()
				}
				begin := time.Now()
				err := r.Shutdown(ctx)
				assert.Equal(t, test.takes, time.Since(begin))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "28 points were not exported in time")
				want := balanced(t, r)
				assert.Equal(t, [3]uint64{28, 28, 0}, [3]uint64{want.Offered, want.Dropped.Shutdown, want.Queued})
				close(release)
				synctest.Wait()
				assert.Equal(t, want, balanced(t, r), "what returns later is not counted again")
				assert.Equal(t, max(1, test.calls), x.calls())
				assert.Equal(t, 1, x.shutdown)
			})
		})
	}
}

// TestShutdownFlushes: Shutdown ends a flush that waits, and a second Shutdown ends with
// its context.
func TestShutdownFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{export: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		r := newRelay(t, x, WithExportTimeout(time.Hour))
		r.Handle(points(named("a"), 0, 6))
		flushed, second := make(chan error, 1), make(chan error, 1)
		go func() { flushed <- r.ForceFlush(t.Context()) }()
		synctest.Wait()
		first, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			<-time.After(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			second <- r.Shutdown(ctx)
		}()
		require.ErrorContains(t, r.Shutdown(first), "6 points")
		require.ErrorIs(t, <-flushed, errShutdown)
		require.ErrorIs(t, <-second, context.DeadlineExceeded)
	})
}

// TestConcurrent: many goroutines hand over data, flush and read the books, which add up at
// every moment.
func TestConcurrent(t *testing.T) {
	const goroutines, each = 8, 500
	x := &target{export: func(_ context.Context, call int) error {
		if call%7 == 0 {
			return errTarget
		}
		return nil
	}}
	r := newRelay(t, x, WithQueueSize(256), WithMaxBatchAge(time.Millisecond), WithRetry(RetryConfig{MaxAttempts: 1}))
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range each {
				r.Handle(points(named(string(rune('a'+g%3))), i, 1+i%5))
				if i%100 == 0 {
					_ = r.ForceFlush(t.Context())
				}
				balanced(t, r)
			}
		})
	}
	all.Wait()
	_ = r.Shutdown(t.Context()) // the error is about what fails meanwhile
	s := balanced(t, r)
	assert.Equal(t, uint64(goroutines*each*3), s.Offered)
	assert.Zero(t, s.Queued+s.Dropped.Shutdown)
	assert.Equal(t, x.relayed(), s.Relayed)
	assert.Equal(t, uint64(x.calls()), s.Requests)
}
