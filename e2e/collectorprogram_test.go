package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelgram/otelgram/exporter"
)

// bounds are those of the explicit histograms.
var bounds = []float64{0.25, 1, 2.5, 10, 100, 1e6}

// attributeSets are those that the program measures with, and the labels that Prometheus
// makes of them.
var attributeSets = []struct {
	set    []attribute.KeyValue
	labels map[string]string
}{
	{nil, nil},
	{[]attribute.KeyValue{attribute.String("http.route", "/orders"), attribute.Int("code", 200)}, map[string]string{"http_route": "/orders", "code": "200"}},
	{[]attribute.KeyValue{attribute.String("http.route", "/Straße?q=\"a\\b\""), attribute.Bool("retried", true)}, map[string]string{"http_route": "/Straße?q=\"a\\b\"", "retried": "true"}},
	{[]attribute.KeyValue{attribute.Float64("share", 0.5), attribute.StringSlice("zones", []string{"a", "b"})}, map[string]string{"share": "0.5", "zones": `["a","b"]`}},
}

// instruments are one of each kind.
type instruments struct {
	requests    metric.Int64Counter
	volume      metric.Float64Counter
	active      metric.Int64UpDownCounter
	level       metric.Float64UpDownCounter
	temperature metric.Int64Gauge
	load        metric.Float64Gauge
	size        metric.Int64Histogram
	duration    metric.Float64Histogram
}

// newInstruments returns one of each kind, whose names begin with a prefix.
func newInstruments(m metric.Meter, prefix string) (i instruments, err error) {
	var errs [8]error
	i.requests, errs[0] = m.Int64Counter(prefix+".requests", metric.WithUnit("{request}"), metric.WithDescription("Requests."))
	i.volume, errs[1] = m.Float64Counter(prefix+".volume", metric.WithUnit("By"))
	i.active, errs[2] = m.Int64UpDownCounter(prefix + ".active")
	i.level, errs[3] = m.Float64UpDownCounter(prefix + ".level")
	i.temperature, errs[4] = m.Int64Gauge(prefix+".temperature", metric.WithUnit("Cel"))
	i.load, errs[5] = m.Float64Gauge(prefix + ".load")
	i.size, errs[6] = m.Int64Histogram(prefix+".size", metric.WithUnit("By"), metric.WithExplicitBucketBoundaries(bounds...))
	i.duration, errs[7] = m.Float64Histogram(prefix+".duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(bounds...))
	return i, errors.Join(errs[:]...)
}

// measured is what was recorded with one attribute set. All numbers are sums of powers of
// two, so that float64 adds them without rounding, in whatever order.
type measured struct {
	requests, active, temperature int64
	volume, level, load           float64
	sizes, durations              []float64
}

// span is one that is sampled: what is recorded in it is kept as an exemplar.
var span = trace.NewSpanContext(trace.SpanContextConfig{
	TraceID: trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, SpanID: trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8},
	TraceFlags: trace.FlagsSampled,
})

// measurer records known values on one path, and keeps what Prometheus is to say of them.
type measurer struct {
	instruments
	labels      map[string]string // of each series
	exponential bool              // its histograms are
	spans       bool              // it records within span
	totals      []measured        // by attribute set
}

// measure records values with the first attribute sets, one more in each round.
func (m *measurer) measure(ctx context.Context, round int) {
	if m.spans {
		ctx = trace.ContextWithSpanContext(ctx, span)
	}
	for i := range min(round+1, len(attributeSets)) {
		if i == len(m.totals) {
			m.totals = append(m.totals, measured{})
		}
		t, set := &m.totals[i], metric.WithAttributes(attributeSets[i].set...)
		for k := range 50 {
			n := int64(round*50 + k)
			m.requests.Add(ctx, n<<30, set)
			t.requests += n << 30
			m.volume.Add(ctx, float64(n)/8, set)
			t.volume += float64(n) / 8
			m.active.Add(ctx, 20-n, set)
			t.active += 20 - n
			m.level.Add(ctx, 0.5-float64(n), set)
			t.level += 0.5 - float64(n)
			t.temperature, t.load = n-273, -float64(n)/1024
			m.temperature.Record(ctx, t.temperature, set)
			m.load.Record(ctx, t.load, set)
			size, duration := int64(1)<<((k+i)%20), float64(1+(n*37)%1000)/8
			m.size.Record(ctx, size, set)
			t.sizes = append(t.sizes, float64(size))
			m.duration.Record(ctx, duration, set)
			t.durations = append(t.durations, duration)
		}
	}
}

