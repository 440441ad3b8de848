package build

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

// kindsOf are metrics of all kinds, each as often as there are names.
func kindsOf(o *objects, names ...string) (metrics []*wire.Metric) {
	for _, name := range names {
		for kind := wire.Gauge; kind <= wire.Summary; kind++ {
			for _, integer := range []bool{true, false} {
				metrics = append(metrics, &wire.Metric{Scope: o.scope, Name: o.symbol(name), Kind: kind, Integer: integer})
			}
		}
	}
	return metrics
}

// mixed is a packet in which the points of several metrics of each type take turns. The
// number of a point is its value, its count, and its only count of a bucket.
func mixed(t *testing.T) (packet []byte, metrics []*wire.Metric) {
	o := newObjects()
	metrics = kindsOf(o, "a", "b", "c")
	p, err := wire.NewPacker(8000)
	require.NoError(t, err)
	p.Start(nil)
	for i := range 3 * len(metrics) {
		n := uint64(i + 1)
		m := metrics[i%len(metrics)]
		pt := &wire.Point{Metric: m, Attributes: o.set(workload.Set(i)), Time: int64(n), Bits: n, Distribution: &wire.Distribution{
			Count: n, Bounds: []float64{1}, BucketCounts: []uint64{n}, Positive: wire.Buckets{Counts: []uint64{n}}, Negative: wire.Buckets{Counts: []uint64{n}},
			Quantiles: []wire.Quantile{{Quantile: 0.5, Value: float64(n)}},
		}}
		require.Equal(t, wire.Added, p.Append(pt))
	}
	points := p.Points()
	packet = p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: uint16(points)})
	return packet, metrics
}

// times returns the times of the points of a metric, and appends a point to them.
func times(data metricdata.Aggregation) (ns []int64) {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		return appended(data.DataPoints, func(p *metricdata.DataPoint[int64]) int64 { return p.Time.UnixNano() })
	case metricdata.Gauge[float64]:
		return appended(data.DataPoints, func(p *metricdata.DataPoint[float64]) int64 { return p.Time.UnixNano() })
	case metricdata.Sum[int64]:
		return appended(data.DataPoints, func(p *metricdata.DataPoint[int64]) int64 { return p.Value })
	case metricdata.Sum[float64]:
		return appended(data.DataPoints, func(p *metricdata.DataPoint[float64]) int64 { return p.Time.UnixNano() })
	case metricdata.Histogram[int64]:
		return appended(data.DataPoints, func(p *metricdata.HistogramDataPoint[int64]) int64 {
			return appended(p.BucketCounts, func(n *uint64) int64 { return int64(*n) })[0]
		})
	case metricdata.Histogram[float64]:
		return appended(data.DataPoints, func(p *metricdata.HistogramDataPoint[float64]) int64 { return int64(p.Count) })
	case metricdata.ExponentialHistogram[int64]:
		return appended(data.DataPoints, func(p *metricdata.ExponentialHistogramDataPoint[int64]) int64 {
			appended(p.NegativeBucket.Counts, func(n *uint64) int64 { return int64(*n) })
			return appended(p.PositiveBucket.Counts, func(n *uint64) int64 { return int64(*n) })[0]
		})
	case metricdata.ExponentialHistogram[float64]:
		return appended(data.DataPoints, func(p *metricdata.ExponentialHistogramDataPoint[float64]) int64 { return int64(p.Count) })
	case metricdata.Summary:
		return appended(data.DataPoints, func(p *metricdata.SummaryDataPoint) int64 { return int64(p.QuantileValues[0].Value) })
	}
	return nil
}

// appended returns what of says of each element, and then does what handlers may do: it
// appends elements.
func appended[T any](list []T, of func(*T) int64) (out []int64) {
	for i := range list {
		out = append(out, of(&list[i]))
	}
	var zero T
	_ = append(list, zero, zero, zero)
	return out
}

// TestPointsShareArrays: points of all types are where they belong, and a handler that
// appends to the points, the counts or the metrics it got writes into no others.
func TestPointsShareArrays(t *testing.T) {
	packet, metrics := mixed(t)
	rm := build(t, New(cacheSize), packet)
	require.Len(t, rm.ScopeMetrics, 1)
	got := rm.ScopeMetrics[0].Metrics
	require.Len(t, got, len(metrics))
	for range 2 { // the second time after everything was appended to
		for i, m := range got {
			n := int64(i + 1)
			step := int64(len(metrics))
			assert.Equal(t, []int64{n, n + step, n + 2*step}, times(m.Data), "%s %T", m.Name, m.Data)
		}
		_ = append(got, metricdata.Metrics{}, metricdata.Metrics{})
	}
}

