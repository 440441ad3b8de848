package otelgramreceiver

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// place is where the points of a metric go. The kind of the metric decides which slice is
// set.
type place struct {
	numbers      pmetric.NumberDataPointSlice
	histograms   pmetric.HistogramDataPointSlice
	exponentials pmetric.ExponentialHistogramDataPointSlice
	summaries    pmetric.SummaryDataPointSlice
}

// newPlace gives a metric its kind, and room for its points.
func newPlace(metric pmetric.Metric, m *wire.MetricView) place {
	switch m.Kind {
	case wire.Gauge:
		metric.SetEmptyGauge()
	case wire.Sum:
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(m.Monotonic)
		sum.SetAggregationTemporality(temporality(m))
	case wire.Histogram:
		metric.SetEmptyHistogram().SetAggregationTemporality(temporality(m))
	case wire.ExponentialHistogram:
		metric.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality(m))
	case wire.Summary:
		metric.SetEmptySummary()
	}
	return placeIn(metric, m)
}

// placeIn returns the place in a metric that has its kind. A new metric gets room for the
// points of the packet. In a metric that goes on, the slice grows as needed.
func placeIn(metric pmetric.Metric, m *wire.MetricView) (p place) {
	switch m.Kind {
	case wire.Gauge:
		p.numbers = metric.Gauge().DataPoints()
		makeRoom(p.numbers, m)
	case wire.Sum:
		p.numbers = metric.Sum().DataPoints()
		makeRoom(p.numbers, m)
	case wire.Histogram:
		p.histograms = metric.Histogram().DataPoints()
		makeRoom(p.histograms, m)
	case wire.ExponentialHistogram:
		p.exponentials = metric.ExponentialHistogram().DataPoints()
		makeRoom(p.exponentials, m)
	case wire.Summary:
		p.summaries = metric.Summary().DataPoints()
		makeRoom(p.summaries, m)
	}
	return p
}

func makeRoom(points interface {
	Len() int
	EnsureCapacity(int)
}, m *wire.MetricView) {
	if points.Len() == 0 {
		points.EnsureCapacity(m.Points)
	}
}

// pointWriter writes the points of packets as pdata, one packet after the other.
type pointWriter struct {
	layout
	attributeWriter
	names     texts
	clock     clock
	corrected int // points of the packet whose time was corrected
}

func newPointWriter(maxSkew time.Duration) pointWriter {
	return pointWriter{attributeWriter: newAttributeWriter(), names: texts{}, clock: clock{maxSkew: maxSkew}}
}

// begin prepares for a packet.
func (w *pointWriter) begin(p *receiver.Packet) {
	w.clock.set(p.Arrived)
	w.corrected = 0
	w.sets = w.sets[:0]
}

// end forgets what belongs to the packet.
func (w *pointWriter) end() {
	w.layout.reset()
	clear(w.sets)
}

// What parts of pdata take in memory, in bytes, with the pointers to them.
const (
	metricSize       = 256 // also a scope or a resource
	numberSize       = 128
	distributionSize = 400
	exemplarSize     = 160
	wordSize         = 8 // a bound, or the count of a bucket
	quantileSize     = 32
)

// write appends a point to its place, and returns about how many bytes it takes.
func (w *pointWriter) write(to *place, v *wire.PointView) (bytes int) {
	start, at, corrected := w.clock.times(v)
	if corrected {
		w.corrected++
	}
	switch v.Metric.Kind {
	case wire.Gauge, wire.Sum:
		return w.writeNumber(to.numbers.AppendEmpty(), v, start, at)
	case wire.Histogram:
		return w.writeHistogram(to.histograms.AppendEmpty(), v, start, at)
	case wire.ExponentialHistogram:
		return w.writeExponential(to.exponentials.AppendEmpty(), v, start, at)
	case wire.Summary:
		return w.writeSummary(to.summaries.AppendEmpty(), v, start, at)
	}
	return 0
}

func (w *pointWriter) writeNumber(p pmetric.NumberDataPoint, v *wire.PointView, start, at pcommon.Timestamp) int {
	p.SetStartTimestamp(start)
	p.SetTimestamp(at)
	if v.Metric.Integer {
		p.SetIntValue(int64(v.Bits))
	} else {
		p.SetDoubleValue(math.Float64frombits(v.Bits))
	}
	return numberSize + w.attributes(p.Attributes(), v.Attributes) + w.exemplars(p.Exemplars, v)
}