// values are those that Prometheus has, by the series as PromQL writes it.
type values map[string]float64

func (v values) set(name string, value float64, labels ...map[string]string) {
	v[seriesName(name, labels...)] = value
}

// seriesName returns the name of a series with its labels.
func seriesName(name string, labels ...map[string]string) string {
	all := map[string]string{}
	for _, l := range labels {
		maps.Copy(all, l)
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", k, all[k]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// want adds what Prometheus is to have of everything that was recorded.
func (m *measurer) want(v values) {
	for i, t := range m.totals {
		l := attributeSets[i].labels
		v.set("measured_requests_total", float64(t.requests), m.labels, l)
		v.set("measured_volume_bytes_total", t.volume, m.labels, l)
		v.set("measured_active", float64(t.active), m.labels, l)
		v.set("measured_level", t.level, m.labels, l)
		v.set("measured_temperature_celsius", float64(t.temperature), m.labels, l)
		v.set("measured_load", t.load, m.labels, l)
		m.wantHistogram(v, "measured_size_bytes", t.sizes, l)
		m.wantHistogram(v, "measured_duration_seconds", t.durations, l)
	}
}

func (m *measurer) wantHistogram(v values, name string, recorded []float64, l map[string]string) {
	sum := 0.0
	for _, r := range recorded {
		sum += r
	}
	if m.exponential {
		v.set("histogram_count "+name, float64(len(recorded)), m.labels, l)
		v.set("histogram_sum "+name, sum, m.labels, l)
		return
	}
	v.set(name+"_count", float64(len(recorded)), m.labels, l)
	v.set(name+"_sum", sum, m.labels, l)
	for _, bound := range append(slices.Clone(bounds), math.Inf(1)) {
		n := 0
		for _, r := range recorded {
			if r <= bound {
				n++
			}
		}
		v.set(name+"_bucket", float64(n), m.labels, l, map[string]string{"le": strconv.FormatFloat(bound, 'f', -1, 64)})
	}
}

// quantile returns the value of rank q.
func quantile(recorded []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(recorded))
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// measuring is a program with an exporter, and a measurer on each of its paths.
type measuring struct {
	exp       *exporter.Exporter
	mp        *sdkmetric.MeterProvider
	measurers []*measurer
}

// aggregation returns what makes histograms of one kind.
func aggregation(exponential bool) sdkmetric.AggregationSelector {
	return func(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if exponential && k == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
		}
		return sdkmetric.DefaultAggregationSelector(k)
	}
}

// newMeasuring returns one whose histograms are of one kind: the exporter tells the SDK which.
func newMeasuring(ctx context.Context, endpoint string, exponential bool, r *resource.Resource, labels map[string]string) (*measuring, error) {
	exp, err := newExporter(ctx, endpoint, exporter.WithAggregationSelector(aggregation(exponential)), exporter.WithResource(r), exporter.WithFlushInterval(time.Hour))
	if err != nil {
		return nil, err
	}
	m := &measuring{exp: exp, mp: sdkmetric.NewMeterProvider(sdkmetric.WithResource(r),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp, sdkmetric.WithInterval(time.Hour))))}
	for path, provider := range map[string]metric.MeterProvider{"sdk": m.mp, "direct": exp.MeterProvider()} {
		one := &measurer{exponential: exponential, labels: maps.Clone(labels)}
		one.spans = path == "sdk" // the direct path has no exemplars
		one.labels["otel_scope_name"], one.labels["otel_scope_version"] = path, "v1"
		if one.instruments, err = newInstruments(provider.Meter(path, metric.WithInstrumentationVersion("v1")), "measured"); err != nil {
			return nil, err
		}
		m.measurers = append(m.measurers, one)
	}
	return m, nil
}

// round records on both paths, exports once and returns what Prometheus is to have by then.
// ForceFlush of the SDK is one of the exporter, too, and so collects the direct path.
func (m *measuring) round(ctx context.Context, n int) (values, error) {
	want := values{}
	for _, one := range m.measurers {
		one.measure(ctx, n)
		one.want(want)
	}
	return want, m.mp.ForceFlush(ctx)
}
