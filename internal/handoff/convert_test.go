package handoff

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// TestConvert: each of OpenTelemetry's aggregations becomes the point of the wire that says
// the same.
func TestConvert(t *testing.T) {
	const delta, cumulative = metricdata.DeltaTemporality, metricdata.CumulativeTemporality
	start, at := time.Unix(1, 2), time.Unix(3, 4)
	half := math.Float64bits(0.5)
	exemplars := []metricdata.Exemplar[int64]{{Value: 7, Time: at, TraceID: []byte{1}, SpanID: []byte{2}, FilteredAttributes: []attribute.KeyValue{attribute.Bool("k", true)}}}
	for _, tt := range []struct {
		name string
		data metricdata.Aggregation
		kind wire.Kind
		want wire.Point
		is   wire.Metric // integer, monotonic, delta
	}{
		{"gauge", metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{StartTime: start, Time: at, Value: -1}}}, wire.Gauge,
			wire.Point{Bits: math.MaxUint64}, wire.Metric{Integer: true}},
		{"float gauge", metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{StartTime: start, Time: at, Value: 0.5}}}, wire.Gauge,
			wire.Point{Bits: half}, wire.Metric{}},
		{"sum", metricdata.Sum[int64]{IsMonotonic: true, Temporality: delta, DataPoints: []metricdata.DataPoint[int64]{{StartTime: start, Time: at, Value: 5, Exemplars: exemplars}}}, wire.Sum,
			wire.Point{Bits: 5, Exemplars: []wire.Exemplar{{Time: at.UnixNano(), Bits: 7, AttributeCount: 1, TraceID: []byte{1}, SpanID: []byte{2}}}}, wire.Metric{Integer: true, Monotonic: true, Delta: true}},
		{"float sum", metricdata.Sum[float64]{Temporality: cumulative, DataPoints: []metricdata.DataPoint[float64]{{StartTime: start, Time: at, Value: 0.5}}}, wire.Sum,
			wire.Point{Bits: half}, wire.Metric{}},
		{"histogram", metricdata.Histogram[int64]{Temporality: delta, DataPoints: []metricdata.HistogramDataPoint[int64]{{
			StartTime: start, Time: at, Sum: 9, Count: 3, Min: metricdata.NewExtrema[int64](1), Bounds: []float64{1, 2}, BucketCounts: []uint64{1, 1, 1},
		}}}, wire.Histogram, wire.Point{Bits: 9, Distribution: &wire.Distribution{
			Count: 3, Min: wire.Extremum{Bits: 1, Defined: true}, Bounds: []float64{1, 2}, BucketCounts: []uint64{1, 1, 1},
		}}, wire.Metric{Integer: true, Delta: true}},
		{"float histogram", metricdata.Histogram[float64]{Temporality: cumulative, DataPoints: []metricdata.HistogramDataPoint[float64]{{
			StartTime: start, Time: at, Sum: 0.5, Count: 1, Max: metricdata.NewExtrema(0.5),
		}}}, wire.Histogram, wire.Point{Bits: half, Distribution: &wire.Distribution{Count: 1, Max: wire.Extremum{Bits: half, Defined: true}}}, wire.Metric{}},
		{"exponential histogram", metricdata.ExponentialHistogram[int64]{Temporality: cumulative, DataPoints: []metricdata.ExponentialHistogramDataPoint[int64]{{
			StartTime: start, Time: at, Sum: 9, Count: 3, Scale: -2, ZeroCount: 1, ZeroThreshold: 0.5,
			PositiveBucket: metricdata.ExponentialBucket{Offset: 4, Counts: []uint64{1}}, NegativeBucket: metricdata.ExponentialBucket{Offset: -4, Counts: []uint64{0, 1}},
		}}}, wire.ExponentialHistogram, wire.Point{Bits: 9, Distribution: &wire.Distribution{
			Count: 3, Scale: -2, ZeroCount: 1, ZeroThreshold: 0.5,
			Positive: wire.Buckets{Offset: 4, Counts: []uint64{1}}, Negative: wire.Buckets{Offset: -4, Counts: []uint64{0, 1}},
		}}, wire.Metric{Integer: true}},
		{"float exponential histogram", metricdata.ExponentialHistogram[float64]{Temporality: delta, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
			StartTime: start, Time: at, Sum: 0.5,
		}}}, wire.ExponentialHistogram, wire.Point{Bits: half, Distribution: &wire.Distribution{}}, wire.Metric{Delta: true}},
		{"summary", metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{
			StartTime: start, Time: at, Sum: 0.5, Count: 2, QuantileValues: []metricdata.QuantileValue{{Quantile: 0.9, Value: 3}},
		}}}, wire.Summary, wire.Point{Bits: half, Distribution: &wire.Distribution{Count: 2, Quantiles: []wire.Quantile{{Quantile: 0.9, Value: 3}}}}, wire.Metric{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := open(16, math.MaxInt64)
			require.NoError(t, w.Export(t.Context(), metricsOf(metricdata.Metrics{Name: "n", Unit: "u", Description: "d", Data: tt.data})))
			n := w.take(func(p *wire.Point) {
				m := p.Metric
				assert.Equal(t, []string{"scope", "n", "u", "d"}, []string{m.Scope.Name.Text(), m.Name.Text(), m.Unit.Text(), m.Description.Text()})
				assert.Equal(t, tt.kind, m.Kind)
				assert.Equal(t, [3]bool{tt.is.Integer, tt.is.Monotonic, tt.is.Delta}, [3]bool{m.Integer, m.Monotonic, m.Delta})
				assert.Equal(t, [3]uint64{uint64(start.UnixNano()), uint64(at.UnixNano()), tt.want.Bits}, [3]uint64{uint64(p.StartTime), uint64(p.Time), p.Bits})
				assertDistribution(t, tt.want.Distribution, p.Distribution)
				require.Len(t, p.Exemplars, len(tt.want.Exemplars))
				for i, e := range tt.want.Exemplars {
					e.Attributes = p.Exemplars[i].Attributes
					assert.NotEmpty(t, e.Attributes)
					assert.Equal(t, e, p.Exemplars[i])
				}
			})
			assert.Equal(t, 1, n)
		})
	}
}

