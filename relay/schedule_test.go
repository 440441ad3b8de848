package relay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// TestPoisoned: the target refuses what one resource sends. The points of ten others arrive
// at their usual pace. The points of that resource are tried until they have failed for
// good, in the order in which they came.
func TestPoisoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, age = 30, 900 * time.Millisecond
		begin := time.Now()
		arrived := map[string][]time.Duration{}
		attempts := map[int64]int{} // of the poisoned resource, by the first value
		var last int64
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if service(rm) == "poisoned" {
				first := values(rm)[0]
				assert.GreaterOrEqual(t, first, last)
				last = first
				attempts[first]++
				return errTarget
			}
			arrived[service(rm)] = append(arrived[service(rm)], time.Since(begin))
			return nil
		}
		r := newRelay(t, x, WithMaxBatchAge(age), WithRetry(RetryConfig{MaxAttempts: 5}))
		for i := range seconds {
			r.Handle(points(named("poisoned"), i, 1))
			for k := range 10 {
				r.Handle(points(named(fmt.Sprint("service-", k)), i, 1))
			}
			<-time.After(time.Second)
		}
		synctest.Wait()
		require.Len(t, arrived, 10)
		for _, times := range arrived {
			require.Len(t, times, seconds)
			for i, at := range times {
				assert.Equal(t, time.Duration(i)*time.Second+age, at, "the age of a batch, and nothing else")
			}
		}
		require.ErrorIs(t, r.ForceFlush(t.Context()), errTarget)
		s := balanced(t, r)
		assert.Equal(t, [3]uint64{10 * seconds, seconds, 0}, [3]uint64{s.Relayed, s.Failed, s.Queued})
		assert.Zero(t, s.Memory)
		for first, n := range attempts {
			assert.Equal(t, 5, n, "the points from %d on", first)
		}
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestDown: while the target is down there is one attempt at a time, with pauses that grow.
// When it is back, all that waited leaves, and nothing was lost.
func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const resources, seconds = 20, 45
		type attempt struct {
			service string
			at      time.Time
		}
		var attempts []attempt
		up := time.Now().Add(seconds*time.Second + time.Millisecond)
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if time.Now().Before(up) {
				attempts = append(attempts, attempt{service(rm), time.Now()})
				return errTarget
			}
			return nil
		}
		r := newRelay(t, x)
		second := func(i int) {
			for k := range resources {
				r.Handle(points(named(fmt.Sprint(k)), i, 1))
			}
			<-time.After(time.Second)
			synctest.Wait()
		}
		for i := range seconds {
			second(i)
		}
		<-time.After(defaultMaxBackoff) // the longest pause
		synctest.Wait()
		s := balanced(t, r)
		assert.Equal(t, [3]uint64{seconds * resources, 0, 0}, [3]uint64{s.Relayed, s.Failed, s.Queued})
		second(seconds)
		assert.Equal(t, uint64((seconds+1)*resources), balanced(t, r).Relayed)
		require.NoError(t, r.Shutdown(t.Context()))

		assert.LessOrEqual(t, len(attempts), downAfter+13) // all pauses short: 0.25, 0.5, 1, 2, 4 and then 5 s
		tried := map[string]bool{}
		again := false
		for i, a := range attempts {
			if i > downAfter { // by chance nothing is due again at the first of these
				assert.Equal(t, !again, tried[a.service], "fresh and failed ones in turns")
				assert.NotEqual(t, attempts[i-1].service, a.service)
			}
			again = tried[a.service]
			tried[a.service] = true
			if i < downAfter {
				continue
			}
			pause := min(defaultInitialBackoff<<(i-downAfter), defaultMaxBackoff)
			since := a.at.Sub(attempts[i-1].at)
			assert.GreaterOrEqual(t, since, pause/2)
			assert.LessOrEqual(t, since, pause)
		}
	})
}

// TestRefusedForGood: a target that refuses data for good is up, however much it refuses.
func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{export: func(context.Context, int) error { return errTarget }}
		r := newRelay(t, x, WithRetryable(func(error) bool { return false }))
		for k := range 100 {
			r.Handle(points(named(fmt.Sprint(k)), 0, 1))
		}
		<-time.After(time.Second)
		synctest.Wait()
		assert.Equal(t, uint64(100), balanced(t, r).Failed)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestManyPoisoned: if the target refuses what many resources send, so that it looks as if
// it were down, the others, which have not failed, are tried first.
func TestManyPoisoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if service(rm) != "good" {
				return errTarget
			}
			return nil
		}
		r := newRelay(t, x)
		for k := range downAfter {
			r.Handle(points(named(fmt.Sprint("bad ", k)), 0, 1))
		}
		<-time.After(time.Second)
		for i := range 20 {
			before := balanced(t, r).Relayed
			r.Handle(points(named("good"), i, 1))
			<-time.After(defaultBatchAge + defaultMaxBackoff)
			synctest.Wait()
			assert.Equal(t, before+1, balanced(t, r).Relayed)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = r.Shutdown(ctx) // the bad data is left
	})
}

