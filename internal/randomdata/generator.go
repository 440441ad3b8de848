// Package randomdata makes random metricdata, for tests that compare what arrives with
// what was sent.
package randomdata

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Generator makes random metricdata of every kind, for tests. Its points fit a packet of
// default size. It is not safe for concurrent use.
type Generator struct {
	*rand.Rand
	// Valid keeps to what OTLP demands: text is UTF-8, and no key is in a map twice; and
	// exponential histograms to what can be measured.
	Valid bool

	nan bool
}

// New returns a generator. Equal seeds make equal data.
func New(seed uint64) *Generator { return &Generator{Rand: rand.New(rand.NewPCG(seed, 0))} }

// NaN reports whether the last data made holds a NaN, which equals nothing.
func (g *Generator) NaN() bool { return g.nan }

// ResourceMetrics returns data of one resource, with up to twelve metrics of any kind and
// temporality, attributes of all types, exemplars, and numbers of any bits.
func (g *Generator) ResourceMetrics() *metricdata.ResourceMetrics {
	g.nan = false
	rm := &metricdata.ResourceMetrics{Resource: g.resource()}
	for i := range 1 + g.IntN(3) {
		sm := metricdata.ScopeMetrics{Scope: instrumentation.Scope{
			Name: fmt.Sprint("scope", i), Version: g.text(), SchemaURL: g.text(), Attributes: g.set(3),
		}}
		if sm.Scope.Attributes.Len() == 0 {
			sm.Scope.Attributes = attribute.Set{} // as the SDK has it where none are given
		}
		for j := range 1 + g.IntN(4) {
			sm.Metrics = append(sm.Metrics, metricdata.Metrics{
				Name: fmt.Sprint(g.text(), j), Description: g.text(), Unit: g.text(), Data: g.aggregation(),
			})
		}
		rm.ScopeMetrics = append(rm.ScopeMetrics, sm)
	}
	return rm
}

func (g *Generator) resource() *resource.Resource {
	switch g.IntN(10) {
	case 0:
		return nil
	case 1:
		return resource.Empty()
	}
	set := g.set(4)
	return resource.NewWithAttributes(g.text(), set.ToSlice()...)
}

func (g *Generator) aggregation() metricdata.Aggregation {
	t := metricdata.CumulativeTemporality
	if g.IntN(2) == 0 {
		t = metricdata.DeltaTemporality
	}
	switch g.IntN(9) {
	case 0:
		return metricdata.Gauge[int64]{DataPoints: numbersOf(g, g.int64)}
	case 1:
		return metricdata.Gauge[float64]{DataPoints: numbersOf(g, g.float64)}
	case 2:
		return metricdata.Sum[int64]{DataPoints: numbersOf(g, g.int64), Temporality: t, IsMonotonic: g.IntN(2) == 0}
	case 3:
		return metricdata.Sum[float64]{DataPoints: numbersOf(g, g.float64), Temporality: t, IsMonotonic: g.IntN(2) == 0}
	case 4:
		return metricdata.Histogram[int64]{DataPoints: histogramsOf(g, g.int64), Temporality: t}
	case 5:
		return metricdata.Histogram[float64]{DataPoints: histogramsOf(g, g.float64), Temporality: t}
	case 6:
		return metricdata.ExponentialHistogram[int64]{DataPoints: exponentialsOf(g, g.int64), Temporality: t}
	case 7:
		return metricdata.ExponentialHistogram[float64]{DataPoints: exponentialsOf(g, g.float64), Temporality: t}
	}
	return g.summary()
}

func numbersOf[N int64 | float64](g *Generator, value func() N) []metricdata.DataPoint[N] {
	points := make([]metricdata.DataPoint[N], 1+g.IntN(8))
	for i := range points {
		points[i] = metricdata.DataPoint[N]{
			Attributes: g.set(5), StartTime: g.time(), Time: g.time(), Value: value(), Exemplars: exemplarsOf(g, value),
		}
	}
	return points
}