func (w *pointWriter) writeHistogram(p pmetric.HistogramDataPoint, v *wire.PointView, start, at pcommon.Timestamp) int {
	d := &v.Distribution
	writeSummarized(p, v, start, at)
	if len(d.Bounds) > 0 {
		p.ExplicitBounds().FromRaw(d.Bounds)
	}
	if len(d.BucketCounts) > 0 {
		p.BucketCounts().FromRaw(d.BucketCounts)
	}
	return distributionSize + wordSize*(len(d.Bounds)+len(d.BucketCounts)) +
		w.attributes(p.Attributes(), v.Attributes) + w.exemplars(p.Exemplars, v)
}

func (w *pointWriter) writeExponential(p pmetric.ExponentialHistogramDataPoint, v *wire.PointView, start, at pcommon.Timestamp) int {
	d := &v.Distribution
	writeSummarized(p, v, start, at)
	p.SetScale(d.Scale)
	p.SetZeroCount(d.ZeroCount)
	p.SetZeroThreshold(d.ZeroThreshold)
	writeBuckets(p.Positive(), &d.Positive)
	writeBuckets(p.Negative(), &d.Negative)
	return distributionSize + wordSize*(len(d.Positive.Counts)+len(d.Negative.Counts)) +
		w.attributes(p.Attributes(), v.Attributes) + w.exemplars(p.Exemplars, v)
}

// summarized is what both kinds of histograms have besides their buckets.
type summarized interface {
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetCount(uint64)
	SetSum(float64)
	SetMin(float64)
	SetMax(float64)
}

func writeSummarized[P summarized](p P, v *wire.PointView, start, at pcommon.Timestamp) {
	d := &v.Distribution
	p.SetStartTimestamp(start)
	p.SetTimestamp(at)
	p.SetCount(d.Count)
	p.SetSum(float(v.Metric, v.Bits))
	if d.Min.Defined {
		p.SetMin(float(v.Metric, d.Min.Bits))
	}
	if d.Max.Defined {
		p.SetMax(float(v.Metric, d.Max.Bits))
	}
}

func writeBuckets(to pmetric.ExponentialHistogramDataPointBuckets, b *wire.Buckets) {
	to.SetOffset(b.Offset)
	if len(b.Counts) > 0 {
		to.BucketCounts().FromRaw(b.Counts)
	}
}

func (w *pointWriter) writeSummary(p pmetric.SummaryDataPoint, v *wire.PointView, start, at pcommon.Timestamp) int {
	d := &v.Distribution
	p.SetStartTimestamp(start)
	p.SetTimestamp(at)
	p.SetCount(d.Count)
	p.SetSum(math.Float64frombits(v.Bits))
	p.QuantileValues().EnsureCapacity(len(d.Quantiles))
	for _, q := range d.Quantiles {
		to := p.QuantileValues().AppendEmpty()
		to.SetQuantile(q.Quantile)
		to.SetValue(q.Value)
	}
	return distributionSize + quantileSize*len(d.Quantiles) + w.attributes(p.Attributes(), v.Attributes)
}

// exemplars writes the exemplars of a point. It asks for the slice only if there are any.
func (w *pointWriter) exemplars(slice func() pmetric.ExemplarSlice, v *wire.PointView) (bytes int) {
	for e := v.Exemplars(); e.Next(); {
		to := slice().AppendEmpty()
		to.SetTimestamp(w.clock.exemplar(e.Exemplar.Time))
		if v.Metric.Integer {
			to.SetIntValue(int64(e.Exemplar.Bits))
		} else {
			to.SetDoubleValue(math.Float64frombits(e.Exemplar.Bits))
		}
		if id := e.Exemplar.TraceID; len(id) == len(pcommon.TraceID{}) {
			to.SetTraceID(pcommon.TraceID(id))
		}
		if id := e.Exemplar.SpanID; len(id) == len(pcommon.SpanID{}) {
			to.SetSpanID(pcommon.SpanID(id))
		}
		bytes += exemplarSize + entriesSize(e.Exemplar.Attributes())
		writeEntries(to.FilteredAttributes(), e.Exemplar.Attributes())
	}
	return bytes
}

// float returns a number of a metric as OTLP has it in histograms.
func float(m *wire.MetricView, bits uint64) float64 {
	if m.Integer {
		return float64(int64(bits))
	}
	return math.Float64frombits(bits)
}
