package direct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/wire"
)

// TestFirstRun: the first run is early, and the others are an interval apart.
func TestFirstRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, 10*time.Second)
		defer w.close(t)
		config := w.config
		config.First = 3 * time.Second
		p := New(config)
		var runs atomic.Int64
		_, err := p.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
			runs.Add(1)
			return nil
		}))
		require.NoError(t, err)
		for seconds, want := range []int64{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2} {
			synctest.Wait()
			assert.Equal(t, want, runs.Load(), "after %d s", seconds)
			<-time.After(time.Second)
		}
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestCallbacksRunOnceAnInterval counts the runs over many intervals.
func TestCallbacksRunOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, 10*time.Second)
		var mu sync.Mutex
		var at []time.Duration
		start := time.Now()
		times := func() []time.Duration {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(at)
		}
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			o.Observe(1)
			return nil
		}))
		require.NoError(t, err)
		<-time.After(9 * time.Second)
		assert.Empty(t, times())
		<-time.After(92 * time.Second)
		require.Len(t, times(), 10)
		for i, d := range times() {
			assert.Equal(t, time.Duration(i+1)*10*time.Second, d)
		}
		assert.Equal(t, uint64(10), w.pipeline.Stats().Sent, "one point a run")
		require.NoError(t, w.Collect(t.Context()))
		assert.Len(t, times(), 11, "a flush runs them, too")
		w.close(t)
		assert.Len(t, times(), 12, "closing runs them once more")
		<-time.After(time.Hour)
		assert.Len(t, times(), 12, "and never after that")
	})
}

// TestFailingCallbacks: a callback that panics or fails is reported once. What others
// observe arrives, and so does what it had observed before.
func TestFailingCallbacks(t *testing.T) {
	log := listen(t)
	w := open(t, time.Hour)
	m := w.Meter("m")
	observe := func(after func() error) metric.Int64ObservableGaugeOption {
		return metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(1)
			return after()
		})
	}
	var options = map[string]metric.Int64ObservableGaugeOption{
		"good":  observe(func() error { return nil }),
		"error": observe(func() error { return errors.New("out of order") }),
		"panic": observe(func() error { panic("ouch") }),
		"nil":   observe(func() error { var p *int; *p = 1; return nil }),
		"exit":  observe(func() error { runtime.Goexit(); return nil }),
		"late":  observe(func() error { return nil }),
	}
	for _, name := range []string{"error", "panic", "good", "nil", "exit", "late"} {
		_, err := m.Int64ObservableGauge(name, options[name])
		require.NoError(t, err)
	}
	last, err := m.Float64ObservableCounter("last")
	require.NoError(t, err)
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(last, 2)
		panic(errors.New("registered ones, too"))
	}, last)
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, w.Collect(t.Context()))
		assert.Equal(t, uint64(7*(i+1)), w.pipeline.Stats().Sent)
	}
	assert.Zero(t, w.dropped())
	got := log.lines()
	require.Len(t, got, 5, "each once: %q", got)
	for i, want := range []string{"out of order", "panicked: ouch", "panicked: runtime error", "ended its goroutine", "registered ones, too"} {
		assert.Contains(t, got[i], want)
		assert.Contains(t, got[i], "otelgram: callback of "+[]string{"error", "panic", "nil", "exit", "last"}[i]+": ")
	}
	w.close(t)
}

// TestObservingWhatIsNotRegistered: such an observation counts as invalid, and the others
// arrive.
func TestObservingWhatIsNotRegistered(t *testing.T) {
	w := open(t, time.Hour)
	m := w.Meter("m")
	mine, err := m.Int64ObservableCounter("mine")
	require.NoError(t, err)
	other, err := m.Int64ObservableCounter("other")
	require.NoError(t, err)
	otherFloat, err := m.Float64ObservableGauge("other.float")
	require.NoError(t, err)
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(other, 1)
		o.ObserveInt64(mine, 1)
		o.ObserveFloat64(otherFloat, 1)
		o.ObserveInt64(noop.Int64ObservableCounter{}, 1)
		o.ObserveInt64(nil, 1)
		return nil
	}, mine)
	require.NoError(t, err)
	require.NoError(t, w.Collect(t.Context()))
	s := w.pipeline.Stats()
	assert.Equal(t, uint64(4), s.Dropped[wire.Invalid])
	assert.Equal(t, uint64(1), s.Sent)
	w.close(t)
}