func histogramsOf[N int64 | float64](g *Generator, value func() N) []metricdata.HistogramDataPoint[N] {
	points := make([]metricdata.HistogramDataPoint[N], 1+g.IntN(4))
	bounds := g.bounds()
	for i := range points {
		if g.IntN(8) == 0 {
			bounds = g.bounds()
		}
		points[i] = metricdata.HistogramDataPoint[N]{
			Attributes: g.set(5), StartTime: g.time(), Time: g.time(),
			Count: g.Uint64(), Bounds: bounds, BucketCounts: g.counts(len(bounds) + 1), Sum: value(),
			Min: extremeOf(g, value), Max: extremeOf(g, value), Exemplars: exemplarsOf(g, value),
		}
	}
	return points
}

func exponentialsOf[N int64 | float64](g *Generator, value func() N) []metricdata.ExponentialHistogramDataPoint[N] {
	points := make([]metricdata.ExponentialHistogramDataPoint[N], 1+g.IntN(4))
	offset, threshold := func() int32 { return int32(g.Uint32()) }, g.float64
	if g.Valid {
		offset, threshold = func() int32 { return int32(g.IntN(3) - 2) }, func() float64 { return 0 }
	}
	for i := range points {
		points[i] = metricdata.ExponentialHistogramDataPoint[N]{
			Attributes: g.set(5), StartTime: g.time(), Time: g.time(), Count: g.Uint64(), Sum: value(),
			Min: extremeOf(g, value), Max: extremeOf(g, value),
			Scale: int32(g.IntN(31) - 10), ZeroCount: g.Uint64N(100), ZeroThreshold: threshold(),
			PositiveBucket: metricdata.ExponentialBucket{Offset: offset(), Counts: g.exponentialCounts(40)},
			NegativeBucket: metricdata.ExponentialBucket{Offset: offset(), Counts: g.exponentialCounts(10)},
			Exemplars:      exemplarsOf(g, value),
		}
	}
	return points
}

func (g *Generator) summary() metricdata.Summary {
	points := make([]metricdata.SummaryDataPoint, 1+g.IntN(4))
	for i := range points {
		points[i] = metricdata.SummaryDataPoint{
			Attributes: g.set(5), StartTime: g.time(), Time: g.time(), Count: g.Uint64(), Sum: g.float64(),
		}
		for range g.IntN(5) {
			q := metricdata.QuantileValue{Quantile: g.Float64(), Value: g.float64()}
			points[i].QuantileValues = append(points[i].QuantileValues, q)
		}
	}
	return metricdata.Summary{DataPoints: points}
}

func exemplarsOf[N int64 | float64](g *Generator, value func() N) []metricdata.Exemplar[N] {
	if g.IntN(4) > 0 {
		return nil
	}
	exemplars := make([]metricdata.Exemplar[N], 1+g.IntN(3))
	for i := range exemplars {
		e := &exemplars[i]
		set := g.set(2)
		e.FilteredAttributes, e.Time, e.Value = set.ToSlice(), g.time(), value()
		if g.IntN(3) > 0 {
			e.SpanID, e.TraceID = g.bytes(8), g.bytes(16)
		}
	}
	return exemplars
}

func extremeOf[N int64 | float64](g *Generator, value func() N) metricdata.Extrema[N] {
	if g.IntN(3) == 0 {
		return metricdata.Extrema[N]{}
	}
	return metricdata.NewExtrema(value())
}

func (g *Generator) bounds() []float64 {
	bounds := make([]float64, g.IntN(16))
	decimal := g.IntN(2) == 0
	last := 0.0
	for i := range bounds {
		last += g.Float64() * 100
		bounds[i] = last
		if decimal {
			bounds[i] = math.Floor(last*100) / 100
		}
	}
	return bounds
}

func (g *Generator) counts(n int) []uint64 {
	counts := make([]uint64, n)
	for i := range counts {
		counts[i] = g.Uint64() >> g.IntN(64)
	}
	return counts
}

// exponentialCounts returns the counts of up to most buckets. At the lowest scale there are
// two buckets of numbers.
func (g *Generator) exponentialCounts(most int) []uint64 {
	if g.Valid {
		most = 3
	}
	return g.counts(g.IntN(most))
}

