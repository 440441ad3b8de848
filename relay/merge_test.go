package relay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"
)

// everyKind returns n points of each type of aggregation, with values from first on.
func everyKind(first, n int) []metricdata.Metrics {
	var all []metricdata.Metrics
	add := func(a metricdata.Aggregation) {
		all = append(all, metricdata.Metrics{Name: "m", Description: "d", Unit: "u", Data: a})
	}
	everyNumber[int64](first, n, add)
	everyNumber[float64](first, n, add)
	s := metricdata.Summary{}
	for i := first; i < first+n; i++ {
		s.DataPoints = append(s.DataPoints, metricdata.SummaryDataPoint{Count: uint64(i)})
	}
	add(s)
	return all
}

func everyNumber[N int64 | float64](first, n int, add func(metricdata.Aggregation)) {
	var points []metricdata.DataPoint[N]
	var histogram []metricdata.HistogramDataPoint[N]
	var exponential []metricdata.ExponentialHistogramDataPoint[N]
	for i := first; i < first+n; i++ {
		points = append(points, metricdata.DataPoint[N]{Value: N(i)})
		histogram = append(histogram, metricdata.HistogramDataPoint[N]{Count: uint64(i), Bounds: []float64{1}, BucketCounts: []uint64{uint64(i), 0}})
		exponential = append(exponential, metricdata.ExponentialHistogramDataPoint[N]{Count: uint64(i), Scale: 3})
	}
	add(metricdata.Gauge[N]{DataPoints: points})
	for _, t := range []metricdata.Temporality{metricdata.CumulativeTemporality, metricdata.DeltaTemporality} {
		add(metricdata.Sum[N]{DataPoints: points, Temporality: t})
		add(metricdata.Sum[N]{DataPoints: points, Temporality: t, IsMonotonic: true})
		add(metricdata.Histogram[N]{DataPoints: histogram, Temporality: t})
		add(metricdata.ExponentialHistogram[N]{DataPoints: exponential, Temporality: t})
	}
}

// itemsOf makes items of pieces.
func itemsOf(pieces []*metricdata.ResourceMetrics) (items []item) {
	for i, p := range pieces {
		items = append(items, item{data: p, points: int(pointsOf(p)), bytes: int64(i + 1)})
	}
	return items
}

// TestMergeKinds: metrics that differ only in aggregation, temporality or monotonicity stay
// apart, and points keep their order.
func TestMergeKinds(t *testing.T) {
	var pieces []*metricdata.ResourceMetrics
	for i := range 5 {
		pieces = append(pieces, holding(named("a"), "s", everyKind(i*2, 2)...))
	}
	parts := merge(itemsOf(pieces))
	require.Len(t, parts, 1)
	want := holding(named("a"), "s", everyKind(0, 10)...)
	metricdatatest.AssertEqual(t, *want, *parts[0].data)
	assert.Equal(t, want, parts[0].data, "in order")
	assert.Equal(t, 10*len(everyKind(0, 1)), parts[0].points)
	for i, piece := range pieces {
		assert.Equal(t, holding(named("a"), "s", everyKind(i*2, 2)...), piece, "is left as it was")
	}
}