// TestInvalidObservations: a value that no sum can hold is dropped, and a gauge takes it.
func TestInvalidObservations(t *testing.T) {
	w := open(t, time.Hour)
	m := w.Meter("m")
	observe := metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1} {
			o.Observe(v, metric.WithAttributes(attribute.Float64("v", v)))
		}
		return nil
	})
	_, err := m.Float64ObservableCounter("c", observe)
	require.NoError(t, err)
	_, err = m.Float64ObservableUpDownCounter("u", observe)
	require.NoError(t, err)
	_, err = m.Float64ObservableGauge("g", observe)
	require.NoError(t, err)
	require.NoError(t, w.Collect(t.Context()))
	s := w.pipeline.Stats()
	assert.Equal(t, uint64(6), s.Dropped[wire.Invalid])
	assert.Equal(t, uint64(6), s.Sent)
	assert.Equal(t, uint64(6), w.dropped())
	w.close(t)
}

// foreign is an observable of another implementation.
type foreign struct {
	metric.Int64Observable
	embedded.Int64ObservableCounter
}

// TestForeignObservables: the error names them, and the others work.
func TestForeignObservables(t *testing.T) {
	w, elsewhere := open(t, time.Hour), open(t, time.Hour)
	mine, err := w.Meter("m").Int64ObservableCounter("n")
	require.NoError(t, err)
	theirs, err := elsewhere.Meter("m").Int64ObservableCounter("n")
	require.NoError(t, err)
	for _, bad := range []metric.Observable{foreign{}, noop.Int64ObservableCounter{}, theirs} {
		r, err := w.Meter("m").RegisterCallback(func(_ context.Context, o metric.Observer) error {
			o.ObserveInt64(mine, 1)
			o.ObserveInt64(theirs, 1) // counts as invalid here, and reaches no instrument
			return nil
		}, bad, mine)
		require.ErrorContains(t, err, "another provider")
		require.NotNil(t, r)
		before := w.pipeline.Stats()
		require.NoError(t, w.Collect(t.Context()))
		after := w.pipeline.Stats()
		assert.Equal(t, uint64(1), after.Sent-before.Sent, "%T", bad)
		assert.Equal(t, uint64(1), after.Dropped[wire.Invalid]-before.Dropped[wire.Invalid], "%T", bad)
		require.NoError(t, r.Unregister())
	}
	require.NoError(t, elsewhere.Collect(t.Context()))
	assert.Zero(t, elsewhere.pipeline.Stats().Offered)
	w.close(t)
	elsewhere.close(t)
}

// TestUnregister: it stops a callback, even from within one, and may be repeated.
func TestUnregister(t *testing.T) {
	w := open(t, time.Hour)
	g, err := w.Meter("m").Int64ObservableGauge("g")
	require.NoError(t, err)
	var runs [3]int
	var registrations [3]metric.Registration
	for i := range runs {
		registrations[i], err = w.Meter("m").RegisterCallback(func(context.Context, metric.Observer) error {
			runs[i]++
			if i == 1 {
				return errors.Join(registrations[1].Unregister(), registrations[2].Unregister())
			}
			return nil
		}, g)
		require.NoError(t, err)
	}
	for range 2 {
		require.NoError(t, w.Collect(t.Context()))
	}
	assert.Equal(t, [3]int{2, 1, 0}, runs)
	for range 2 {
		for _, r := range registrations {
			require.NoError(t, r.Unregister())
		}
	}
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, [3]int{2, 1, 0}, runs)
	w.close(t)
	assert.Equal(t, [3]int{2, 1, 0}, runs)
}

// TestBlockingCallback: a callback that does not return holds one Collect up for half of
// its time. Meanwhile callbacks are left out, and nothing else is held up.
func TestBlockingCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, time.Hour)
		release := make(chan struct{})
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			<-release
			o.Observe(1)
			return nil
		}))
		require.NoError(t, err)
		n, err := w.Meter("m").Int64Counter("n")
		require.NoError(t, err)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		require.ErrorIs(t, w.Collect(ctx), context.DeadlineExceeded)
		cancel()
		assert.Equal(t, time.Second/2, time.Since(start), "the other half is for the points")
		n.Add(t.Context(), 1)
		for _, f := range []func(context.Context) error{w.Collect, w.Collect, w.Close, w.Close, w.Collect} {
			require.NoError(t, f(context.Background()))
		}
		assert.Equal(t, time.Second/2, time.Since(start))
		assert.Equal(t, uint64(3), w.pipeline.Stats().Sent, "the counter, each time")
		assert.Len(t, w.meters, 1)
		close(release)
		synctest.Wait()
		w.close(t)
		s := w.pipeline.Stats()
		assert.Equal(t, uint64(1), s.Dropped[wire.Shutdown], "observed too late")
	})
}

