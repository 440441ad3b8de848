package relay

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
)

// TestBatches: what is handed over, after what time, and what has left by then in which
// calls.
func TestBatches(t *testing.T) {
	type step struct {
		after  time.Duration
		points int      // 0: none, only check
		want   []uint64 // points of each call so far
	}
	for name, test := range map[string]struct {
		opts  []Option
		steps []step
	}{
		"by age": {nil, []step{
			{0, 3, nil}, {999 * time.Millisecond, 2, nil}, {time.Millisecond, 0, []uint64{5}},
			{time.Hour, 1, []uint64{5}}, {time.Second, 0, []uint64{5, 1}},
		}},
		"by size": {[]Option{WithBatchSize(10)}, []step{
			{0, 4, nil}, {0, 4, nil}, {0, 4, []uint64{8}}, {time.Second, 0, []uint64{8, 4}},
		}},
		"just the size":       {[]Option{WithBatchSize(10)}, []step{{0, 4, nil}, {0, 6, []uint64{10}}}},
		"larger than a batch": {[]Option{WithBatchSize(10)}, []step{{0, 4, nil}, {0, 25, []uint64{4, 25}}}},
		"a shorter age": {[]Option{WithMaxBatchAge(10 * time.Millisecond)}, []step{
			{0, 3, nil}, {10 * time.Millisecond, 0, []uint64{3}}, {time.Millisecond, 1, []uint64{3}}, {10 * time.Millisecond, 0, []uint64{3, 1}},
		}},
		"one a second": {nil, []step{
			{0, 1, nil}, {400 * time.Millisecond, 1, nil}, {400 * time.Millisecond, 1, nil}, {400 * time.Millisecond, 1, []uint64{3}},
			{400 * time.Millisecond, 1, []uint64{3}}, {400 * time.Millisecond, 1, []uint64{3}}, {400 * time.Millisecond, 1, []uint64{3, 3}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &target{}
				r := newRelay(t, x, test.opts...)
				offered := 0
				for i, s := range test.steps {
					<-time.After(s.after)
					synctest.Wait()
					if s.points > 0 {
						r.Handle(points(named("a"), offered, s.points))
						offered += s.points
					}
					synctest.Wait()
					assert.Equal(t, s.want, x.sizes(), "step %d", i)
				}
				require.NoError(t, r.Shutdown(t.Context()))
				s := balanced(t, r)
				assert.Equal(t, Stats{Offered: uint64(offered), Relayed: uint64(offered), Requests: s.Requests}, s)
				assert.Equal(t, 1, x.shutdown)
			})
		})
	}
}

// TestQueueFull: what finds no room is counted as a whole, and what is being exported takes
// room.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		x := &target{export: func(context.Context, int) error { <-release; return nil }}
		r := newRelay(t, x, WithQueueSize(100), WithBatchSize(40))
		for range 3 {
			r.Handle(points(named("a"), 0, 40))
			synctest.Wait()
		}
		s := balanced(t, r)
		assert.Positive(t, s.Memory)
		s.Memory = 0
		assert.Equal(t, Stats{Offered: 120, Queued: 80, Requests: 1, Dropped: Dropped{QueueFull: 40}}, s)
		r.Handle(points(named("a"), 0, 20))
		r.Handle(points(named("a"), 0, 1))
		r.Handle(points(named("a"), 0, 101))
		s = balanced(t, r)
		assert.Equal(t, uint64(100), s.Queued)
		assert.Equal(t, uint64(142), s.Dropped.QueueFull)
		close(release)
		require.NoError(t, r.Shutdown(t.Context()))
		s = balanced(t, r)
		assert.Equal(t, uint64(100), s.Relayed)
		assert.Equal(t, []uint64{40, 40, 20}, x.sizes())
	})
}

// TestBatchMemory: a batch leaves when what waits takes half of the memory, so nothing is
// dropped while the target takes everything.
func TestBatchMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{}
		r := newRelay(t, x, WithMaxMemory(minMaxMemory), WithMaxBatchAge(time.Hour))
		for i := range 100 {
			r.Handle(oneSet(i, attribute.StringValue(strings.Repeat("x", minMaxMemory/10))))
			synctest.Wait()
		}
		s := balanced(t, r)
		assert.Zero(t, s.Dropped.Total())
		assert.Equal(t, uint64(100), s.Relayed+s.Queued)
		assert.Less(t, s.Queued, uint64(5))
		assert.Equal(t, uint64(5), x.sizes()[0])
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestNothing: what has no points is not queued.
func TestNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{}
		r := newRelay(t, x)
		r.Handle(nil)
		r.Handle(points(named("a"), 0, 0))
		require.NoError(t, r.ForceFlush(t.Context()))
		assert.Equal(t, 1, x.flushed)
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Zero(t, r.Stats())
		assert.Zero(t, x.calls())
	})
}

func TestForceFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{}
		r := newRelay(t, x, WithBatchSize(10))
		for range 5 {
			r.Handle(points(named("a"), 0, 7))
		}
		require.NoError(t, r.ForceFlush(t.Context()))
		assert.Equal(t, uint64(35), x.relayed())
		assert.Equal(t, 1, x.flushed)

		// An error of Export, and a flush that is given up.
		x.export = func(ctx context.Context, _ int) error { <-ctx.Done(); return errTarget }
		r.Handle(points(named("a"), 0, 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.ForceFlush(ctx), context.DeadlineExceeded)
		_, _, flushes := held(r)
		assert.Zero(t, flushes)
		require.ErrorIs(t, r.ForceFlush(t.Context()), errTarget)
		assert.Equal(t, 2, x.flushed)
		balanced(t, r)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Error(t, r.ForceFlush(t.Context()), "after Shutdown")
	})
}

// TestForceFlushHangs: a flush of next that does not return costs one goroutine, however
// many calls ask for it, and each call returns with its context.
func TestForceFlushHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		x := &target{flushing: func() { <-release }}
		r := newRelay(t, x)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, r.ForceFlush(ctx), context.DeadlineExceeded)
			cancel()
		}
		synctest.Wait()
		assert.Equal(t, 1, x.flushed)
		flushed := make(chan error)
		go func() { flushed <- r.ForceFlush(t.Context()) }()
		synctest.Wait()
		close(release)
		require.NoError(t, <-flushed)
		assert.Equal(t, 2, x.flushed)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// held returns what the queue holds, and how many places it has.
func held(r *Relay) (items, places, flushes int) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	return len(r.queue.items), cap(r.queue.items), len(r.queue.flushes)
}

// TestBounded: whatever comes while the target is down, the queue holds no more than its
// size, and nothing after the outage.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		x := &target{export: func(context.Context, int) error { <-release; return nil }}
		r := newRelay(t, x, WithQueueSize(1000), WithBatchSize(100))
		for i := range 100_000 {
			r.Handle(points(named(string(rune('a'+i%26))), i, 1))
			if i%1000 == 0 {
				items, places, _ := held(r)
				assert.LessOrEqual(t, items, 1000)
				assert.LessOrEqual(t, places, 4000)
			}
		}
		assert.Equal(t, uint64(1000), balanced(t, r).Queued)
		close(release)
		require.NoError(t, r.ForceFlush(t.Context()))
		items, places, flushes := held(r)
		assert.Zero(t, items+places+flushes)
		assert.Equal(t, uint64(99_000), balanced(t, r).Dropped.QueueFull)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}
