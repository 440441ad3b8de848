package exporter_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// lines writes every point of rm as one line of text with everything that is known about
// it, floats as their bits, and sorts the lines. Two data sets are equal, bit by bit, if
// their lines are.
func lines(rms ...*metricdata.ResourceMetrics) []string {
	var out []string
	for _, rm := range rms {
		r := rm.Resource
		if r == nil {
			r = resource.Empty()
		}
		for _, sm := range rm.ScopeMetrics {
			s := sm.Scope
			scope := fmt.Sprintf("resource %q %s scope %q %q %q %s", r.SchemaURL(), setLine(*r.Set()),
				s.Name, s.Version, s.SchemaURL, setLine(s.Attributes))
			for _, m := range sm.Metrics {
				prefix := fmt.Sprintf("%s metric %q %q %q %T", scope, m.Name, m.Unit, m.Description, m.Data)
				for _, p := range pointLines(m.Data) {
					out = append(out, prefix+" "+p)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func pointLines(data metricdata.Aggregation) []string {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		return numberLines(d.DataPoints, "")
	case metricdata.Gauge[float64]:
		return numberLines(d.DataPoints, "")
	case metricdata.Sum[int64]:
		return numberLines(d.DataPoints, fmt.Sprint(d.Temporality, d.IsMonotonic))
	case metricdata.Sum[float64]:
		return numberLines(d.DataPoints, fmt.Sprint(d.Temporality, d.IsMonotonic))
	case metricdata.Histogram[int64]:
		return histogramLines(d.DataPoints, d.Temporality)
	case metricdata.Histogram[float64]:
		return histogramLines(d.DataPoints, d.Temporality)
	case metricdata.ExponentialHistogram[int64]:
		return exponentialLines(d.DataPoints, d.Temporality)
	case metricdata.ExponentialHistogram[float64]:
		return exponentialLines(d.DataPoints, d.Temporality)
	case metricdata.Summary:
		return summaryLines(d.DataPoints)
	}
	return []string{fmt.Sprintf("unknown %T", data)}
}

func numberLines[N int64 | float64](points []metricdata.DataPoint[N], kind string) []string {
	var out []string
	for _, p := range points {
		out = append(out, fmt.Sprint(kind, head(p.Attributes, p.StartTime, p.Time), bits(p.Value), exemplarLine(p.Exemplars)))
	}
	return out
}

func histogramLines[N int64 | float64](points []metricdata.HistogramDataPoint[N], t metricdata.Temporality) []string {
	var out []string
	for _, p := range points {
		out = append(out, fmt.Sprint(t, head(p.Attributes, p.StartTime, p.Time), bits(p.Sum), " n ", p.Count,
			extremaLine(p.Min), extremaLine(p.Max), bitsOf(p.Bounds), p.BucketCounts, exemplarLine(p.Exemplars)))
	}
	return out
}

func exponentialLines[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N], t metricdata.Temporality) []string {
	var out []string
	for _, p := range points {
		out = append(out, fmt.Sprint(t, head(p.Attributes, p.StartTime, p.Time), bits(p.Sum), " n ", p.Count,
			extremaLine(p.Min), extremaLine(p.Max), p.Scale, " zero ", p.ZeroCount, bits(p.ZeroThreshold),
			p.PositiveBucket.Offset, p.PositiveBucket.Counts, p.NegativeBucket.Offset, p.NegativeBucket.Counts,
			exemplarLine(p.Exemplars)))
	}
	return out
}

func summaryLines(points []metricdata.SummaryDataPoint) []string {
	var out []string
	for _, p := range points {
		line := fmt.Sprint(head(p.Attributes, p.StartTime, p.Time), bits(p.Sum), " n ", p.Count)
		for _, q := range p.QuantileValues {
			line += bits(q.Quantile) + bits(q.Value)
		}
		out = append(out, line)
	}
	return out
}

func head(set attribute.Set, start, end time.Time) string {
	return fmt.Sprint(" ", setLine(set), timeLine(start), timeLine(end))
}

func timeLine(t time.Time) string {
	if t.IsZero() {
		return " never"
	}
	return fmt.Sprint(" ", t.UnixNano())
}

func exemplarLine[N int64 | float64](exemplars []metricdata.Exemplar[N]) string {
	line := ""
	for _, e := range exemplars {
		line += fmt.Sprintf(" exemplar%s%s %x %x", timeLine(e.Time), bits(e.Value), e.TraceID, e.SpanID)
		for _, kv := range e.FilteredAttributes {
			line += fmt.Sprintf(" %q=%s", kv.Key, valueLine(kv.Value))
		}
	}
	return line
}

func extremaLine[N int64 | float64](e metricdata.Extrema[N]) string {
	v, ok := e.Value()
	return fmt.Sprint(" ", ok, bits(v))
}

func bits[N int64 | float64](v N) string {
	if f, ok := any(v).(float64); ok {
		return fmt.Sprintf(" %016x", math.Float64bits(f))
	}
	return fmt.Sprint(" ", v)
}

func bitsOf(list []float64) string {
	line := ""
	for _, v := range list {
		line += bits(v)
	}
	return line
}

func setLine(set attribute.Set) string {
	var b strings.Builder
	for it := set.Iter(); it.Next(); {
		kv := it.Attribute()
		fmt.Fprintf(&b, " %q=%s", kv.Key, valueLine(kv.Value))
	}
	return b.String()
}

func valueLine(v attribute.Value) string {
	switch v.Type() {
	case attribute.FLOAT64:
		return "float" + bits(v.AsFloat64())
	case attribute.FLOAT64SLICE:
		return "floats" + bitsOf(v.AsFloat64Slice())
	case attribute.SLICE:
		line := "["
		for _, e := range v.AsSlice() {
			line += valueLine(e) + ","
		}
		return line + "]"
	case attribute.MAP:
		line := "{"
		for _, kv := range v.AsMap() {
			line += fmt.Sprintf("%q=%s,", kv.Key, valueLine(kv.Value))
		}
		return line + "}"
	}
	return fmt.Sprintf("%v:%q", v.Type(), fmt.Sprint(v.AsInterface()))
}