func (g *Generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g *Generator) int64() int64 {
	switch g.IntN(5) {
	case 0:
		return []int64{0, 1, -1, math.MaxInt64, math.MinInt64}[g.IntN(5)]
	case 1:
		return int64(g.Uint64()) >> g.IntN(64)
	}
	return g.Int64N(100_000)
}

func (g *Generator) float64() float64 {
	switch g.IntN(6) {
	case 0:
		return []float64{
			0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, -1 << 47,
		}[g.IntN(8)]
	case 1:
		v := math.Float64frombits(g.Uint64()) // any bits, NaN payloads among them
		if g.IntN(4) == 0 {
			v = math.Float64frombits(0x7FF0000000000001 | g.Uint64()&0x800FFFFFFFFFFFFF)
		}
		g.nan = g.nan || math.IsNaN(v)
		return v
	case 2:
		return float64(g.Int64N(1_000_000)) / 1000
	case 3:
		return float64(g.Int64N(1_000_000_000)) / 1e9
	case 4:
		return float64(float32(g.Float64()))
	}
	return g.Float64() * 1e6
}

func (g *Generator) time() time.Time {
	switch g.IntN(6) {
	case 0:
		return time.Time{}
	case 1:
		return time.Unix(0, int64(g.Uint64())>>1)
	}
	return time.Unix(1_790_000_000, g.Int64N(1e12))
}

func (g *Generator) text() string {
	switch g.IntN(6) {
	case 0:
		return ""
	case 1:
		if g.Valid {
			return "\x00é€𝄞" + strings.Repeat("ß", g.IntN(5))
		}
		return "\xff\x00é" + string(g.bytes(g.IntN(5)))
	}
	return strings.Repeat(string('a'+rune(g.IntN(26))), 1+g.IntN(12))
}

func (g *Generator) set(most int) attribute.Set {
	kvs := make([]attribute.KeyValue, g.IntN(most+1))
	for i := range kvs {
		kvs[i] = attribute.KeyValue{Key: attribute.Key(g.text()), Value: g.value(3)}
	}
	return attribute.NewSet(kvs...)
}

func (g *Generator) value(depth int) attribute.Value {
	n := 12
	if depth == 0 {
		n = 10
	}
	switch attribute.Type(g.IntN(n)) {
	case attribute.BOOL:
		return attribute.BoolValue(g.IntN(2) == 0)
	case attribute.INT64:
		return attribute.Int64Value(g.int64())
	case attribute.FLOAT64:
		return attribute.Float64Value(g.float64())
	case attribute.STRING:
		return attribute.StringValue(g.text())
	case attribute.BOOLSLICE:
		return attribute.BoolSliceValue(listOf(g, func() bool { return g.IntN(2) == 0 }))
	case attribute.INT64SLICE:
		return attribute.Int64SliceValue(listOf(g, g.int64))
	case attribute.FLOAT64SLICE:
		return attribute.Float64SliceValue(listOf(g, g.float64))
	case attribute.STRINGSLICE:
		return attribute.StringSliceValue(listOf(g, g.text))
	case attribute.BYTESLICE:
		return attribute.ByteSliceValue(g.bytes(g.IntN(9)))
	case attribute.SLICE:
		return attribute.SliceValue(listOf(g, func() attribute.Value { return g.value(depth - 1) })...)
	case attribute.MAP:
		return attribute.MapValue(g.entries(depth - 1)...)
	}
	return attribute.Value{}
}

func (g *Generator) entries(depth int) []attribute.KeyValue {
	list := listOf(g, func() attribute.KeyValue {
		return attribute.KeyValue{Key: attribute.Key(g.text()), Value: g.value(depth)}
	})
	if !g.Valid {
		return list
	}
	set := attribute.NewSet(list...)
	return set.ToSlice()
}

func listOf[T any](g *Generator, element func() T) []T {
	list := make([]T, g.IntN(4))
	for i := range list {
		list[i] = element()
	}
	return list
}
