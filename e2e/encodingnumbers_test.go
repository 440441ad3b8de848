package e2e

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// numbers are a metric that is exported several times, one point each, and what a server is to
// have of it after each time.
type numbers struct {
	name string
	kind byte
	data []metricdata.Aggregation
	// totals are what a server has that is told of changes, said what one has that keeps what
	// it is told. nil: the values of the points. NaN: the server has no such series.
	totals, said []float64
	// unsaid is how many points have no form, unsaidAsChange how many of the others have
	// none where changes are told.
	unsaid, unsaidAsChange uint64
}

type integerOrFloat interface{ int64 | float64 }

// sums returns sums, one for each time.
func sums[N integerOrFloat](t metricdata.Temporality, monotonic bool, start time.Time, values ...N) (all []metricdata.Aggregation) {
	for _, v := range values {
		all = append(all, metricdata.Sum[N]{Temporality: t, IsMonotonic: monotonic,
			DataPoints: []metricdata.DataPoint[N]{{StartTime: start, Value: v}}})
	}
	return all
}

// gauges returns gauges, one for each time.
func gauges[N integerOrFloat](values ...N) (all []metricdata.Aggregation) {
	for _, v := range values {
		all = append(all, metricdata.Gauge[N]{DataPoints: []metricdata.DataPoint[N]{{Value: v}}})
	}
	return all
}

// at returns data whose point has a time.
func at(a metricdata.Aggregation, now time.Time) metricdata.Aggregation {
	switch a := a.(type) {
	case metricdata.Sum[int64]:
		a.DataPoints[0].Time = now
	case metricdata.Sum[float64]:
		a.DataPoints[0].Time = now
	case metricdata.Gauge[int64]:
		a.DataPoints[0].Time = now
	case metricdata.Gauge[float64]:
		a.DataPoints[0].Time = now
	case metricdata.Histogram[float64]:
		a.DataPoints[0].Time = now
	case metricdata.ExponentialHistogram[float64]:
		a.DataPoints[0].Time = now
	case metricdata.Summary:
		a.DataPoints[0].Time = now
	}
	return a
}

// numberOf returns the value of the point, NaN where that is no number.
func numberOf(a metricdata.Aggregation) float64 {
	switch a := a.(type) {
	case metricdata.Sum[int64]:
		return float64(a.DataPoints[0].Value)
	case metricdata.Sum[float64]:
		return a.DataPoints[0].Value
	case metricdata.Gauge[int64]:
		return float64(a.DataPoints[0].Value)
	case metricdata.Gauge[float64]:
		return a.DataPoints[0].Value
	}
	return math.NaN()
}

const (
	cumulative = metricdata.CumulativeTemporality
	delta      = metricdata.DeltaTemporality
)

var nan, inf = math.NaN(), math.Inf(1)

// numberCases are what is special among numbers. Sums begin at start, but for some that began
// before the exporter.
func numberCases(start time.Time) []numbers {
	before := start.Add(-time.Hour)
	restarted := sums(cumulative, true, start, int64(7))
	restarted = append(restarted, sums(cumulative, true, start.Add(time.Second), int64(9), 12)...)
	return []numbers{
		{name: "counter", kind: 'c', data: sums(cumulative, true, start, int64(3), 3, 1<<62)},
		{name: "fractions", kind: 'c', data: sums(cumulative, true, start, 0.6, 1.2, 2.75, 2.75)},
		{name: "many", kind: 'c', data: sums(cumulative, true, start, 1e15+0.5, 1e15+1)},
		{name: "tiny", kind: 'c', data: sums(cumulative, true, start, 1e-9, 2e-9, 1)},
		{name: "none", kind: 'c', data: sums(cumulative, true, start, int64(0), 0, 1), totals: []float64{0, 0, 1}},
		{name: "began.again", kind: 'c', data: restarted, totals: []float64{7, 16, 19}, said: []float64{7, 9, 12}},
		{name: "became.less", kind: 'c', data: sums(cumulative, true, start, 7.5, 4, 5), totals: []float64{7.5, 11.5, 12.5}, said: []float64{7.5, 4, 5}},
		{name: "older", kind: 'c', data: sums(cumulative, true, before, int64(100), 103, 110), totals: []float64{0, 3, 10}, said: []float64{100, 103, 110}},
		{name: "negative.counter", kind: 'c', data: sums(cumulative, true, start, -1.5, 2), totals: []float64{nan, 2}, said: []float64{-1.5, 2}, unsaidAsChange: 1},
		{name: "no.counter", kind: 'c', data: sums(cumulative, true, start, nan, inf, 5), totals: []float64{nan, nan, 5}, said: []float64{nan, nan, 5}, unsaid: 2},
		{name: "changes", kind: 'c', data: sums(delta, true, start, int64(2), 0, 5), totals: []float64{2, 2, 7}, said: []float64{2, 0, 5}},
		{name: "parts", kind: 'c', data: sums(delta, true, start, 0.75, 0.75, 1.125), totals: []float64{0.75, 1.5, 2.625}, said: []float64{0.75, 0.75, 1.125}},
		{name: "up.down", kind: 'g', data: sums(cumulative, false, start, int64(-3), 5, -1<<62)},
		{name: "level", kind: 'g', data: sums(cumulative, false, before, -0.5, 0.25, -1e15-0.5)},
		{name: "moves", kind: 'g', data: sums(delta, false, start, int64(5), -7, 1), totals: []float64{5, -2, -1}, said: []float64{5, -7, 1}},
		{name: "slides", kind: 'g', data: sums(delta, false, start, -0.5, -0.25, 2), totals: []float64{-0.5, -0.75, 1.25}, said: []float64{-0.5, -0.25, 2}},
		{name: "below", kind: 'g', data: gauges(-1.0, -20, -3, 0)},
		{name: "above.and.below", kind: 'g', data: gauges(int64(-7), 7, -8, 8)},
		{name: "lowest", kind: 'g', data: gauges(int64(math.MinInt64), math.MaxInt64)},
		{name: "large", kind: 'g', data: gauges(1e15+0.5, -1e15-0.5, 1e300, -1e300)},
		{name: "small", kind: 'g', data: gauges(1e-9, -1e-9, -1e-7, 0.000001)},
		{name: "no.number", kind: 'g', data: gauges(nan, inf, -inf), totals: []float64{nan, nan, nan}, said: []float64{nan, nan, nan}, unsaid: 3},
		{name: "sometimes", kind: 'g', data: gauges(1.5, nan, -2.5), totals: []float64{1.5, 1.5, -2.5}, said: []float64{1.5, 1.5, -2.5}, unsaid: 1},
		{name: "3 strange/né-me", kind: 'g', data: gauges(int64(1), -1)},
	}
}