// TestOrder: whatever fails, and whatever comes in which batches, the points of each
// resource arrive in order, each once, and the books are exact at every moment.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := map[string]int64{}
		var outage atomic.Bool
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if outage.Load() || rand.IntN(3) == 0 {
				return errTarget
			}
			for _, v := range values(rm) {
				assert.GreaterOrEqual(t, v, next[service(rm)], "none twice, and none before those that came before")
				next[service(rm)] = v + 1
			}
			return nil
		}
		r := newRelay(t, x, WithBatchSize(50), WithQueueSize(400), WithRetry(RetryConfig{MaxAttempts: 3}))
		offered := map[string]int{}
		for i := range 3000 {
			outage.Store(i%300 >= 200) // for long enough to fill the queue
			name, n := fmt.Sprint("service-", rand.IntN(8)), 1+rand.IntN(20)
			r.Handle(points(named(name), offered[name], n))
			offered[name] += n
			<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond)
			s := balanced(t, r)
			assert.LessOrEqual(t, s.Queued, uint64(400))
			assert.Equal(t, s.Queued == 0, s.Memory == 0)
		}
		outage.Store(false)
		_ = r.ForceFlush(t.Context()) // the error of what fails meanwhile
		s := balanced(t, r)
		assert.Zero(t, s.Queued+uint64(s.Memory))
		assert.Equal(t, x.relayed(), s.Relayed)
		assert.Equal(t, s.Offered-s.Failed-s.Dropped.QueueFull, s.Relayed)
		assert.NotZero(t, s.Failed)
		assert.NotZero(t, s.Dropped.QueueFull)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestFlushWaits: a flush ends when everything that came before it is settled, even what
// failed and is tried again. It does not wait for what came after.
func TestFlushWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if service(rm) == "bad" || service(rm) == "worse" {
				return refused
			}
			return nil
		}
		r := newRelay(t, x, WithRetry(RetryConfig{MaxElapsed: 20 * time.Second}))
		begin := time.Now()
		r.Handle(points(named("bad"), 0, 1))
		r.Handle(points(named("good"), 0, 1))
		<-time.After(10 * time.Second)
		r.Handle(points(named("good"), 1, 1))
		flushed := make(chan error)
		go func() { flushed <- r.ForceFlush(t.Context()) }()
		synctest.Wait()
		assert.Equal(t, uint64(2), balanced(t, r).Relayed, "at once")
		r.Handle(points(named("worse"), 0, 1))
		require.ErrorIs(t, <-flushed, refused)
		assert.LessOrEqual(t, time.Since(begin), defaultBatchAge+20*time.Second)
		s := balanced(t, r)
		assert.Equal(t, [3]uint64{2, 1, 1}, [3]uint64{s.Relayed, s.Failed, s.Queued})
		require.Error(t, r.Shutdown(t.Context()))
	})
}

// TestRandomFailures: many goroutines hand over data while the target fails at random. The
// books add up at every moment.
func TestRandomFailures(t *testing.T) {
	x := &target{export: func(context.Context, int) error {
		if rand.IntN(4) == 0 {
			return errTarget
		}
		return nil
	}}
	r := newRelay(t, x, WithQueueSize(512), WithMaxBatchAge(time.Millisecond),
		WithRetry(RetryConfig{MaxAttempts: 3, InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				r.Handle(points(named(string(rune('a'+rand.IntN(20)))), i, 1+i%5))
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
	assert.Zero(t, s.Queued+s.Dropped.Shutdown+uint64(s.Memory))
	assert.Equal(t, x.relayed(), s.Relayed)
	assert.Equal(t, uint64(x.calls()), s.Requests)
}

// TestOddResources: with a resource that does not equal itself, and two that the schedule
// cannot tell apart, no resource gets another's points, none is lost, and nothing is left.
func TestOddResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := func(values ...float64) *resource.Resource {
			return resource.NewSchemaless(attribute.Float64Slice("x", values))
		}
		of := func(rm *metricdata.ResourceMetrics) string {
			v, _ := rm.Resource.Set().Value("x")
			return fmt.Sprint(math.Float64bits(v.AsFloat64Slice()[0]))
		}
		got := map[string]uint64{}
		var up atomic.Bool
		x := &target{}
		x.refuse = func(rm *metricdata.ResourceMetrics) error {
			if !up.Load() {
				return errTarget
			}
			got[of(rm)] += pointsOf(rm)
			return nil
		}
		r := newRelay(t, x)
		want := map[string]uint64{}
		for range 10 {
			for _, x := range []float64{math.NaN(), 0, math.Copysign(0, -1)} {
				rm := points(list(x), 0, 3)
				want[of(rm)] += 3
				r.Handle(rm)
			}
			<-time.After(time.Second)
		}
		up.Store(true)
		require.NoError(t, r.ForceFlush(t.Context()))
		assert.Equal(t, want, got)
		assert.Equal(t, uint64(90), balanced(t, r).Relayed)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestScheduleEmpty: a schedule that has nothing to do keeps nothing of what there was,
// except a bounded number of keys.
func TestScheduleEmpty(t *testing.T) {
	c, err := newConfig(&target{}, nil)
	require.NoError(t, err)
	s, now := newSchedule(&c), time.Unix(0, 0)
	for k := range maxKnown + 1000 {
		s.add([]part{{data: points(named(fmt.Sprint(k)), 0, 1), points: 1}}, nil, now)
	}
	for !s.empty() {
		r, wait := s.next(now)
		now = now.Add(max(0, wait))
		switch {
		case r == nil:
		case r.attempts == 1:
			s.fail(r, true, now)
		default:
			s.succeeded(r, now)
		}
	}
	assert.Empty(t, s.fresh)
	assert.Empty(t, s.proven)
	assert.NotEmpty(t, s.known)
	assert.LessOrEqual(t, len(s.known), maxKnown)
	assert.Empty(t, s.failed)
	assert.Empty(t, s.requests)
	_, wait := s.next(now)
	assert.Negative(t, wait)
}
