package handoff

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// number is what metricdata's generic types are instantiated with.
type number interface{ int64 | float64 }

// metric hands over the points of the metric at position i of its scope. It is the one place
// that knows OpenTelemetry's nine aggregations.
func (x *export) metric(i int, m *metricdata.Metrics) {
	x.index, x.data = i, m
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		x.key = intern.MetricKey{Kind: wire.Gauge, Integer: true}
		numbers(x, d.DataPoints, metricdata.CumulativeTemporality)
	case metricdata.Gauge[float64]:
		x.key = intern.MetricKey{Kind: wire.Gauge}
		numbers(x, d.DataPoints, metricdata.CumulativeTemporality)
	case metricdata.Sum[int64]:
		x.key = intern.MetricKey{Kind: wire.Sum, Integer: true, Monotonic: d.IsMonotonic}
		numbers(x, d.DataPoints, d.Temporality)
	case metricdata.Sum[float64]:
		x.key = intern.MetricKey{Kind: wire.Sum, Monotonic: d.IsMonotonic}
		numbers(x, d.DataPoints, d.Temporality)
	case metricdata.Histogram[int64]:
		x.key = intern.MetricKey{Kind: wire.Histogram, Integer: true}
		histograms(x, d.DataPoints, d.Temporality)
	case metricdata.Histogram[float64]:
		x.key = intern.MetricKey{Kind: wire.Histogram}
		histograms(x, d.DataPoints, d.Temporality)
	case metricdata.ExponentialHistogram[int64]:
		x.key = intern.MetricKey{Kind: wire.ExponentialHistogram, Integer: true}
		exponentials(x, d.DataPoints, d.Temporality)
	case metricdata.ExponentialHistogram[float64]:
		x.key = intern.MetricKey{Kind: wire.ExponentialHistogram}
		exponentials(x, d.DataPoints, d.Temporality)
	case metricdata.Summary:
		x.key = intern.MetricKey{Kind: wire.Summary}
		summaries(x, d.DataPoints)
	default:
		// Nobody can say how many points are in there: it counts as one.
		x.key = intern.MetricKey{}
		x.unknown(1, fmt.Sprintf("aggregation %T", m.Data))
	}
}

// handOver hands over the points of the metric at hand, all kinds in the same order: the
// metric is entered; each point is counted as offered, prepared as describe says, filled, and
// pushed. What cannot be prepared is dropped. describe returns the times of a point and how
// many elements it carries, which may fill so many bodies, see [export.prepare].
func handOver[P any](x *export, points []P, t metricdata.Temporality, bodies int,
	describe func(*P) (start, at *time.Time, elements int), fill func(*point, *P),
) {
	if !x.enterMetric(len(points), t) {
		return
	}
	for i := range points {
		x.offer(i, len(points))
		start, at, elements := describe(&points[i])
		if reason, ok := x.prepare(start, at, elements, bodies); !ok {
			x.discard(reason)
			continue
		}
		fill(&x.point, &points[i])
		x.push()
	}
}

func numbers[N number](x *export, points []metricdata.DataPoint[N], t metricdata.Temporality) {
	handOver(x, points, t, 1,
		func(p *metricdata.DataPoint[N]) (start, at *time.Time, elements int) {
			if len(p.Exemplars) == 0 {
				return &p.StartTime, &p.Time, bare
			}
			return &p.StartTime, &p.Time, 0
		},
		func(to *point, p *metricdata.DataPoint[N]) {
			to.attributes, to.bits = p.Attributes, bitsOf(p.Value)
			if to.payload != nil {
				addExemplars(to.payload, p.Exemplars)
			}
		})
}