// nameOf returns the name of a metric as the encoding writes it.
func (f *form) nameOf(name string) string {
	switch f.attributes {
	case "influx":
		return name
	case "dog":
		return only(name, "._")
	}
	return only(name, "._-")
}

// roundOf returns the data of what is exported in one round.
func roundOf(prefix string, cases []numbers, round int, now time.Time) *metricdata.ResourceMetrics {
	scope := metricdata.ScopeMetrics{}
	for i := range cases {
		if c := &cases[i]; round < len(c.data) {
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: prefix + "." + c.name, Data: at(c.data[round], now)})
		}
	}
	return &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{scope}}
}

// after returns what a server is to have after a round.
func (c *numbers) after(f *form, prefix string, round int) (fact, bool) {
	round = min(round, len(c.data)-1)
	x := fact{kind: c.kind, name: f.nameOf(prefix + "." + c.name), total: numberOf(c.data[round])}
	x.said = x.total
	if c.totals != nil {
		x.total = c.totals[round]
	}
	if c.said != nil {
		x.said = c.said[round]
	}
	if f.asSaid {
		return x, !math.IsNaN(x.said)
	}
	return x, !math.IsNaN(x.total)
}

// exports exports data at once.
func exports(t *testing.T, exp *exporter.Exporter, rm *metricdata.ResourceMetrics) {
	t.Helper()
	require.NoError(t, exp.Export(t.Context(), rm))
	require.NoError(t, exp.ForceFlush(t.Context()))
}

// newTextExporter returns one that only exports what is made up.
func newTextExporter(t *testing.T, f *form, endpoint string) *exporter.Exporter {
	t.Helper()
	exp, err := newExporter(t.Context(), endpoint, f.option)
	require.NoError(t, err)
	t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
	return exp
}

// testNumbers: large and small numbers, negative ones, those that are no numbers, and sums of
// both temporalities that begin again, in a few exports. What has no form is counted, and costs
// nothing else of its export.
func testNumbers(t *testing.T, f *form, s *server) {
	exp := newTextExporter(t, f, s.address)
	cases := numberCases(time.Now())
	for round := range 4 {
		exports(t, exp, roundOf("numbers", cases, round, time.Now()))
		var all []fact
		for i := range cases {
			if x, there := cases[i].after(f, "numbers", round); there {
				all = append(all, x)
			}
		}
		f.has(t, s, "numbers", all)
	}
	unsaid := uint64(0)
	for _, c := range cases {
		unsaid += c.unsaid
		if !f.asSaid {
			unsaid += c.unsaidAsChange
		}
	}
	stats := exp.Stats()
	assert.Equal(t, exporter.Dropped{Encode: unsaid}, stats.Dropped)
	assert.Equal(t, stats.Offered, stats.Sent+unsaid)
	testDistributions(t, f, s)
}

