package build

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// slab is which array the points of a metric stand in.
type slab uint8

const (
	intNumbers slab = iota
	floatNumbers
	intHistograms
	floatHistograms
	intExponentials
	floatExponentials
	summaries

	slabCount
)

func slabOf(m *wire.MetricView) slab {
	s := intNumbers
	switch m.Kind {
	case wire.Summary:
		return summaries
	case wire.Histogram:
		s = intHistograms
	case wire.ExponentialHistogram:
		s = intExponentials
	}
	if !m.Integer {
		s++
	}
	return s
}

// points are the data points of a packet: an array for each type of them, in which those of
// one metric stand side by side.
type points struct {
	metrics []span // by index
	slabs
}

type slabs struct {
	ints      slabsOf[int64]
	floats    slabsOf[float64]
	summaries []metricdata.SummaryDataPoint
}

type slabsOf[N int64 | float64] struct {
	numbers      []metricdata.DataPoint[N]
	histograms   []metricdata.HistogramDataPoint[N]
	exponentials []metricdata.ExponentialHistogramDataPoint[N]
}

// span is where the next point of a metric goes.
type span struct {
	next int
	slab slab
}

// reset makes room for the points of a packet.
func (p *points) reset(metrics []wire.MetricView) {
	var counts [slabCount]int
	p.metrics = p.metrics[:0]
	for i := range metrics {
		m := &metrics[i]
		s := slabOf(m)
		p.metrics = append(p.metrics, span{counts[s], s})
		counts[s] += m.Points
	}
	p.ints.make(counts[intNumbers], counts[intHistograms], counts[intExponentials])
	p.floats.make(counts[floatNumbers], counts[floatHistograms], counts[floatExponentials])
	if n := counts[summaries]; n > 0 {
		p.summaries = make([]metricdata.SummaryDataPoint, n)
	}
}

func (s *slabsOf[N]) make(numbers, histograms, exponentials int) {
	if numbers > 0 {
		s.numbers = make([]metricdata.DataPoint[N], numbers)
	}
	if histograms > 0 {
		s.histograms = make([]metricdata.HistogramDataPoint[N], histograms)
	}
	if exponentials > 0 {
		s.exponentials = make([]metricdata.ExponentialHistogramDataPoint[N], exponentials)
	}
}

// add writes a point of the packet into its place.
func (b *Builder) add(p *wire.PointView) {
	to := &b.points.metrics[p.Metric.Index]
	at := to.next
	to.next++
	b.left--
	switch to.slab {
	case intNumbers:
		addNumber(b, &b.points.ints.numbers[at], p)
	case floatNumbers:
		addNumber(b, &b.points.floats.numbers[at], p)
	case intHistograms:
		addHistogram(b, &b.points.ints.histograms[at], p)
	case floatHistograms:
		addHistogram(b, &b.points.floats.histograms[at], p)
	case intExponentials:
		addExponential(b, &b.points.ints.exponentials[at], p)
	case floatExponentials:
		addExponential(b, &b.points.floats.exponentials[at], p)
	case summaries:
		b.addSummary(&b.points.summaries[at], p)
	}
}

// data returns the points of a metric when all have been added.
func (p *points) data(i int, m *wire.MetricView) metricdata.Aggregation {
	end := p.metrics[i].next
	start := end - m.Points
	switch p.metrics[i].slab {
	case summaries:
		return metricdata.Summary{DataPoints: p.summaries[start:end:end]}
	case intNumbers, intHistograms, intExponentials:
		return p.ints.data(m, start, end)
	}
	return p.floats.data(m, start, end)
}

func (s *slabsOf[N]) data(m *wire.MetricView, start, end int) metricdata.Aggregation {
	t := metricdata.CumulativeTemporality
	if m.Delta {
		t = metricdata.DeltaTemporality
	}
	switch m.Kind {
	case wire.Histogram:
		return metricdata.Histogram[N]{DataPoints: s.histograms[start:end:end], Temporality: t}
	case wire.ExponentialHistogram:
		return metricdata.ExponentialHistogram[N]{DataPoints: s.exponentials[start:end:end], Temporality: t}
	case wire.Sum:
		return metricdata.Sum[N]{DataPoints: s.numbers[start:end:end], Temporality: t, IsMonotonic: m.Monotonic}
	}
	return metricdata.Gauge[N]{DataPoints: s.numbers[start:end:end]}
}

func addNumber[N int64 | float64](b *Builder, to *metricdata.DataPoint[N], p *wire.PointView) {
	to.Attributes = b.sets[p.Attributes.Index].set
	to.StartTime, to.Time = b.start.at(p.StartTime), b.time.at(p.Time)
	to.Value = fromBits[N](p.Bits)
	if p.HasExemplars() {
		to.Exemplars = exemplars[N](b, p)
	}
}

