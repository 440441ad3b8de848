package exporter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// program is a random sequence of measurements and collections, to be run on
// any provider.
type program struct {
	seed        uint64
	collections int
	steps       int // measurements between two of them
}

// run runs the program; collect is called at every collection.
func (p program) run(t *testing.T, mp metric.MeterProvider, collect func()) {
	t.Helper()
	r := rand.New(rand.NewPCG(p.seed, 1))
	record := p.instruments(t, mp.Meter("scope", metric.WithInstrumentationVersion("v1")), r)
	for range p.collections {
		for range r.IntN(p.steps) {
			record[r.IntN(len(record))](r, testAttributes(r))
		}
		collect()
	}
}

func testAttributes(r *rand.Rand) metric.MeasurementOption {
	kvs := []attribute.KeyValue{
		attribute.Int("n", r.IntN(4)), attribute.String("s", fmt.Sprint(r.IntN(2))), attribute.Bool("b", true),
	}
	return metric.WithAttributes(kvs[:r.IntN(len(kvs)+1)]...)
}

// instruments creates one of each and returns what records on them. What
// observables observe depends on nothing but the seed and how often they were
// asked.
func (p program) instruments(t *testing.T, m metric.Meter, r *rand.Rand) []func(*rand.Rand, metric.MeasurementOption) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) { require.NoError(t, err) }
	ic, err := m.Int64Counter("ic", metric.WithUnit("1"), metric.WithDescription("d"))
	must(err)
	fc, err := m.Float64Counter("fc")
	must(err)
	iu, err := m.Int64UpDownCounter("iu")
	must(err)
	fu, err := m.Float64UpDownCounter("fu")
	must(err)
	ih, err := m.Int64Histogram("ih", metric.WithExplicitBucketBoundaries(1, 10, 100))
	must(err)
	fh, err := m.Float64Histogram("fh")
	must(err)
	ig, err := m.Int64Gauge("ig")
	must(err)
	fg, err := m.Float64Gauge("fg")
	must(err)
	p.observables(t, m)
	value := func(r *rand.Rand) float64 { return r.NormFloat64() * 100 }
	return []func(*rand.Rand, metric.MeasurementOption){
		func(r *rand.Rand, o metric.MeasurementOption) { ic.Add(ctx, r.Int64N(1000), o) },
		func(r *rand.Rand, o metric.MeasurementOption) { fc.Add(ctx, r.Float64(), o) },
		func(r *rand.Rand, o metric.MeasurementOption) { iu.Add(ctx, r.Int64N(1000)-500, o) },
		func(r *rand.Rand, o metric.MeasurementOption) { fu.Add(ctx, value(r), o) },
		func(r *rand.Rand, o metric.MeasurementOption) { ih.Record(ctx, r.Int64N(200)-20, o) },
		func(r *rand.Rand, o metric.MeasurementOption) { fh.Record(ctx, value(r), o) },
		func(r *rand.Rand, o metric.MeasurementOption) { ig.Record(ctx, r.Int64(), o) },
		func(r *rand.Rand, o metric.MeasurementOption) { fg.Record(ctx, value(r), o) },
	}
}

func (p program) observables(t *testing.T, m metric.Meter) {
	t.Helper()
	integers := func(seed uint64) metric.Int64Callback {
		r := rand.New(rand.NewPCG(p.seed, seed))
		return func(_ context.Context, o metric.Int64Observer) error {
			for i := range r.IntN(4) {
				o.Observe(r.Int64N(1e6), metric.WithAttributes(attribute.Int("i", i)))
			}
			return nil
		}
	}
	floats := func(seed uint64) metric.Float64Callback {
		r := rand.New(rand.NewPCG(p.seed, seed))
		return func(_ context.Context, o metric.Float64Observer) error {
			for i := range r.IntN(4) {
				o.Observe(r.Float64(), metric.WithAttributes(attribute.Int("i", i)))
			}
			return nil
		}
	}
	var errs [6]error
	_, errs[0] = m.Int64ObservableCounter("ioc", metric.WithInt64Callback(integers(10)))
	_, errs[1] = m.Int64ObservableUpDownCounter("iou", metric.WithInt64Callback(integers(11)))
	_, errs[2] = m.Int64ObservableGauge("iog", metric.WithInt64Callback(integers(12)))
	_, errs[3] = m.Float64ObservableCounter("foc", metric.WithFloat64Callback(floats(13)))
	_, errs[4] = m.Float64ObservableUpDownCounter("fou", metric.WithFloat64Callback(floats(14)))
	fog, err := m.Float64ObservableGauge("fog")
	errs[5] = err
	for _, err := range errs {
		require.NoError(t, err)
	}
	r := rand.New(rand.NewPCG(p.seed, 15))
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if r.IntN(2) == 0 {
			o.ObserveFloat64(fog, r.Float64())
		}
		return nil
	}, fog)
	require.NoError(t, err)
}