// histogramOf returns an explicit histogram of what was recorded.
func histogramOf(temporality metricdata.Temporality, start time.Time, extremes bool, limits, recorded []float64) metricdata.Aggregation {
	p := metricdata.HistogramDataPoint[float64]{
		StartTime: start, Count: uint64(len(recorded)), Sum: sumOf(recorded), Bounds: limits, BucketCounts: make([]uint64, len(limits)+1),
	}
	for _, v := range recorded {
		i, _ := slices.BinarySearch(limits, v)
		p.BucketCounts[i]++
	}
	if extremes {
		p.Min, p.Max = metricdata.NewExtrema(slices.Min(recorded)), metricdata.NewExtrema(slices.Max(recorded))
	}
	return metricdata.Histogram[float64]{Temporality: temporality, DataPoints: []metricdata.HistogramDataPoint[float64]{p}}
}

// exponentialOf returns an exponential histogram of what was recorded above zero.
func exponentialOf(start time.Time, scale int32, recorded []float64) metricdata.Aggregation {
	index := func(v float64) int32 { return int32(math.Ceil(math.Ldexp(math.Log2(v), int(scale)))) - 1 }
	low, high := index(slices.Min(recorded)), index(slices.Max(recorded))
	p := metricdata.ExponentialHistogramDataPoint[float64]{
		StartTime: start, Count: uint64(len(recorded)), Sum: sumOf(recorded), Scale: scale,
		PositiveBucket: metricdata.ExponentialBucket{Offset: low, Counts: make([]uint64, high-low+1)},
	}
	for _, v := range recorded {
		p.PositiveBucket.Counts[index(v)-low]++
	}
	return metricdata.ExponentialHistogram[float64]{Temporality: cumulative, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{p}}
}

// repeated returns a value so many times.
func repeated(v float64, times int) []float64 { return slices.Repeat([]float64{v}, times) }

// distributionCases are histograms, each exported twice: first the first part of what was
// recorded, then all of it.
func distributionCases() []struct {
	name     string
	recorded []float64
	first    int
	bounds   []float64
	extremes bool
} {
	fine := make([]float64, 0, 1000)
	for i := range 1000 {
		fine = append(fine, math.Pow(1.013, float64(i))/16) // to 25,000
	}
	return []struct {
		name     string
		recorded []float64
		first    int
		bounds   []float64
		extremes bool
	}{
		{"one", []float64{0.7, 0.3}, 1, bounds, false},
		{"at.bounds", slices.Concat(repeated(0.25, 3), repeated(1, 5), repeated(2.5, 2), repeated(10, 9), repeated(100, 1), repeated(1e6, 2)), 4, bounds, false},
		{"at.bounds.known", slices.Concat(repeated(0.25, 3), repeated(1, 5), repeated(2.5, 2), repeated(10, 9), repeated(100, 1), repeated(1e6, 2)), 4, bounds, true},
		{"in.gaps", slices.Concat(repeated(0.3, 7), repeated(9.9, 1000), repeated(2e6, 1)), 500, bounds, true},
		{"beyond", []float64{3e6, 0.01, 1.5e6}, 1, bounds, false},
		{"very.many", slices.Concat(repeated(0.5, 250_000), repeated(4, 3)), 120_000, bounds, true},
		{"fine", fine, 300, nil, false},
		{"negative", []float64{-3, 0.5, 2, 7.5}, 3, bounds, true},
	}
}

// testDistributions: histograms with all values at the bounds of buckets, without extremes, with
// many measurements, and summaries.
func testDistributions(t *testing.T, f *form, s *server) {
	exp := newTextExporter(t, f, s.address)
	start := time.Now()
	var all []fact
	for _, round := range []int{0, 1} {
		scope := metricdata.ScopeMetrics{}
		all = nil
		for _, c := range distributionCases() {
			if f.positive && c.name == "negative" {
				continue
			}
			recorded := c.recorded[:c.first]
			if round == 1 {
				recorded = c.recorded
			}
			x := fact{kind: 'h', name: "distributions." + c.name, recorded: recorded, bounds: c.bounds, extremes: c.extremes}
			var data metricdata.Aggregation
			if c.bounds == nil {
				data = exponentialOf(start, 5, recorded)
			} else {
				data = histogramOf(cumulative, start, c.extremes, c.bounds, recorded)
			}
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: x.name, Data: at(data, time.Now())})
			all = append(all, x)
		}
		summary := metricdata.SummaryDataPoint{StartTime: start, Count: uint64(10 + round), Sum: 12.5 + float64(round)/4,
			QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 1.25}, {Quantile: 0.99, Value: -7 + float64(round)}}}
		scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: "distributions.summary", Data: at(metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{summary}}, time.Now())})
		all = append(all, fact{kind: 's', name: "distributions.summary", total: float64(summary.Count), said: summary.Sum,
			quantiles: map[float64]float64{0.5: 1.25, 0.99: -7 + float64(round)}})
		exports(t, exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{scope}})
		f.has(t, s, "distributions", all)
	}
	assert.Equal(t, exporter.Dropped{}, exp.Stats().Dropped)
}
