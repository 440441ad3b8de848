package exporter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
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
	steps       int // measurements between two collections
	crowd       int // attribute sets that an instrument gets at once, now and then
	// exponential is what aggregates histograms. If it is nil, explicit bounds do.
	exponential *sdkmetric.AggregationBase2ExponentialHistogram
}

// outcome is what the collections of a program gave, and when they were: a time before and
// one after each.
type outcome struct {
	collected []*metricdata.ResourceMetrics
	marks     []int64
}

// run runs the program; collect is called at every collection. binds says that
// instruments can be bound.
func (p program) run(t *testing.T, mp metric.MeterProvider, binds bool, collect func() *metricdata.ResourceMetrics) (o outcome) {
	t.Helper()
	r := rand.New(rand.NewPCG(p.seed, 1))
	record := p.instruments(t, mp.Meter("scope", metric.WithInstrumentationVersion("v1")), binds)
	for range p.collections {
		for range r.IntN(p.steps) {
			record[r.IntN(len(record))](r, testAttributes(r))
		}
		o.marks = append(o.marks, time.Now().UnixNano())
		o.collected = append(o.collected, collect())
		o.marks = append(o.marks, time.Now().UnixNano())
	}
	return o
}

// within says between which of the marks t lies. Two clocks, and two providers, do not
// agree more exactly.
func (o outcome) within(t time.Time) string {
	n, _ := slices.BinarySearch(o.marks, t.UnixNano())
	return fmt.Sprint(" mark ", n)
}

func testAttributes(r *rand.Rand) []attribute.KeyValue {
	kvs := []attribute.KeyValue{
		attribute.Int("n", r.IntN(4)), attribute.String("s", fmt.Sprint(r.IntN(2))), attribute.Bool("b", true),
	}
	return kvs[:r.IntN(len(kvs)+1)]
}

// recording makes one measurement with the given attributes.
type recording func(*rand.Rand, []attribute.KeyValue)

// bound records with instruments that are bound when their attributes first come, and kept
// from then on, if that is possible.
func bound(i instrument, binds bool) recording {
	kept := map[attribute.Distinct]instrument{}
	return func(r *rand.Rand, kvs []attribute.KeyValue) {
		v := 50 * r.Float64() // the SDK adds floats that are integers apart
		if !binds {
			i.record(context.Background(), v, metric.WithAttributes(kvs...))
			return
		}
		set := attribute.NewSet(slices.Clone(kvs)...)
		b, known := kept[set.Equivalent()]
		if !known {
			b = i.bind(kvs...)
			kept[set.Equivalent()] = b
		}
		b.record(context.Background(), v)
	}
}

// overflowing makes record meet the limit of attribute sets, in one step of many.
func (p program) overflowing(record recording) recording {
	return func(r *rand.Rand, _ []attribute.KeyValue) {
		first, n := r.IntN(3)*1000, 1
		if p.crowd > 0 && r.IntN(3) == 0 {
			n = p.crowd
		}
		for i := range n {
			record(r, []attribute.KeyValue{attribute.Int("crowd", first+i)})
		}
	}
}

