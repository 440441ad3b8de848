package direct

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/wire"
)

// TestFlushFromWithinACallback: with a context that never ends, the flush holds up the
// round, but nothing for ever.
func TestFlushFromWithinACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Second
		w := open(t, interval)
		start := time.Now()
		var flushed []time.Duration
		over := false
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			if over {
				return nil
			}
			o.Observe(1)
			err := w.Collect(context.Background())
			flushed = append(flushed, time.Since(start))
			return err
		}))
		require.NoError(t, err)
		n, err := w.Meter("m").Int64Counter("n")
		require.NoError(t, err)
		n.Add(t.Context(), 1)
		<-time.After(45 * time.Second)
		synctest.Wait()
		assert.Equal(t, []time.Duration{2 * interval, 4 * interval}, flushed)
		s := w.pipeline.Stats()
		assert.Zero(t, s.Dropped[wire.Deadline], "it was observed in time")
		assert.GreaterOrEqual(t, s.Sent, uint64(4), "the counter, each time")
		over = true
		w.close(t)
	})
}

// TestHangingCallback: a round takes half a minute at most, however long the interval is,
// even for a caller without a limit of its own.
func TestHangingCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, time.Hour)
		release := make(chan struct{})
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
			<-release
			return nil
		}))
		require.NoError(t, err)
		start := time.Now()
		require.ErrorContains(t, w.Collect(context.Background()), "callbacks did not return in time")
		assert.Equal(t, maxRound, time.Since(start))
		require.NoError(t, w.Collect(context.Background()))
		assert.Equal(t, maxRound, time.Since(start), "it is not waited for again")
		close(release)
		synctest.Wait()
		w.close(t)
	})
}

// TestCloseEndsARound: Close ends a round that a caller without a limit asked for. It does
// so when the context of Close ends, and does not wait for the round's time.
func TestCloseEndsARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, time.Hour)
		entered, release := make(chan struct{}), make(chan struct{})
		_, err := w.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
			close(entered)
			<-release
			return nil
		}))
		require.NoError(t, err)
		go func() { _ = w.Collect(context.Background()) }()
		<-entered
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Close(ctx), context.DeadlineExceeded)
		<-w.stopped
		assert.Equal(t, time.Second, time.Since(start))
		close(release)
		synctest.Wait()
		w.close(t)
	})
}

// TestRepeatedObservables: as in the SDK, the callbacks of the first instrument count.
func TestRepeatedObservables(t *testing.T) {
	log := listen(t)
	w := open(t, time.Hour)
	reader := sdkmetric.NewManualReader()
	theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	for _, mp := range []metric.MeterProvider{theirs, w.Provider} {
		runs := [10]int{}
		for n := range runs {
			i := metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { runs[n]++; o.Observe(1); return nil })
			f := metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { runs[n]++; o.Observe(1); return nil })
			_, e1 := mp.Meter("m").Int64ObservableCounter("ioc", i)
			_, e2 := mp.Meter("m").Int64ObservableUpDownCounter("iou", i)
			_, e3 := mp.Meter("m").Int64ObservableGauge("iog", i)
			_, e4 := mp.Meter("m").Float64ObservableCounter("foc", f)
			_, e5 := mp.Meter("m").Float64ObservableUpDownCounter("fou", f)
			_, e6 := mp.Meter("m").Float64ObservableGauge("fog", f)
			require.NoError(t, errors.Join(e1, e2, e3, e4, e5, e6))
		}
		require.NoError(t, reader.Collect(t.Context(), &metricdata.ResourceMetrics{}))
		require.NoError(t, w.Collect(t.Context()))
		assert.Equal(t, [10]int{6}, runs, "%T", mp)
	}
	assert.Len(t, w.callbacks.list(), 6)
	assert.Equal(t, uint64(6), w.pipeline.Stats().Sent)
	got := log.lines()
	assert.Len(t, got, 6, "each once: %q", got)
	for _, line := range got {
		assert.Contains(t, line, "exists already: its callbacks are those it was made with first")
	}
	w.close(t)
}

// TestConflicts: conflicts are reported once a name, and the instruments work all the same.
func TestConflicts(t *testing.T) {
	log := listen(t)
	w := open(t, time.Hour)
	m := w.Meter("m")
	for range 3 {
		_, e1 := m.Int64Counter("requests", metric.WithUnit("1"))
		_, e2 := m.Int64Counter("requests", metric.WithUnit("ms"))
		_, e3 := m.Float64Histogram("requests", metric.WithUnit("1"))
		_, e4 := m.Int64Gauge("size")
		_, e5 := m.Int64Gauge("size", metric.WithDescription("d"))
		_, e6 := m.Int64UpDownCounter("Users")
		_, e7 := m.Int64UpDownCounter("users")
		_, e8 := w.Meter("other").Int64Gauge("requests")
		require.NoError(t, errors.Join(e1, e2, e3, e4, e5, e6, e7, e8))
	}
	got := log.lines()
	require.Len(t, got, 3, "%q", got)
	r := NewRecorder(w.Provider)
	for _, kind := range []sdkmetric.InstrumentKind{sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindGauge} {
		require.True(t, r.Record(kind, "by.name", 1, nil))
	}
	assert.Len(t, log.lines(), 3, "nothing is reported where one records")
	for n, want := range []string{
		`scope "m": instrument "requests" (Int64Counter, unit "ms", description ""): there is already "requests" (Int64Counter, unit "1", description "")`,
		`"size" (Int64Gauge, unit "", description "d")`,
		`"users" (Int64UpDownCounter, unit "", description ""): there is already "Users"`,
	} {
		assert.Contains(t, got[n], want)
	}
	w.close(t)
}

