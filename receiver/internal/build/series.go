package build

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// series collects the points of one metric.
type series interface {
	add(b *Builder, p *wire.PointView)
	data() metricdata.Aggregation
}

func newSeries(m *wire.MetricView) series {
	if m.Kind == wire.Summary {
		return &summaries{points: make([]metricdata.SummaryDataPoint, 0, m.Points)}
	}
	if m.Integer {
		return seriesOf[int64](m)
	}
	return seriesOf[float64](m)
}

func seriesOf[N int64 | float64](m *wire.MetricView) series {
	t := metricdata.CumulativeTemporality
	if m.Delta {
		t = metricdata.DeltaTemporality
	}
	switch m.Kind {
	case wire.Histogram:
		return &histograms[N]{points: make([]metricdata.HistogramDataPoint[N], 0, m.Points), temporality: t}
	case wire.ExponentialHistogram:
		return &exponentials[N]{points: make([]metricdata.ExponentialHistogramDataPoint[N], 0, m.Points), temporality: t}
	}
	return &numbers[N]{
		points: make([]metricdata.DataPoint[N], 0, m.Points), temporality: t,
		sum: m.Kind == wire.Sum, monotonic: m.Monotonic,
	}
}

type numbers[N int64 | float64] struct {
	points         []metricdata.DataPoint[N]
	sum, monotonic bool
	temporality    metricdata.Temporality
}

func (s *numbers[N]) add(b *Builder, p *wire.PointView) {
	s.points = append(s.points, metricdata.DataPoint[N]{
		Attributes: b.sets[p.Attributes.Index],
		StartTime:  unixTime(p.StartTime), Time: unixTime(p.Time),
		Value:     fromBits[N](p.Bits),
		Exemplars: exemplars[N](b, p),
	})
}

func (s *numbers[N]) data() metricdata.Aggregation {
	if s.sum {
		return metricdata.Sum[N]{DataPoints: s.points, Temporality: s.temporality, IsMonotonic: s.monotonic}
	}
	return metricdata.Gauge[N]{DataPoints: s.points}
}

type histograms[N int64 | float64] struct {
	points      []metricdata.HistogramDataPoint[N]
	temporality metricdata.Temporality
}

func (s *histograms[N]) add(b *Builder, p *wire.PointView) {
	d := &p.Distribution
	s.points = append(s.points, metricdata.HistogramDataPoint[N]{
		Attributes: b.sets[p.Attributes.Index],
		StartTime:  unixTime(p.StartTime), Time: unixTime(p.Time),
		Count: d.Count, Sum: fromBits[N](p.Bits),
		Min: extrema[N](d.Min), Max: extrema[N](d.Max),
		Bounds: b.sharedBounds(d.Bounds), BucketCounts: copied(d.BucketCounts),
		Exemplars: exemplars[N](b, p),
	})
}

func (s *histograms[N]) data() metricdata.Aggregation {
	return metricdata.Histogram[N]{DataPoints: s.points, Temporality: s.temporality}
}

type exponentials[N int64 | float64] struct {
	points      []metricdata.ExponentialHistogramDataPoint[N]
	temporality metricdata.Temporality
}

func (s *exponentials[N]) add(b *Builder, p *wire.PointView) {
	d := &p.Distribution
	s.points = append(s.points, metricdata.ExponentialHistogramDataPoint[N]{
		Attributes: b.sets[p.Attributes.Index],
		StartTime:  unixTime(p.StartTime), Time: unixTime(p.Time),
		Count: d.Count, Sum: fromBits[N](p.Bits),
		Min: extrema[N](d.Min), Max: extrema[N](d.Max),
		Scale: d.Scale, ZeroCount: d.ZeroCount, ZeroThreshold: d.ZeroThreshold,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.Positive.Offset, Counts: copied(d.Positive.Counts)},
		NegativeBucket: metricdata.ExponentialBucket{Offset: d.Negative.Offset, Counts: copied(d.Negative.Counts)},
		Exemplars:      exemplars[N](b, p),
	})
}

func (s *exponentials[N]) data() metricdata.Aggregation {
	return metricdata.ExponentialHistogram[N]{DataPoints: s.points, Temporality: s.temporality}
}

type summaries struct{ points []metricdata.SummaryDataPoint }

func (s *summaries) add(b *Builder, p *wire.PointView) {
	point := metricdata.SummaryDataPoint{
		Attributes: b.sets[p.Attributes.Index],
		StartTime:  unixTime(p.StartTime), Time: unixTime(p.Time),
		Count: p.Distribution.Count, Sum: math.Float64frombits(p.Bits),
	}
	if n := len(p.Distribution.Quantiles); n > 0 {
		point.QuantileValues = make([]metricdata.QuantileValue, 0, n)
	}
	for _, q := range p.Distribution.Quantiles {
		point.QuantileValues = append(point.QuantileValues, metricdata.QuantileValue{Quantile: q.Quantile, Value: q.Value})
	}
	s.points = append(s.points, point)
}

func (s *summaries) data() metricdata.Aggregation {
	return metricdata.Summary{DataPoints: s.points}
}

// sharedBounds returns a copy of list. Points that follow each other with the same list get
// the same copy.
func (b *Builder) sharedBounds(list []float64) []float64 {
	if len(list) == 0 {
		return nil
	}
	if b.boundAt != &list[0] {
		b.bounds, b.boundAt = slices.Clone(list), &list[0]
	}
	return b.bounds
}

func exemplars[N int64 | float64](b *Builder, p *wire.PointView) []metricdata.Exemplar[N] {
	n := 0
	for e := p.Exemplars(); e.Next(); {
		n++
	}
	if n == 0 {
		return nil
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
