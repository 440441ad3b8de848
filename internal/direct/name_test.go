package direct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/allocs"
)

// creators make one instrument of each kind.
var creators = map[string]func(metric.Meter, string) (any, error){
	"Int64Counter":         func(m metric.Meter, name string) (any, error) { return m.Int64Counter(name) },
	"Int64UpDownCounter":   func(m metric.Meter, name string) (any, error) { return m.Int64UpDownCounter(name) },
	"Int64Histogram":       func(m metric.Meter, name string) (any, error) { return m.Int64Histogram(name) },
	"Int64Gauge":           func(m metric.Meter, name string) (any, error) { return m.Int64Gauge(name) },
	"Float64Counter":       func(m metric.Meter, name string) (any, error) { return m.Float64Counter(name) },
	"Float64UpDownCounter": func(m metric.Meter, name string) (any, error) { return m.Float64UpDownCounter(name) },
	"Float64Histogram":     func(m metric.Meter, name string) (any, error) { return m.Float64Histogram(name) },
	"Float64Gauge":         func(m metric.Meter, name string) (any, error) { return m.Float64Gauge(name) },

	"Int64ObservableCounter":         func(m metric.Meter, name string) (any, error) { return m.Int64ObservableCounter(name) },
	"Int64ObservableUpDownCounter":   func(m metric.Meter, name string) (any, error) { return m.Int64ObservableUpDownCounter(name) },
	"Int64ObservableGauge":           func(m metric.Meter, name string) (any, error) { return m.Int64ObservableGauge(name) },
	"Float64ObservableCounter":       func(m metric.Meter, name string) (any, error) { return m.Float64ObservableCounter(name) },
	"Float64ObservableUpDownCounter": func(m metric.Meter, name string) (any, error) { return m.Float64ObservableUpDownCounter(name) },
	"Float64ObservableGauge":         func(m metric.Meter, name string) (any, error) { return m.Float64ObservableGauge(name) },
}

// TestNamesAsTheSDK compares the answers for names of all sorts with the SDK's.
func TestNamesAsTheSDK(t *testing.T) {
	w := open(t, time.Hour)
	defer w.close(t)
	theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter("m")
	names := []string{
		"", "a", "Z", "_", "1", ".", "-", "/", " ", "é", "\xff", "aé", "a\xff", "a b", "a\x00", "a.b-c_d/e9", "a:b", "http.server.duration",
		"9lives", "_x", "/x", strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("é", 128), "a" + strings.Repeat("é", 127),
	}
	for kind, create := range creators {
		for _, name := range names {
			_, want := create(theirs, name)
			got, err := create(w.Meter("m"), name)
			require.NotNil(t, got)
			assert.Equal(t, errors.Is(want, sdkmetric.ErrInstrumentName), errors.Is(err, sdkmetric.ErrInstrumentName), "%s %q: %v, %v", kind, name, want, err)
			assert.Equal(t, want == nil, err == nil, "%s %q: %v, %v", kind, name, want, err)
		}
	}
}

// TestBadNamesWork: a bad name is an error and nothing more.
func TestBadNamesWork(t *testing.T) {
	w := open(t, time.Hour)
	n, err := w.Meter("m").Int64Counter("1 bad name")
	require.ErrorIs(t, err, sdkmetric.ErrInstrumentName)
	n.Add(t.Context(), 1)
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, uint64(1), w.pipeline.Stats().Sent)
	w.close(t)
}

