package pipeline

import (
	"math"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// number is what metricdata's generic types are instantiated with.
type number interface{ int64 | float64 }

// bitsOf returns the bits in which the wire holds v.
func bitsOf[N number](v N) uint64 {
	switch v := any(v).(type) {
	case float64:
		return math.Float64bits(v)
	case int64:
		return uint64(v)
	}
	return 0
}

func numbers[N number](x *export, i int, m *metricdata.Metrics, points []metricdata.DataPoint[N], key intern.MetricKey, t metricdata.Temporality) {
	if !x.enter(i, m, len(points), key, t) {
		return
	}
	for i := range points {
		p := &points[i]
		x.offer(i, len(points))
		if !x.times(p.StartTime, p.Time) {
			x.counters.Drop(wire.Invalid, 1)
			continue
		}
		x.point.attributes = p.Attributes
		x.point.bits = bitsOf(p.Value)
		x.point.payload = nil
		if len(p.Exemplars) > 0 {
			if !x.payload() {
				x.discard(x.reason)
				continue
			}
			addExemplars(x.point.payload, p.Exemplars)
		}
		x.push()
	}
}

func histograms[N number](x *export, i int, m *metricdata.Metrics, points []metricdata.HistogramDataPoint[N], key intern.MetricKey, t metricdata.Temporality) {
	if !x.enter(i, m, len(points), key, t) {
		return
	}
	for i := range points {
		p := &points[i]
		x.offer(i, len(points))
		if !x.distribution(x.times(p.StartTime, p.Time), len(p.BucketCounts)+len(p.Bounds), 1) {
			continue
		}
		x.point.attributes = p.Attributes
		x.point.bits = bitsOf(p.Sum)
		l := x.point.payload
		l.bounds = append(l.bounds, p.Bounds...)
		l.distribution = wire.Distribution{
			Count: p.Count, Min: extremum(p.Min), Max: extremum(p.Max),
			Bounds: l.bounds, BucketCounts: l.copyCounts(p.BucketCounts),
		}
		addExemplars(l, p.Exemplars)
		x.push()
	}
}

func exponentials[N number](x *export, i int, m *metricdata.Metrics, points []metricdata.ExponentialHistogramDataPoint[N], key intern.MetricKey, t metricdata.Temporality) {
	if !x.enter(i, m, len(points), key, t) {
		return
	}
	for i := range points {
		p := &points[i]
		x.offer(i, len(points))
		if !x.distribution(x.times(p.StartTime, p.Time), len(p.PositiveBucket.Counts)+len(p.NegativeBucket.Counts), mostDownscaled) {
			continue
		}
		x.point.attributes = p.Attributes
		x.point.bits = bitsOf(p.Sum)
		l := x.point.payload
		l.distribution = wire.Distribution{
			Count: p.Count, Min: extremum(p.Min), Max: extremum(p.Max),
			Scale: p.Scale, ZeroCount: p.ZeroCount, ZeroThreshold: p.ZeroThreshold,
		}
		// Room for both sides first, so that the second does not move the first.
		l.counts = grown(l.counts, len(p.PositiveBucket.Counts)+len(p.NegativeBucket.Counts))
		l.distribution.Positive = wire.Buckets{Offset: p.PositiveBucket.Offset, Counts: l.copyCounts(p.PositiveBucket.Counts)}
		l.distribution.Negative = wire.Buckets{Offset: p.NegativeBucket.Offset, Counts: l.copyCounts(p.NegativeBucket.Counts)}
		addExemplars(l, p.Exemplars)
		x.push()
	}
}

func summaries(x *export, i int, m *metricdata.Metrics, points []metricdata.SummaryDataPoint) {
	if !x.enter(i, m, len(points), intern.MetricKey{Kind: wire.Summary}, metricdata.CumulativeTemporality) {
		return
	}
	for i := range points {
		p := &points[i]
		x.offer(i, len(points))
		if !x.distribution(x.times(p.StartTime, p.Time), len(p.QuantileValues), 1) {
			continue
		}
		x.point.attributes = p.Attributes
		x.point.bits = math.Float64bits(p.Sum)
		l := x.point.payload
		for _, q := range p.QuantileValues {
			l.quantiles = append(l.quantiles, wire.Quantile{Quantile: q.Quantile, Value: q.Value})
		}
		l.distribution = wire.Distribution{Count: p.Count, Quantiles: l.quantiles}
		x.push()
	}
}

// mostDownscaled is how many bodies the buckets of an exponential histogram may fill
// before it is downscaled. With more it is dropped.
const mostDownscaled = 16

// distribution prepares a point that carries one of the given number of
// elements. It drops the point and returns false where that cannot be: bad
// times, more elements than so many bodies hold, no payload in time.
func (x *export) distribution(timesValid bool, elements, bodies int) bool {
	switch {
	case !timesValid:
		x.counters.Drop(wire.Invalid, 1)
	case elements > bodies*wire.MaxBody: // each takes a byte at least
		x.counters.Drop(wire.Oversize, 1)
		x.notices.oversize(x.point.metric, elements, true)
	case !x.payload():
		x.discard(x.reason)
	default:
		x.point.payload.distributed = true
		return true
	}
	return false
}

func extremum[N number](e metricdata.Extrema[N]) wire.Extremum {
	v, ok := e.Value()
	if !ok {
		return wire.Extremum{}
	}
	return wire.Extremum{Bits: bitsOf(v), Defined: true}
}

func addExemplars[N number](l *payload, exemplars []metricdata.Exemplar[N]) {
	for i := range exemplars {
		e := &exemplars[i]
		at, ok := unixNano(e.Time)
		start := len(l.bytes)
		b, valid := intern.AppendKeyValues(l.bytes, e.FilteredAttributes, wire.MaxDepth)
		l.bytes = b
		l.invalid = l.invalid || !ok || !valid
		l.exemplars = append(l.exemplars, wire.Exemplar{
			Time: at, Bits: bitsOf(e.Value),
			Attributes: b[start:len(b):len(b)], AttributeCount: len(e.FilteredAttributes),
			TraceID: l.copyBytes(e.TraceID), SpanID: l.copyBytes(e.SpanID),
		})
	}
}

func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = append(make([]T, 0, len(s)+n), s...)
	}
	return s
}