func addHistogram[N int64 | float64](b *Builder, to *metricdata.HistogramDataPoint[N], p *wire.PointView) {
	d := &p.Distribution
	to.Attributes = b.sets[p.Attributes.Index].set
	to.StartTime, to.Time = b.start.at(p.StartTime), b.time.at(p.Time)
	to.Count, to.Sum = d.Count, fromBits[N](p.Bits)
	to.Min, to.Max = extrema[N](d.Min), extrema[N](d.Max)
	to.Bounds, to.BucketCounts = b.sharedBounds(d.Bounds), b.copiedCounts(d.BucketCounts)
	to.Exemplars = exemplars[N](b, p)
}

func addExponential[N int64 | float64](b *Builder, to *metricdata.ExponentialHistogramDataPoint[N], p *wire.PointView) {
	d := &p.Distribution
	to.Attributes = b.sets[p.Attributes.Index].set
	to.StartTime, to.Time = b.start.at(p.StartTime), b.time.at(p.Time)
	to.Count, to.Sum = d.Count, fromBits[N](p.Bits)
	to.Min, to.Max = extrema[N](d.Min), extrema[N](d.Max)
	to.Scale, to.ZeroCount, to.ZeroThreshold = d.Scale, d.ZeroCount, d.ZeroThreshold
	to.PositiveBucket = metricdata.ExponentialBucket{Offset: d.Positive.Offset, Counts: b.copiedCounts(d.Positive.Counts)}
	to.NegativeBucket = metricdata.ExponentialBucket{Offset: d.Negative.Offset, Counts: b.copiedCounts(d.Negative.Counts)}
	to.Exemplars = exemplars[N](b, p)
}

func (b *Builder) addSummary(to *metricdata.SummaryDataPoint, p *wire.PointView) {
	to.Attributes = b.sets[p.Attributes.Index].set
	to.StartTime, to.Time = b.start.at(p.StartTime), b.time.at(p.Time)
	to.Count, to.Sum = p.Distribution.Count, math.Float64frombits(p.Bits)
	if n := len(p.Distribution.Quantiles); n > 0 {
		to.QuantileValues = make([]metricdata.QuantileValue, 0, n)
	}
	for _, q := range p.Distribution.Quantiles {
		to.QuantileValues = append(to.QuantileValues, metricdata.QuantileValue{Quantile: q.Quantile, Value: q.Value})
	}
}

// countsChunk is how many counts of buckets are allocated at once, if the points of the
// packet that are left may need so many.
const countsChunk = 512

// copiedCounts returns a copy of list, which shares an array with those of other points.
func (b *Builder) copiedCounts(list []uint64) []uint64 {
	n := len(list)
	if n == 0 {
		return nil
	}
	if n > len(b.counts) {
		b.counts = make([]uint64, max(n, min(n*(b.left+1), countsChunk)))
	}
	out := b.counts[:n:n]
	copy(out, list)
	b.counts = b.counts[n:]
	return out
}

// sharedBounds returns a copy of list. Points that follow each other with the same list get
// the same copy.
func (b *Builder) sharedBounds(list []float64) []float64 {
	if len(list) == 0 {
		return nil
	}
	if b.boundAt != &list[0] {
		b.bounds, b.boundAt = slices.Clip(slices.Clone(list)), &list[0]
	}
	return b.bounds
}

func exemplars[N int64 | float64](b *Builder, p *wire.PointView) []metricdata.Exemplar[N] {
	if !p.HasExemplars() {
		return nil
	}
	n := 0
	for e := p.Exemplars(); e.Next(); {
		n++
	}
	out := make([]metricdata.Exemplar[N], 0, n)
	for e := p.Exemplars(); e.Next(); {
		v := &e.Exemplar
		out = append(out, metricdata.Exemplar[N]{
			FilteredAttributes: b.keyValues(v.Attributes()),
			Time:               unixTime(v.Time), Value: fromBits[N](v.Bits),
			SpanID: copied(v.SpanID), TraceID: copied(v.TraceID),
		})
	}
	return out
}

func extrema[N int64 | float64](e wire.Extremum) metricdata.Extrema[N] {
	if !e.Defined {
		return metricdata.Extrema[N]{}
	}
	return metricdata.NewExtrema(fromBits[N](e.Bits))
}

// copied returns a copy of s, or nil if s is empty.
func copied[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func unixTime(ns int64) time.Time {
	if ns == wire.NoTime {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// fromBits turns bits back into the number that the sender turned into bits.
func fromBits[N int64 | float64](bits uint64) N {
	var n N
	switch p := any(&n).(type) {
	case *int64:
		*p = int64(bits)
	case *float64:
		*p = math.Float64frombits(bits)
	}
	return n
}