// TestEqualToSDK runs the same random programs through the SDK and through the
// direct path and compares what comes out, collection by collection.
func TestEqualToSDK(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	selectors := map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	}
	aggregations := map[string]sdkmetric.AggregationSelector{
		"explicit": sdkmetric.DefaultAggregationSelector, "exponential": exponentialSelector,
	}
	programs := *cases / 40
	for temporality, ts := range selectors {
		for aggregation, as := range aggregations {
			t.Run(temporality+"/"+aggregation, func(t *testing.T) {
				for i := range programs {
					p := program{seed: *seed + uint64(i), collections: 4, steps: 60}
					want := p.throughSDK(t, ts, as)
					got := p.throughUs(t, ts, as)
					require.Len(t, got, len(want))
					for j := range want {
						requireSame(t, want[j], got[j], "program %d, collection %d", p.seed, j)
					}
				}
			})
		}
	}
}

func exponentialSelector(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 20, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(k)
}

func (p program) throughSDK(t *testing.T, ts sdkmetric.TemporalitySelector, as sdkmetric.AggregationSelector) (out []*metricdata.ResourceMetrics) {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(ts), sdkmetric.WithAggregationSelector(as))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	p.run(t, mp, func() {
		out = append(out, collect(t, reader))
	})
	return out
}

func collect(t *testing.T, reader sdkmetric.Reader) *metricdata.ResourceMetrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &rm))
	return &rm
}

func (p program) throughUs(t *testing.T, ts sdkmetric.TemporalitySelector, as sdkmetric.AggregationSelector) (out []*metricdata.ResourceMetrics) {
	t.Helper()
	c := connect(t, exporter.WithTemporalitySelector(ts), exporter.WithAggregationSelector(as), exporter.WithFlushInterval(time.Hour))
	sent := uint64(0)
	p.run(t, c.exp.MeterProvider(), func() {
		require.NoError(t, c.exp.ForceFlush(context.Background()))
		s := c.exp.Stats()
		require.Zero(t, s.Dropped.Total())
		parts := c.receive(t, int(s.Sent-sent))
		sent = s.Sent
		if len(parts) == 0 {
			parts = []*metricdata.ResourceMetrics{{}}
		}
		out = append(out, joined(parts))
	})
	return out
}

// requireSame compares everything but resources, times and the exact
// resolution of exponential histograms.
func requireSame(t *testing.T, want, got *metricdata.ResourceMetrics, format string, args ...any) {
	t.Helper()
	a, b := timeless(want), timeless(got)
	require.Equal(t, keys(a), keys(b), append([]any{format}, args...)...)
	for k := range a {
		require.Equal(t, a[k], b[k], fmt.Sprintf(format, args...)+" "+k)
	}
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// timeless returns a line for every series, by name and attributes.
func timeless(rm *metricdata.ResourceMetrics) map[string]string {
	out := map[string]string{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			prefix := fmt.Sprint(sm.Scope.Name, sm.Scope.Version, " ", m.Name, m.Unit, m.Description)
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				numberSeries(out, prefix, fmt.Sprint(d.Temporality, d.IsMonotonic), d.DataPoints)
			case metricdata.Sum[float64]:
				numberSeries(out, prefix, fmt.Sprint(d.Temporality, d.IsMonotonic), d.DataPoints)
			case metricdata.Gauge[int64]:
				numberSeries(out, prefix, "gauge", d.DataPoints)
			case metricdata.Gauge[float64]:
				numberSeries(out, prefix, "gauge", d.DataPoints)
			case metricdata.Histogram[int64]:
				histogramSeries(out, prefix, fmt.Sprint(d.Temporality), d.DataPoints)
			case metricdata.Histogram[float64]:
				histogramSeries(out, prefix, fmt.Sprint(d.Temporality), d.DataPoints)
			case metricdata.ExponentialHistogram[int64]:
				exponentialSeries(out, prefix, fmt.Sprint(d.Temporality), d.DataPoints)
			case metricdata.ExponentialHistogram[float64]:
				exponentialSeries(out, prefix, fmt.Sprint(d.Temporality), d.DataPoints)
			}
		}
	}
	return out
}

func numberSeries[N int64 | float64](out map[string]string, prefix, kind string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		out[prefix+setLine(p.Attributes)] = kind + bits(p.Value)
	}
}

func histogramSeries[N int64 | float64](out map[string]string, prefix, kind string, points []metricdata.HistogramDataPoint[N]) {
	for _, p := range points {
		out[prefix+setLine(p.Attributes)] = fmt.Sprint(kind, p.Count, bits(p.Sum), extremaLine(p.Min), extremaLine(p.Max), p.Bounds, p.BucketCounts)
	}
}

// exponentialSeries brings the buckets to a scale that every implementation can
// reach, one below the coarsest either would choose.
func exponentialSeries[N int64 | float64](out map[string]string, prefix, kind string, points []metricdata.ExponentialHistogramDataPoint[N]) {
	for _, p := range points {
		out[prefix+setLine(p.Attributes)] = fmt.Sprint(kind, p.Count, bits(p.Sum), extremaLine(p.Min), extremaLine(p.Max), p.ZeroCount,
			coarse(p.PositiveBucket, p.Scale), coarse(p.NegativeBucket, p.Scale))
	}
}

func coarse(b metricdata.ExponentialBucket, scale int32) []string {
	const common = -2
	counts := map[int64]uint64{}
	for i, n := range b.Counts {
		if n > 0 {
			counts[(int64(b.Offset)+int64(i))>>(scale-common)] += n
		}
	}
	var out []string
	for i, n := range counts {
		out = append(out, fmt.Sprintf("%04d:%d", i+1000, n))
	}
	slices.Sort(out)
	return out
}