// TestBoundsAsTheSDK compares the answers for advised boundaries with the SDK's.
func TestBoundsAsTheSDK(t *testing.T) {
	w := open(t, time.Hour)
	defer w.close(t)
	theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter("m")
	defaults := sdkmetric.DefaultAggregationSelector(sdkmetric.InstrumentKindHistogram).(sdkmetric.AggregationExplicitBucketHistogram).Boundaries
	tests := []struct {
		name   string
		bounds []float64
		used   bool
	}{
		{"ascending", []float64{-1, 0, 2.5}, true},
		{"one", []float64{7}, true},
		{"none", []float64{}, false},
		{"infinite", []float64{math.Inf(-1), 0, math.Inf(1)}, true},
		{"descending", []float64{3, 2, 1}, false},
		{"unsorted", []float64{1, 3, 2}, false},
		{"equal", []float64{1, 2, 2, 3}, false},
	}
	for _, tt := range tests {
		option := metric.WithExplicitBucketBoundaries(tt.bounds...)
		_, want := theirs.Float64Histogram(tt.name, option)
		f, err := w.Meter("m").Float64Histogram(tt.name, option)
		assert.Equal(t, want == nil, err == nil, "%s: %v, %v", tt.name, want, err)
		_, want = theirs.Int64Histogram(tt.name, option)
		i, err := w.Meter("m").Int64Histogram(tt.name, option)
		assert.Equal(t, want == nil, err == nil, "%s: %v, %v", tt.name, want, err)
		expected := tt.bounds
		if !tt.used {
			expected = defaults
		}
		assert.Equal(t, expected, f.(*float64Histogram).stream.Config().Bounds, tt.name)
		assert.Equal(t, expected, i.(*int64Histogram).stream.Config().Bounds, tt.name)
	}
	// The caller's slice stays the caller's.
	own := []float64{1, 2}
	h, err := w.Meter("m").Float64Histogram("own", metric.WithExplicitBucketBoundaries(own...))
	require.NoError(t, err)
	own[0] = 99
	assert.Equal(t, []float64{1, 2}, h.(*float64Histogram).stream.Config().Bounds)
}

// TestAggregations: an instrument does what the selector says.
func TestAggregations(t *testing.T) {
	tests := []struct {
		name        string
		kind        sdkmetric.InstrumentKind
		aggregation sdkmetric.Aggregation
		want        *aggregate.Config // nil: dropped
	}{
		{"none is the default", sdkmetric.InstrumentKindGauge, nil, &aggregate.Config{Kind: aggregate.LastValue}},
		{"default", sdkmetric.InstrumentKindCounter, sdkmetric.AggregationDefault{}, &aggregate.Config{Kind: aggregate.Sum, Monotonic: true}},
		{"drop", sdkmetric.InstrumentKindCounter, sdkmetric.AggregationDrop{}, nil},
		{"a sum of a histogram", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationSum{}, &aggregate.Config{Kind: aggregate.Sum, Monotonic: true}},
		{"an up-down sum", sdkmetric.InstrumentKindUpDownCounter, sdkmetric.AggregationSum{}, &aggregate.Config{Kind: aggregate.Sum}},
		{"an observed sum", sdkmetric.InstrumentKindObservableCounter, sdkmetric.AggregationSum{},
			&aggregate.Config{Kind: aggregate.Precomputed, Monotonic: true, Observed: true}},
		{"exponential", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 7, MaxScale: 3, NoMinMax: true},
			&aggregate.Config{Kind: aggregate.Exponential, MaxSize: 7, MaxScale: 3, NoMinMax: true}},
		{"explicit", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}},
			&aggregate.Config{Kind: aggregate.Explicit, Bounds: []float64{1}}},
		{"no sum of what may be negative", sdkmetric.InstrumentKindUpDownCounter, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}},
			&aggregate.Config{Kind: aggregate.Explicit, Bounds: []float64{1}, NoSum: true}},
		{"nor of a gauge", sdkmetric.InstrumentKindGauge, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 7, MaxScale: 3},
			&aggregate.Config{Kind: aggregate.Exponential, MaxSize: 7, MaxScale: 3, NoSum: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := open(t, time.Hour)
			defer w.close(t)
			w.aggregations = chosenBy(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return tt.aggregation })
			got, _, f := streamOf[float64](w.Provider, w.Meter("m").(*meter).scope, description{kind: tt.kind, name: "n"})
			if tt.want == nil {
				assert.Nil(t, got)
				assert.Equal(t, unwanted, f)
				return
			}
			c := *got.Config()
			tt.want.Name, tt.want.Scope, tt.want.Instrument = "n", c.Scope, "Float64"+tt.kind.String()
			assert.Equal(t, *tt.want, c)
		})
	}
}