// streamBehind returns the stream of an instrument, whatever its kind.
func streamBehind(t *testing.T, i any) aggregate.Observed {
	t.Helper()
	o, ok := i.(interface{ observedStream() aggregate.Observed })
	require.True(t, ok, "%T", i)
	return o.observedStream()
}

// TestNamesIgnoreCaseAsTheSDK: for each kind, two spellings are one metric, under the first
// spelling.
func TestNamesIgnoreCaseAsTheSDK(t *testing.T) {
	listen(t)
	w := open(t, time.Hour)
	defer w.close(t)
	for kind, create := range creators {
		first, err := create(w.Meter("m"), kind)
		require.NoError(t, err)
		again, err := create(w.Meter("m"), strings.ToLower(kind))
		require.NoError(t, err)
		i := streamBehind(t, first)
		assert.Same(t, i, streamBehind(t, again))
		assert.Equal(t, kind, i.Config().Name)
	}
	reader := sdkmetric.NewManualReader()
	theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("m")
	for _, name := range []string{"Requests", "requests"} {
		n, err := theirs.Int64Counter(name)
		require.NoError(t, err)
		n.Add(t.Context(), 1)
	}
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	require.Len(t, rm.ScopeMetrics[0].Metrics, 1)
	assert.Equal(t, "Requests", rm.ScopeMetrics[0].Metrics[0].Name)
}

// TestCallbacksWithoutInstruments: such callbacks are never called, and not kept.
func TestCallbacksWithoutInstruments(t *testing.T) {
	w := open(t, time.Hour)
	w.aggregations = chosenBy(func(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if k == sdkmetric.InstrumentKindObservableGauge {
			return sdkmetric.AggregationDrop{}
		}
		return nil
	})
	m := w.Meter("m")
	dropped, err := m.Int64ObservableGauge("dropped")
	require.NoError(t, err)
	kept, err := m.Int64ObservableCounter("kept")
	require.NoError(t, err)
	never := func(context.Context, metric.Observer) error { t.Error("it ran"); return nil }
	for _, of := range [][]metric.Observable{nil, {dropped}, {foreign{}}} {
		r, err := m.RegisterCallback(never, of...)
		assert.Equal(t, len(of) == 1 && of[0] == foreign{}, err != nil)
		require.NoError(t, r.Unregister())
	}
	assert.Empty(t, w.callbacks.list())
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(dropped, 1) // dropped as asked for, which is no loss
		o.ObserveInt64(kept, 1)
		return nil
	}, dropped, kept)
	require.NoError(t, err)
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, [2]uint64{1, 0}, [2]uint64{w.pipeline.Stats().Sent, w.dropped()})
	w.close(t)
	_, err = m.RegisterCallback(never, kept)
	require.NoError(t, err)
	assert.Empty(t, w.callbacks.list(), "too late")
}

// TestNoRoom: an instrument without room is enabled, so that what is lost is counted, and
// is reported once.
func TestNoRoom(t *testing.T) {
	log := listen(t)
	w := open(t, time.Hour)
	m := w.Meter("m")
	w.spend()
	for n := range 3 {
		c, err := m.Int64Counter(fmt.Sprint("n", n))
		require.NoError(t, err)
		if assert.True(t, c.Enabled(t.Context())) {
			c.Add(t.Context(), 1)
		}
		_, err = m.Int64ObservableCounter(fmt.Sprint("o", n), metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
			t.Error("it ran")
			return nil
		}))
		require.NoError(t, err)
		late, err := w.Meter(fmt.Sprint("late", n)).Float64Gauge("g")
		require.NoError(t, err)
		assert.True(t, late.Enabled(t.Context()))
		late.Record(t.Context(), 1)
	}
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, uint64(6), w.pipeline.Stats().Dropped[wire.Memory])
	require.Len(t, log.lines(), 1)
	assert.Contains(t, log.lines()[0], `no room for instrument "n0"`)
	w.close(t)
}

// TestHistogramsOfObservables: histograms go on while they are not observed. Only sums and
// last values are what was observed.
func TestHistogramsOfObservables(t *testing.T) {
	w := open(t, time.Hour)
	w.aggregations = chosenBy(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}}
	})
	reader := sdkmetric.NewManualReader(sdkmetric.WithAggregationSelector(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}}
	}))
	theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	points := func(n int) uint64 {
		var rm metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &rm))
		before := w.pipeline.Stats().Sent
		require.NoError(t, w.Collect(t.Context()))
		h := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[int64])
		assert.Len(t, h.DataPoints, n)
		return w.pipeline.Stats().Sent - before
	}
	for _, mp := range []metric.MeterProvider{theirs, w.Provider} {
		round := 0
		_, err := mp.Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(1, metric.WithAttributes(attribute.Int("round", round)))
			round++
			return nil
		}))
		require.NoError(t, err)
	}
	for n := range 3 {
		assert.Equal(t, uint64(n+1), points(n+1))
	}
	w.close(t)
}