// TestBlockingCallbackLeavesTime: while a callback does not return, more series than the
// queue holds are all sent, by the clock and at the end.
func TestBlockingCallbackLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const series = 1900 // the queue holds 1,024
		w := open(t, 10*time.Second)
		release := make(chan struct{})
		blocked := metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { <-release; return nil })
		_, err := w.Meter("m").Int64ObservableGauge("g", blocked)
		require.NoError(t, err)
		for n := range 3 {
			c, err := w.Meter("m").Int64Counter(fmt.Sprint("n", n))
			require.NoError(t, err)
			for k := range series {
				c.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("k", k)))
			}
		}
		<-time.After(21 * time.Second) // the round of the first collection took its whole interval
		require.NoError(t, w.pipeline.Flush(t.Context()))
		assert.Zero(t, w.dropped())
		assert.GreaterOrEqual(t, w.pipeline.Stats().Sent, uint64(3*series))
		before := w.pipeline.Stats().Sent
		w.close(t)
		assert.Zero(t, w.dropped())
		assert.Equal(t, before+3*series, w.pipeline.Stats().Sent)
		close(release)
	})
}

// TestObservingBeyondTheRound: a callback that goes on after its time touches nothing that
// is collected. The race detector would find it.
func TestObservingBeyondTheRound(t *testing.T) {
	w := open(t, time.Hour)
	stop, begun, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	again := false
	_, err := w.Meter("m").Int64ObservableCounter("n", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		if again {
			return nil
		}
		again = true
		close(begun)
		defer close(ended)
		for v := int64(1); ; v++ {
			select {
			case <-stop:
				return nil
			default:
				o.Observe(v)
			}
		}
	}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_ = w.Collect(ctx)
	<-begun
	for range 100 {
		require.NoError(t, w.Collect(t.Context()))
	}
	close(stop)
	<-ended
	w.close(t)
}

// TestCallbackContextEnds: a callback that heeds its context does not delay Close.
func TestCallbackContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listen(t)
		w := open(t, time.Second)
		begun := make(chan struct{}, 1)
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(ctx context.Context, _ metric.Int64Observer) error {
			select {
			case begun <- struct{}{}:
			default: // not the first run
			}
			<-ctx.Done()
			return ctx.Err()
		}))
		require.NoError(t, err)
		<-begun // by the clock, with an interval's time
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_ = w.Close(ctx) // whether the callback runs once more depends on the order
		<-w.stopped
		w.close(t)
	})
}

// TestManyObservations: a callback that observes more than the ring holds loses nothing.
func TestManyObservations(t *testing.T) {
	w := open(t, time.Hour)
	_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		for i := range 20_000 {
			o.Observe(int64(i), metric.WithAttributes(attribute.String("i", fmt.Sprint(i%1000))))
		}
		return nil
	}))
	require.NoError(t, err)
	require.NoError(t, w.Collect(t.Context()))
	s := w.pipeline.Stats()
	assert.Equal(t, 1000.0*(19_000+19_999)/2, w.total(), "the last of each")
	assert.Equal(t, uint64(1000), s.Sent)
	assert.Zero(t, w.dropped())
	w.close(t)
}

// TestRegisteredAfterClose: callbacks that come too late never run.
func TestRegisteredAfterClose(t *testing.T) {
	w := open(t, time.Millisecond)
	m := w.Meter("m")
	g, err := m.Int64ObservableGauge("g")
	require.NoError(t, err)
	w.close(t)
	_, err = m.RegisterCallback(func(context.Context, metric.Observer) error {
		t.Error("it ran")
		return nil
	}, g)
	require.NoError(t, err)
	_, err = m.Int64ObservableGauge("h", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		t.Error("it ran")
		return nil
	}))
	require.NoError(t, err)
	require.NoError(t, w.Collect(t.Context()))
	assert.Zero(t, w.dropped())
}