// TestDroppedInstruments: an instrument that the selector drops is not enabled, and its
// measurements are no losses.
func TestDroppedInstruments(t *testing.T) {
	w := open(t, time.Hour)
	w.aggregations = chosenBy(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return sdkmetric.AggregationDrop{} })
	n, err := w.Meter("m").Int64Counter("n", metric.WithUnit("1"))
	require.NoError(t, err)
	assert.False(t, n.Enabled(t.Context()))
	n.Add(t.Context(), 1, metric.WithAttributes(attribute.Bool("b", true)))
	n.Add(t.Context(), -1)
	n.(*int64Counter).Bind(attribute.Bool("b", true)).Add(t.Context(), 1)
	_, err = w.Meter("m").Float64ObservableCounter("o", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(1)
		o.Observe(math.NaN())
		return nil
	}))
	require.NoError(t, err)
	assert.True(t, NewRecorder(w.Provider).Record(sdkmetric.InstrumentKindCounter, "n", 1, nil))
	require.NoError(t, w.Collect(t.Context()))
	assert.Zero(t, w.pipeline.Stats().Offered)
	w.close(t)
}

// TestMeters: one scope has one meter, and the scope's attributes tell scopes apart.
func TestMeters(t *testing.T) {
	w := open(t, time.Hour)
	a := metric.WithInstrumentationAttributes(attribute.String("a", "b"))
	assert.Same(t, w.Meter("m"), w.Meter("m"))
	assert.Same(t, w.Meter("m", a), w.Meter("m", a))
	assert.NotSame(t, w.Meter("m"), w.Meter("m", a))
	assert.NotSame(t, w.Meter("m"), w.Meter("m", metric.WithInstrumentationVersion("v1")))
	assert.NotSame(t, w.Meter("m"), w.Meter("m", metric.WithSchemaURL("s")))
	assert.Same(t, w.Meter("m"), w.Meter("m", metric.WithInstrumentationAttributes()), "none is none")
	unequal := metric.WithInstrumentationAttributes(attribute.Float64Slice("nan", []float64{math.NaN()}))
	assert.Same(t, w.Meter("m", unequal), w.Meter("m", unequal), "though NaN is not equal to itself")
	w.close(t)
	assert.NotSame(t, w.Meter("m"), w.Meter("m"), "later ones are not kept")
	assert.Implements(t, (*embedded.MeterProvider)(nil), w.Provider)
}

// TestOwnScope: the exporter's own metrics are not timed; the metrics of others are.
func TestOwnScope(t *testing.T) {
	w := open(t, time.Hour)
	defer w.close(t)
	w.config.Own = "own"
	for scope, own := range map[string]bool{"own": true, "other": false} {
		n, err := w.Meter(scope).Int64Counter("n")
		require.NoError(t, err)
		assert.Equal(t, own, n.(*int64Counter).stream.Config().Own, scope)
	}
}

// TestMeterWithoutAName: such a meter works, and is reported once.
func TestMeterWithoutAName(t *testing.T) {
	log := listen(t)
	w := open(t, time.Hour)
	for range 2 {
		n, err := w.Meter("").Int64Counter("n")
		require.NoError(t, err)
		n.Add(t.Context(), 1)
	}
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, 2.0, w.total())
	w.close(t)
	require.Len(t, log.lines(), 1)
	assert.Contains(t, log.lines()[0], "a meter has no name")
}

// TestMetersKeepNoStrings: the names of meters may have been cut from something large,
// which does not stay in memory.
func TestMetersKeepNoStrings(t *testing.T) {
	const large, meters = 64 << 10, 500
	w := open(t, time.Hour)
	defer w.close(t)
	cut := func(k int) string { return strings.Repeat(fmt.Sprintf("%08d", k), large/8)[:8] }
	before := allocs.Heap()
	for k := range meters {
		m := w.Meter(cut(k), metric.WithInstrumentationVersion(cut(k)), metric.WithSchemaURL(cut(k)),
			metric.WithInstrumentationAttributes(attribute.String(cut(k), cut(k))))
		c, err := m.Int64Counter("n"+cut(k), metric.WithUnit(cut(k)), metric.WithDescription(cut(k)))
		require.NoError(t, err)
		c.Add(t.Context(), 1)
	}
	assert.Less(t, allocs.Heap()-before, int64(8<<20), "a string of each would be %d MB", meters*large>>20)
}