// TestBoundsAreShared: points with the same bounds have one copy of them, and appending to that
// of one leaves the others alone.
func TestBoundsAreShared(t *testing.T) {
	o := newObjects()
	m := &wire.Metric{Scope: o.scope, Name: o.symbol("h"), Kind: wire.Histogram}
	bounds := []float64{1, 2, 3, 4, 5}
	packets := packetsOf(t, 100, func(i int) *wire.Point {
		return &wire.Point{Metric: m, Attributes: o.set(workload.Set(i)), Distribution: &wire.Distribution{
			Bounds: bounds, BucketCounts: make([]uint64, 6),
		}}
	})
	points := build(t, New(cacheSize), packets[0]).ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints
	require.Greater(t, len(points), 2)
	a, b := append(points[0].Bounds, 10), append(points[1].Bounds, 20)
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 10}, a)
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 20}, b)
	assert.Same(t, &points[0].Bounds[0], &points[1].Bounds[0])
}

// TestForgottenTexts: what is forgotten is given back, the places of the texts included.
func TestForgottenTexts(t *testing.T) {
	before := allocs.Heap()
	c := newCache(cacheSize)
	for i := range cacheSize / 2 / textCost {
		c.name(fmt.Appendf(nil, "name %d", i))
	}
	assert.Greater(t, allocs.Heap()-before, int64(cacheSize/8))
	c.forget()
	assert.Less(t, allocs.Heap()-before, int64(cacheSize/32))
	assert.Zero(t, c.used)
}

// TestScopesShareAnArray: appending to the metrics of one scope leaves the next alone.
func TestScopesShareAnArray(t *testing.T) {
	o := newObjects()
	other := &wire.Scope{Resource: o.scope.Resource, Name: o.symbol("other")}
	packets := packetsOf(t, 100, func(i int) *wire.Point {
		m := o.metric("m", "", false)
		if i%2 == 1 {
			m = &wire.Metric{Scope: other, Name: o.symbol("n"), Kind: wire.Gauge}
		}
		return &wire.Point{Metric: m, Attributes: o.set(workload.Set(i))}
	})
	require.NotEmpty(t, packets)
	rm := build(t, New(cacheSize), packets[0])
	require.Len(t, rm.ScopeMetrics, 2)
	_ = append(rm.ScopeMetrics[0].Metrics, metricdata.Metrics{Name: "appended"})
	assert.Equal(t, "n", rm.ScopeMetrics[1].Metrics[0].Name)
}

// TestFewAllocations: what was seen before is not made again. What is left are the arrays
// of points and metrics, the data of the scope and the resource, and the data of each metric.
func TestFewAllocations(t *testing.T) {
	for name, packets := range workloads(t) {
		var d wire.Decoder
		b, i := New(cacheSize), 0
		next := func() {
			require.NoError(t, d.Reset(packets[i%len(packets)]))
			b.Build(&d)
			i++
		}
		for range 2 * len(packets) {
			next()
		}
		assert.LessOrEqual(t, allocs.In(len(packets), next), float64(len(packets)*(3+len(d.Metrics()))), name)
	}
}

// TestSetsAreKnownByTheirText: a set is the same in packets that define its strings in
// another order, and another one if a type, a key or a value differs.
func TestSetsAreKnownByTheirText(t *testing.T) {
	b := New(cacheSize)
	set := func(kind wire.ValueType, payload string) *knownSet {
		var d wire.Decoder
		require.NoError(t, d.Reset(packetOf(t, kind, "k", []byte(payload))))
		_, ok := b.Build(&d)
		require.True(t, ok)
		return b.cache.last
	}
	long := "\x0812345678"
	seen := map[*knownSet]bool{}
	for range 2 {
		for _, known := range []*knownSet{
			set(wire.BytesValue, "\x00"), set(wire.BytesValue, "\x01\x00"), set(wire.BytesValue, "\x02\x00\x00"),
			set(wire.BytesValue, long), set(wire.StringSliceValue, "\x01"+long), set(wire.BytesValue, "\x0812345679"),
			set(wire.BoolValue, "\x01"), set(wire.Int64Value, "\x01"), set(wire.EmptyValue, ""),
		} {
			seen[known] = true
		}
	}
	assert.Len(t, seen, 9)
}