// TestMergeIdentity: what differs in anything that tells metrics, scopes or resources apart
// is not merged.
func TestMergeIdentity(t *testing.T) {
	type change struct {
		resource *resource.Resource
		scope    instrumentation.Scope
		metric   metricdata.Metrics
	}
	// These have the same hash.
	one, other := attribute.NewSet(attribute.StringSlice("x", []string{"ab", "c"})), attribute.NewSet(attribute.StringSlice("x", []string{"a", "bc"}))
	require.Equal(t, one.Equivalent(), other.Equivalent())
	changes := map[string]func(*change){
		"resource":         func(c *change) { c.resource = named("b") },
		"resource schema":  func(c *change) { c.resource = resource.NewWithAttributes("http://1", named("a").Attributes()...) },
		"no resource":      func(c *change) { c.resource = nil },
		"scope":            func(c *change) { c.scope.Name = "other" },
		"scope version":    func(c *change) { c.scope.Version = "2" },
		"scope schema":     func(c *change) { c.scope.SchemaURL = "http://1" },
		"scope attributes": func(c *change) { c.scope.Attributes = attribute.NewSet(attribute.Int("x", 1)) },
		"name":             func(c *change) { c.metric.Name = "other" },
		"description":      func(c *change) { c.metric.Description = "other" },
		"unit":             func(c *change) { c.metric.Unit = "other" },
	}
	data := func(with func(*change), value int64) *metricdata.ResourceMetrics {
		c := change{
			resource: named("a"), scope: instrumentation.Scope{Name: "s"},
			metric: metricdata.Metrics{Name: "m", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: value}}}},
		}
		with(&c)
		return &metricdata.ResourceMetrics{Resource: c.resource, ScopeMetrics: []metricdata.ScopeMetrics{{Scope: c.scope, Metrics: []metricdata.Metrics{c.metric}}}}
	}
	same := func(*change) {}
	assert.Len(t, flatten(merge(itemsOf([]*metricdata.ResourceMetrics{data(same, 1), data(same, 2)}))), 1)
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			parts := merge(itemsOf([]*metricdata.ResourceMetrics{data(same, 1), data(change, 2), data(same, 3)}))
			assert.Len(t, flatten(parts), 2)
			total := 0
			for _, p := range parts {
				total += p.points
			}
			assert.Equal(t, 3, total)
		})
	}
	in := func(set attribute.Set) (resourceHas, scopeHas *metricdata.ResourceMetrics) {
		return data(func(c *change) { c.resource = resource.NewSchemaless(set.ToSlice()...) }, 1), data(func(c *change) { c.scope.Attributes = set }, 1)
	}
	r1, s1 := in(one)
	r2, s2 := in(other)
	assert.Len(t, flatten(merge(itemsOf([]*metricdata.ResourceMetrics{r1, r2}))), 2, "the same hash")
	assert.Len(t, flatten(merge(itemsOf([]*metricdata.ResourceMetrics{s1, s2}))), 2, "the same hash")
}

// flatten returns the names of all metrics of the parts.
func flatten(parts []part) (names []string) {
	for _, p := range parts {
		for _, sm := range p.data.ScopeMetrics {
			for _, m := range sm.Metrics {
				names = append(names, fmt.Sprint(p.data.Resource, sm.Scope, m.Name, m.Description, m.Unit))
			}
		}
	}
	return names
}

// TestMergePieces: data is divided into pieces of a point each, and the pieces of different
// series are shuffled. After the merge it is the same data, except for the order of
// different series.
func TestMergePieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var whole []metricdata.ResourceMetrics
	var queues [][]*metricdata.ResourceMetrics // of pieces that must stay in order
	for r := range 3 {
		rm := metricdata.ResourceMetrics{Resource: named(fmt.Sprint(r))}
		for s := range 3 {
			scope := instrumentation.Scope{Name: fmt.Sprint(s)}
			n := 1 + random.IntN(4)
			rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope, Metrics: everyKind(0, n)})
			for k := range everyKind(0, 1) {
				var queue []*metricdata.ResourceMetrics
				for i := range n {
					queue = append(queue, holding(named(fmt.Sprint(r)), scope.Name, everyKind(i, 1)[k]))
				}
				queues = append(queues, queue)
			}
		}
		whole = append(whole, rm)
	}
	var pieces []*metricdata.ResourceMetrics
	for len(queues) > 0 {
		i := random.IntN(len(queues))
		pieces = append(pieces, queues[i][0])
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	parts := merge(itemsOf(pieces))
	require.Len(t, parts, len(whole))
	for _, p := range parts {
		i := slices.IndexFunc(whole, func(rm metricdata.ResourceMetrics) bool { return rm.Resource.Equal(p.data.Resource) })
		metricdatatest.AssertEqual(t, whole[i], *p.data)
		assert.Equal(t, int(pointsOf(&whole[i])), p.points)
	}
}

// TestStrip: what has no points does not take memory in the queue.
func TestStrip(t *testing.T) {
	empty := metricdata.Metrics{Name: "empty", Data: metricdata.Gauge[int64]{}}
	unknown := metricdata.Metrics{Name: "unknown"}
	metrics := make([]metricdata.Metrics, 0, 1000)
	metrics = append(metrics, empty, everyKind(0, 2)[0], unknown)
	for range 900 {
		metrics = append(metrics, empty)
	}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: make([]metricdata.ScopeMetrics, 500)}
	rm.ScopeMetrics[7] = metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "s"}, Metrics: metrics}
	rm.ScopeMetrics[8].Metrics = []metricdata.Metrics{empty}
	assert.Equal(t, 2, strip(rm))
	assert.Equal(t, holding(nil, "s", everyKind(0, 2)[0]), rm)
	assert.Less(t, cap(rm.ScopeMetrics), 10)
	assert.Less(t, cap(rm.ScopeMetrics[0].Metrics), 10)
	assert.Zero(t, strip(&metricdata.ResourceMetrics{}))
}
