package direct

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// TestMadeTooLate: what is lost by instruments that are made after the end is counted, and
// neither they nor their meters are kept.
func TestMadeTooLate(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	before := w.Meter("before")
	w.close(t)
	ctx := t.Context()
	const rounds = 100
	for n := range rounds {
		for _, m := range []metric.Meter{before, w.Meter(fmt.Sprint("later.", n))} {
			name := fmt.Sprint("n.", n)
			c, err := m.Int64Counter(name)
			require.NoError(t, err)
			c.Add(ctx, 1)
			c.Add(ctx, -1)
			g, err := m.Float64Gauge(name)
			require.NoError(t, err)
			g.Record(ctx, math.NaN()) // a gauge may be
			o, err := m.Int64ObservableCounter(name, metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return nil }))
			require.NoError(t, err)
			registration, err := m.RegisterCallback(func(context.Context, metric.Observer) error { return nil }, o)
			require.NoError(t, err)
			require.NoError(t, registration.Unregister())
		}
		assert.False(t, r.Record(sdkmetric.InstrumentKindCounter, fmt.Sprint("n.", n), 1, nil))
	}
	_, err := w.Meter("m").Int64Counter("no name")
	require.ErrorIs(t, err, sdkmetric.ErrInstrumentName, "as before")
	s := w.pipeline.Stats()
	assert.Equal(t, uint64(5*rounds), s.Dropped[wire.Shutdown])
	assert.Equal(t, uint64(2*rounds), s.Dropped[wire.Invalid])
	assert.Equal(t, uint64(7*rounds), s.Offered)
	assert.Len(t, w.meters, 1)
	assert.Zero(t, r.interned.count.Load())
	_, created, _ := streamOf[int64](w.Provider, instrumentation.Scope{Name: "before"}, description{kind: sdkmetric.InstrumentKindCounter, name: "n.0", integer: true})
	assert.True(t, created, "the registry has not seen it")
}

// TestInstrumentsOfAnotherMeter: they are an error, as in the SDK. Instruments of the meter
// itself are registered.
func TestInstrumentsOfAnotherMeter(t *testing.T) {
	w := open(t, time.Hour)
	defer w.close(t)
	reader := sdkmetric.NewManualReader()
	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	// run registers a callback for an instrument of the meter m and one of another meter.
	// It returns the error, and whether the callback runs.
	run := func(mp metric.MeterProvider, collect func(), other string, opts ...metric.MeterOption) (error, bool) {
		m := mp.Meter("m")
		mine, err := m.Int64ObservableCounter("mine")
		require.NoError(t, err)
		theirs, err := mp.Meter(other, opts...).Float64ObservableGauge("theirs")
		require.NoError(t, err)
		runs := false
		registration, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			runs = true
			o.ObserveInt64(mine, 1)
			return nil
		}, theirs, mine)
		collect()
		require.NoError(t, registration.Unregister())
		return err, runs
	}
	for _, tt := range []struct {
		name    string
		other   string
		opts    []metric.MeterOption
		refused bool
	}{
		{"the same meter", "m", nil, false},
		{"an empty version", "m", []metric.MeterOption{metric.WithInstrumentationVersion("")}, false},
		{"another name", "x", nil, true},
		{"another version", "m", []metric.MeterOption{metric.WithInstrumentationVersion("2")}, true},
		{"another schema", "m", []metric.MeterOption{metric.WithSchemaURL("s")}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs, sdkRuns := run(sdk, func() {
				var rm metricdata.ResourceMetrics
				require.NoError(t, reader.Collect(t.Context(), &rm))
			}, tt.other, tt.opts...)
			ours, runs := run(w.Provider, func() { require.NoError(t, w.Collect(t.Context())) }, tt.other, tt.opts...)
			assert.Equal(t, tt.refused, ours != nil, "%v", ours)
			assert.Equal(t, theirs != nil, ours != nil, "the SDK: %v", theirs)
			assert.True(t, runs)
			assert.Equal(t, sdkRuns, runs)
			if tt.refused {
				require.ErrorContains(t, ours, fmt.Sprintf(`"theirs" is an instrument of the meter %q, and not of "m"`, tt.other))
			}
		})
	}
}

// TestMeterWithoutRoom: a meter that is not kept counts as the same meter, too.
func TestMeterWithoutRoom(t *testing.T) {
	w := open(t, time.Hour)
	defer w.close(t)
	listen(t)
	for n := range maxMeters {
		w.Meter(fmt.Sprint(n))
	}
	a, b := w.Meter("m").(*meter), w.Meter("m").(*meter)
	assert.NotSame(t, a, b)
	assert.True(t, a.is(b))
	assert.False(t, a.is(w.Meter("x").(*meter)))
	o, err := a.Int64ObservableCounter("n")
	require.NoError(t, err)
	_, err = b.RegisterCallback(func(context.Context, metric.Observer) error { return nil }, o)
	require.NoError(t, err)
}