// instruments creates one of each kind, and some with special attributes, and returns what
// records on them. What observables observe depends only on the seed and on how often they
// were asked.
func (p program) instruments(t *testing.T, m metric.Meter, binds bool) []recording {
	t.Helper()
	ctx := context.Background()
	var errs [10]error
	var ic, limited, overflowing metric.Int64Counter
	ic, errs[0] = m.Int64Counter("ic", metric.WithUnit("1"), metric.WithDescription("d"))
	fc, err := m.Float64Counter("fc")
	errs[1] = err
	iu, err := m.Int64UpDownCounter("iu")
	errs[2] = err
	fu, err := m.Float64UpDownCounter("fu")
	errs[3] = err
	ih, err := m.Int64Histogram("ih", metric.WithExplicitBucketBoundaries(1, 10, 100))
	errs[4] = err
	fh, err := m.Float64Histogram("fh")
	errs[5] = err
	ig, err := m.Int64Gauge("ig")
	errs[6] = err
	fg, err := m.Float64Gauge("fg")
	errs[7] = err
	limited, errs[8] = m.Int64Counter("limited", allowed{keys: []attribute.Key{"n"}})
	overflowing, errs[9] = m.Int64Counter("overflowing")
	require.NoError(t, errors.Join(errs[:]...))
	p.observables(t, m)
	zeros, err := m.Float64Histogram("zeros")
	require.NoError(t, err)
	edges, err := m.Float64Histogram("edges")
	require.NoError(t, err)
	value := func(r *rand.Rand) float64 { return r.NormFloat64() * 100 }
	set := func(kvs []attribute.KeyValue) metric.MeasurementOption { return metric.WithAttributes(kvs...) }
	out := []recording{
		func(r *rand.Rand, kvs []attribute.KeyValue) { ic.Add(ctx, r.Int64N(1000), set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { fc.Add(ctx, r.Float64(), set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { iu.Add(ctx, r.Int64N(1000)-500, set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { fu.Add(ctx, value(r), set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { ih.Record(ctx, r.Int64N(200)-20, set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { ih.Record(ctx, r.Int64()-1<<62, set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { fh.Record(ctx, value(r), set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { edges.Record(ctx, edge(r), set(kvs)) },
		func(_ *rand.Rand, kvs []attribute.KeyValue) { zeros.Record(ctx, 0, set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { ig.Record(ctx, r.Int64(), set(kvs)) },
		func(r *rand.Rand, kvs []attribute.KeyValue) { fg.Record(ctx, value(r), set(kvs)) },
	}
	for _, i := range []instrument{
		adds[int64]("", ic, nil), adds[float64]("", fc, nil), adds[int64]("", iu, nil), adds[float64]("", fu, nil),
		records[int64]("", ih, nil), records[float64]("", fh, nil), records[int64]("", ig, nil), records[float64]("", fg, nil),
	} {
		out = append(out, bound(i, binds))
	}
	l, c := adds[int64]("", limited, nil), adds[int64]("", overflowing, nil)
	return append(out, bound(l, false), bound(l, binds), p.overflowing(bound(c, false)), p.overflowing(bound(c, binds)))
}

// edge returns a number at the edge of what a float64 can be, or of a bucket.
func edge(r *rand.Rand) float64 {
	edges := []float64{
		0, math.Copysign(0, -1), 1, 2, 4, 0.5, math.Nextafter(1, 2), math.Nextafter(1, 0), math.Nextafter(4, 0), 1e-320, math.SmallestNonzeroFloat64,
		0x1p-1022, math.Nextafter(0x1p-1022, 0), 0x1p-1050, 0x1p1000, math.MaxFloat64 / 1e10,
	}
	v := edges[r.IntN(len(edges))]
	if r.IntN(4) == 0 {
		return -v
	}
	return v
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
	var errs [8]error
	_, errs[6] = m.Int64ObservableUpDownCounter("lou", allowed{}, metric.WithInt64Callback(integers(16)))
	_, errs[7] = m.Int64ObservableGauge("log", allowed{}, metric.WithInt64Callback(integers(17)))
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
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // a maximum size of 1 is said to be too little, each time
	defer otel.SetErrorHandler(before)
	selectors := map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
		"low memory": sdkmetric.LowMemoryTemporalitySelector,
	}
	programs := max(1, *cases/100)
	apart := max(1, 100/programs) // a few programs are of all kinds, too
	for temporality, ts := range selectors {
		for _, exponential := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exponential %v", temporality, exponential), func(t *testing.T) {
				for n := range programs {
					i := n * apart
					p := program{seed: *seed + uint64(i), collections: 1 + i%12, steps: 100}
					if i%50 == 0 {
						p.crowd = 1990 + i%40
					}
					if exponential {
						p.exponential = exponentialOf(p.seed)
					}
					want := p.throughSDK(t, ts)
					got := p.throughUs(t, ts)
					for j := range want.collected {
						a, b := series(want.collected[j], want.within), series(got.collected[j], got.within)
						requireSameSeries(t, a, b, "program %d, collection %d, %+v", p.seed, j, p.exponential)
					}
				}
			})
		}
	}
}

// exponentialOf returns one of several aggregations.
func exponentialOf(seed uint64) *sdkmetric.AggregationBase2ExponentialHistogram {
	r := rand.New(rand.NewPCG(seed, 2))
	sizes := []int32{1, 2, 3, 20, 160, 1000, 16_384, 16_385, 20_000}
	return &sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: sizes[r.IntN(len(sizes))], MaxScale: r.Int32N(31) - 10}
}

// selector is what aggregates the measurements of each kind.
func (p program) selector(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if p.exponential != nil && k == sdkmetric.InstrumentKindHistogram {
		return *p.exponential
	}
	return sdkmetric.DefaultAggregationSelector(k)
}

func (p program) throughSDK(t *testing.T, ts sdkmetric.TemporalitySelector) outcome {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(ts), sdkmetric.WithAggregationSelector(p.selector))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return p.run(t, mp, false, func() *metricdata.ResourceMetrics { return collect(t, reader) })
}

func collect(t *testing.T, reader sdkmetric.Reader) *metricdata.ResourceMetrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &rm))
	return &rm
}

func (p program) throughUs(t *testing.T, ts sdkmetric.TemporalitySelector) outcome {
	t.Helper()
	c := connect(t, exporter.WithTemporalitySelector(ts), exporter.WithAggregationSelector(p.selector), exporter.WithFlushInterval(never))
	return p.run(t, c.exp.MeterProvider(), true, func() *metricdata.ResourceMetrics {
		parts := c.flush(t)
		require.Zero(t, c.exp.Stats().Dropped.Total())
		if len(parts) == 0 {
			return &metricdata.ResourceMetrics{}
		}
		return joined(parts)
	})
}

// requireSame compares everything but resources and times.
func requireSame(t *testing.T, want, got *metricdata.ResourceMetrics, format string, args ...any) {
	t.Helper()
	never := func(time.Time) string { return "" }
	requireSameSeries(t, series(want, never), series(got, never), format, args...)
}

func requireSameSeries(t *testing.T, a, b map[string]string, format string, args ...any) {
	t.Helper()
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

// seriesLines are a line for every series, by name and attributes, with times as when
// writes them.
type seriesLines struct {
	lines map[string]string
	when  func(time.Time) string
}

func series(rm *metricdata.ResourceMetrics, when func(time.Time) string) map[string]string {
	out := seriesLines{map[string]string{}, when}
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
	return out.lines
}

func (s *seriesLines) add(name string, set attribute.Set, start, end time.Time, line string) {
	s.lines[name+setLine(set)] = line + s.when(start) + s.when(end)
}

func numberSeries[N int64 | float64](out seriesLines, prefix, kind string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		out.add(prefix, p.Attributes, p.StartTime, p.Time, kind+bits(p.Value))
	}
}

func histogramSeries[N int64 | float64](out seriesLines, prefix, kind string, points []metricdata.HistogramDataPoint[N]) {
	for _, p := range points {
		out.add(prefix, p.Attributes, p.StartTime, p.Time,
			fmt.Sprint(kind, p.Count, sumLine(prefix, p.Sum), extremaLine(p.Min), extremaLine(p.Max), p.Bounds, p.BucketCounts))
	}
}

func exponentialSeries[N int64 | float64](out seriesLines, prefix, kind string, points []metricdata.ExponentialHistogramDataPoint[N]) {
	for _, p := range points {
		out.add(prefix, p.Attributes, p.StartTime, p.Time, fmt.Sprint(kind, p.Count, sumLine(prefix, p.Sum), extremaLine(p.Min), extremaLine(p.Max),
			p.Scale, p.ZeroCount, bucketLine(p.PositiveBucket), bucketLine(p.NegativeBucket)))
	}
}

// sumLine is the sum of a histogram, bit by bit, except a sum of edges: the SDK adds floats
// that are integers separately, and so rounds in another way.
func sumLine[N int64 | float64](prefix string, sum N) string {
	if strings.Contains(prefix, " edges") {
		return ""
	}
	return bits(sum)
}

// bucketLine has the buckets that are in use.
func bucketLine(b metricdata.ExponentialBucket) string {
	line := ""
	for i, n := range b.Counts {
		if n > 0 {
			line += fmt.Sprintf(" %d:%d", int(b.Offset)+i, n)
		}
	}
	return line
}