// assertDistribution compares two of them; an empty list may be nil.
func assertDistribution(t *testing.T, want, got *wire.Distribution) {
	t.Helper()
	if want == nil || got == nil {
		assert.Equal(t, want, got)
		return
	}
	assert.Equal(t, [3]any{want.Count, want.Min, want.Max}, [3]any{got.Count, got.Min, got.Max})
	assert.Equal(t, [3]any{want.Scale, want.ZeroCount, want.ZeroThreshold}, [3]any{got.Scale, got.ZeroCount, got.ZeroThreshold})
	assert.ElementsMatch(t, want.Bounds, got.Bounds)
	assert.ElementsMatch(t, want.BucketCounts, got.BucketCounts)
	assert.ElementsMatch(t, want.Quantiles, got.Quantiles)
	assert.Equal(t, [2]int32{want.Positive.Offset, want.Negative.Offset}, [2]int32{got.Positive.Offset, got.Negative.Offset})
	assert.ElementsMatch(t, want.Positive.Counts, got.Positive.Counts)
	assert.ElementsMatch(t, want.Negative.Counts, got.Negative.Counts)
}

// TestUnconvertible: what cannot be handed over costs itself alone, under its reason, and an
// error is returned once.
func TestUnconvertible(t *testing.T) {
	fine := sum(2)
	far := time.Unix(1<<40, 0)
	for _, tt := range []struct {
		name   string
		bad    metricdata.Metrics
		reason wire.DropReason
		points uint64
		err    string
		said   bool
	}{
		{"unknown temporality", metricdata.Metrics{Name: "n", Data: metricdata.Sum[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)}},
			wire.Encode, 3, `otelgram: metric "n": unknown temporality 0: its points are dropped`, false},
		{"unknown aggregation", metricdata.Metrics{Name: "n"}, wire.Encode, 1, `otelgram: metric "n": unknown aggregation <nil>: its points are dropped`, false},
		{"times", metricdata.Metrics{Name: "n", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Time: far}, {StartTime: far}}}}, wire.Invalid, 2, "", false},
		{"times of a histogram", metricdata.Metrics{Name: "n", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Time: far}}}}, wire.Invalid, 1, "", false},
		{"too many buckets", histogram(1, wire.MaxBody), wire.Oversize, 1, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := open(64, math.MaxInt64)
			for _, again := range []bool{false, true} {
				err := w.Export(t.Context(), metricsOf(fine, tt.bad, fine))
				if tt.err != "" && !again {
					require.EqualError(t, err, tt.err)
				} else {
					require.NoError(t, err)
				}
				assert.Equal(t, 4, w.take(func(*wire.Point) {}))
			}
			assert.Equal(t, 2*tt.points, w.requireBooks(t, 0).Dropped[tt.reason])
			assert.Equal(t, tt.said, len(w.said) == 1)
			assert.Equal(t, w.payloads.made, w.payloads.free.Len())
		})
	}
}

// TestResources: one that is too large, or has no wire form, costs its points.
func TestResources(t *testing.T) {
	w := open(64, math.MaxInt64)
	rm := metricsOf(sum(3))
	rm.Resource = resource.NewSchemaless(attribute.String("k", string(make([]byte, wire.MaxBody))))
	require.ErrorContains(t, w.Export(t.Context(), rm), "otelgram: resource of 65")
	require.NoError(t, w.Export(t.Context(), rm), "once")
	assert.Equal(t, uint64(6), w.requireBooks(t, 0).Dropped[wire.Oversize])
	rm = metricsOf(sum(3))
	deep := attribute.SliceValue(attribute.StringValue("x"))
	for range wire.MaxDepth + 1 {
		deep = attribute.SliceValue(deep)
	}
	rm.ScopeMetrics[0].Scope = instrumentation.Scope{Name: "deep", Attributes: attribute.NewSet(attribute.KeyValue{Key: "k", Value: deep})}
	require.ErrorContains(t, w.Export(t.Context(), rm), `metric "sum": unknown attribute of the resource or scope`)
	assert.Equal(t, uint64(3), w.requireBooks(t, 0).Dropped[wire.Encode])

	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.Export(over, metricsOf(sum(2))), context.Canceled)
	assert.Equal(t, 2, w.take(func(*wire.Point) {}), "what needs no waiting is taken")
	require.ErrorIs(t, w.Export(over, nil), context.Canceled)
	require.NoError(t, w.Export(t.Context(), &metricdata.ResourceMetrics{}))
}
