package direct

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/wire"
)

// TestUnfitAggregations: an aggregation that does not fit is reported by kind and value,
// and the default takes its place.
func TestUnfitAggregations(t *testing.T) {
	tests := []struct {
		name        string
		kind        sdkmetric.InstrumentKind
		aggregation sdkmetric.Aggregation
		says        string
	}{
		{"a sum of gauges", sdkmetric.InstrumentKindGauge, sdkmetric.AggregationSum{}, "Gauge: values of a gauge do not add up"},
		{"a sum of observed gauges", sdkmetric.InstrumentKindObservableGauge, sdkmetric.AggregationSum{}, "do not add up"},
		{"the last of a counter", sdkmetric.InstrumentKindCounter, sdkmetric.AggregationLastValue{}, "Counter: the last value is for gauges alone"},
		{"bounds out of order", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{2, 1}}, "boundaries [2 1]"},
		{"a bound that is no number", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, math.NaN()}}, "[1 NaN]"},
		{"no buckets", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationBase2ExponentialHistogram{MaxScale: 20}, "maximum size 0"},
		{"a scale too fine", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 21}, "maximum scale 21"},
		{"a scale too coarse", sdkmetric.InstrumentKindHistogram, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: -11}, "maximum scale -11"},
		{"of a type that is none", sdkmetric.InstrumentKindCounter, &sdkmetric.AggregationDrop{}, "unknown aggregation *metric.AggregationDrop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := listen(t)
			chosen := chosenBy(func(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
				if k == tt.kind {
					return tt.aggregation
				}
				return nil
			})
			for _, k := range Kinds {
				assert.Equal(t, sdkmetric.DefaultAggregationSelector(k), chosen[k], "%v", k)
			}
			require.Len(t, log.lines(), 1)
			assert.Contains(t, log.lines()[0], tt.says)
		})
	}
}

// TestChosenOnce: what the selector returned stays its own.
func TestChosenOnce(t *testing.T) {
	log := listen(t)
	bounds := []float64{1, 2}
	chosen := chosenBy(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds, NoMinMax: true}
	})
	bounds[0] = 99
	for _, k := range Kinds {
		assert.Equal(t, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2}, NoMinMax: true}, chosen[k], "%v", k)
	}
	assert.Empty(t, log.lines())
}

// TestGaugesInHistograms: a value that is no number finds no bucket, by name or by
// instrument.
func TestGaugesInHistograms(t *testing.T) {
	w := open(t, time.Hour)
	w.aggregations = chosenBy(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	})
	r := NewRecorder(w.Provider)
	g, err := w.Meter("m").Float64Gauge("g")
	require.NoError(t, err)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.False(t, r.Record(sdkmetric.InstrumentKindGauge, "g", v, nil))
		g.Record(t.Context(), v)
	}
	assert.Equal(t, uint64(6), w.pipeline.Stats().Dropped[wire.Invalid])
	assert.True(t, r.Record(sdkmetric.InstrumentKindGauge, "g", -1, nil))
	g.Record(t.Context(), -1)
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, uint64(2), w.pipeline.Stats().Sent)
	w.close(t)
}