func histograms[N number](x *export, points []metricdata.HistogramDataPoint[N], t metricdata.Temporality) {
	handOver(x, points, t, 1,
		func(p *metricdata.HistogramDataPoint[N]) (start, at *time.Time, elements int) {
			return &p.StartTime, &p.Time, len(p.BucketCounts) + len(p.Bounds)
		},
		func(to *point, p *metricdata.HistogramDataPoint[N]) {
			to.attributes, to.bits = p.Attributes, bitsOf(p.Sum)
			x := to.payload
			x.bounds = append(x.bounds, p.Bounds...)
			x.distribute(wire.Distribution{
				Count: p.Count, Min: extremum(p.Min), Max: extremum(p.Max),
				Bounds: x.bounds, BucketCounts: x.copyCounts(p.BucketCounts),
			})
			addExemplars(x, p.Exemplars)
		})
}

// mostDownscaled is how many bodies the buckets of an exponential histogram may fill before
// it is downscaled. With more it is dropped.
const mostDownscaled = 16

func exponentials[N number](x *export, points []metricdata.ExponentialHistogramDataPoint[N], t metricdata.Temporality) {
	handOver(x, points, t, mostDownscaled,
		func(p *metricdata.ExponentialHistogramDataPoint[N]) (start, at *time.Time, elements int) {
			return &p.StartTime, &p.Time, len(p.PositiveBucket.Counts) + len(p.NegativeBucket.Counts)
		},
		func(to *point, p *metricdata.ExponentialHistogramDataPoint[N]) {
			to.attributes, to.bits = p.Attributes, bitsOf(p.Sum)
			x := to.payload
			// Room for both sides first, so that the second does not move the first.
			x.counts = grown(x.counts, len(p.PositiveBucket.Counts)+len(p.NegativeBucket.Counts))
			x.distribute(wire.Distribution{
				Count: p.Count, Min: extremum(p.Min), Max: extremum(p.Max),
				Scale: p.Scale, ZeroCount: p.ZeroCount, ZeroThreshold: p.ZeroThreshold,
				Positive: wire.Buckets{Offset: p.PositiveBucket.Offset, Counts: x.copyCounts(p.PositiveBucket.Counts)},
				Negative: wire.Buckets{Offset: p.NegativeBucket.Offset, Counts: x.copyCounts(p.NegativeBucket.Counts)},
			})
			addExemplars(x, p.Exemplars)
		})
}

func summaries(x *export, points []metricdata.SummaryDataPoint) {
	handOver(x, points, metricdata.CumulativeTemporality, 1,
		func(p *metricdata.SummaryDataPoint) (start, at *time.Time, elements int) {
			return &p.StartTime, &p.Time, len(p.QuantileValues)
		},
		func(to *point, p *metricdata.SummaryDataPoint) {
			to.attributes, to.bits = p.Attributes, math.Float64bits(p.Sum)
			x := to.payload
			for _, q := range p.QuantileValues {
				x.quantiles = append(x.quantiles, wire.Quantile{Quantile: q.Quantile, Value: q.Value})
			}
			x.distribute(wire.Distribution{Count: p.Count, Quantiles: x.quantiles})
		})
}

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

func extremum[N number](e metricdata.Extrema[N]) wire.Extremum {
	v, ok := e.Value()
	if !ok {
		return wire.Extremum{}
	}
	return wire.Extremum{Bits: bitsOf(v), Defined: true}
}

// addExemplars copies exemplars into x. One that has no wire form makes x invalid.
func addExemplars[N number](x *payload, exemplars []metricdata.Exemplar[N]) {
	for i := range exemplars {
		e := &exemplars[i]
		at, ok := unixNano(e.Time)
		start := len(x.bytes)
		b, valid := intern.AppendKeyValues(x.bytes, e.FilteredAttributes, wire.MaxDepth)
		x.bytes = b
		x.invalid = x.invalid || !ok || !valid
		x.exemplars = append(x.exemplars, wire.Exemplar{
			Time: at, Bits: bitsOf(e.Value),
			Attributes: b[start:len(b):len(b)], AttributeCount: len(e.FilteredAttributes),
			TraceID: x.copyBytes(e.TraceID), SpanID: x.copyBytes(e.SpanID),
		})
	}
}
