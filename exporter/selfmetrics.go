package exporter

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/internal/latency"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/internal/selfmetrics"
	"github.com/otelgram/otelgram/wire"
)

const (
	// scopeName is the instrumentation scope of the exporter's own metrics.
	scopeName = "github.com/otelgram/otelgram/exporter"
	// componentType is the name of the type, as OpenTelemetry's semantic conventions ask of
	// a component for which they have no name.
	componentType = scopeName + ".Exporter"
)

// exporters numbers the exporters of the process.
var exporters atomic.Int64

// maxRecorded is how many latencies are recorded at once. If the latencies go to the
// exporter's own direct path, they must not push out what is recorded there.
const maxRecorded = 1024

// latencyBounds are in seconds: from ten microseconds to ten seconds.
var latencyBounds = metric.WithExplicitBucketBoundaries(
	.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)

// selfMetrics are the exporter's own instruments. Counters and gauges are read from the
// books when somebody collects. The goroutine of watch writes three histograms once a
// second, and Export writes one. Nothing is ever written where points are recorded.
type selfMetrics struct {
	exporter *Exporter
	observed *selfmetrics.Set
	// muted is set when the exporter is shut down: its own direct path takes no
	// measurements any more.
	muted atomic.Bool

	buffer, send, e2e, duration metric.Float64Histogram
	own                         []metric.RecordOption // for the first three histograms
	// For duration, by the outcome of an Export.
	succeeded, rejected, timeout, canceled []metric.RecordOption

	sets reasonSets
}

// reasonSets are the attributes of what is counted by reason.
type reasonSets struct {
	plain, component  metric.ObserveOption
	reason, errorType [wire.DropReasons]metric.ObserveOption
	leftOut           [len(leftOutReasons)]metric.ObserveOption
}

// view is what a collection sees of the exporter.
type view struct {
	pipeline.Stats
	status int64
	direct bool // the direct path is in use
	sets   *reasonSets
}

// ofPoints reports whether what is dropped for r is data points, and not measurements. Once
// the direct path is in use, a reason that may occur anywhere may be about either, and is
// not counted as points.
func (v *view) ofPoints(r wire.DropReason) bool {
	switch r.Stage() {
	case wire.Entering, wire.Leaving:
		return true
	case wire.Anywhere:
		return !v.direct
	}
	return false
}

// start makes the instruments. If the provider returns an error for an instrument, the
// error goes to OpenTelemetry's error handler, and the instrument is not observed.
func (m *selfMetrics) start(e *Exporter) {
	m.exporter = e
	m.makeSets(e.config.endpoint)
	meter := selfmetrics.Meter(e.config.meterProvider, scopeName)
	var errs []error
	histogram := func(name, description string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), latencyBounds)
		if err != nil {
			errs = append(errs, err)
			return noop.Float64Histogram{}
		}
		return h
	}
	m.buffer = histogram("stats.latency.buffer", "From handed over until taken out of the queue, by packet.")
	m.send = histogram("stats.latency.send", "From taken out of the queue until the kernel has the packet.")
	m.e2e = histogram("stats.latency.e2e", "From handed over until the kernel has the packet.")
	m.duration = histogram("otel.sdk.exporter.operation.duration", "The duration of exporting a batch of telemetry records.")
	selfmetrics.Report(errs...)
	m.observed = selfmetrics.Start(meter, instruments, m.sets.plain, m.view)
}

func (m *selfMetrics) makeSets(endpoint string) {
	name := attribute.String("otel.component.name", componentType+"/"+strconv.FormatInt(exporters.Add(1)-1, 10))
	component := []attribute.KeyValue{name, attribute.String("otel.component.type", componentType)}
	if host, port, err := net.SplitHostPort(endpoint); err == nil {
		component = append(component, attribute.String("server.address", host))
		if n, err := strconv.Atoi(port); err == nil {
			component = append(component, attribute.Int("server.port", n))
		}
	} else {
		component = append(component, attribute.String("server.address", endpoint))
	}
	with := func(base []attribute.KeyValue, more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(append([]attribute.KeyValue(nil), base...), more...)...))
	}
	plain := []attribute.KeyValue{name}
	m.own = []metric.RecordOption{with(plain)}
	m.succeeded = []metric.RecordOption{with(component)}
	failed := func(cause string) []metric.RecordOption {
		return []metric.RecordOption{with(component, attribute.String("error.type", cause))}
	}
	m.rejected, m.timeout, m.canceled = failed("rejected"), failed("timeout"), failed("canceled")
	m.sets = reasonSets{plain: with(plain), component: with(component)}
	for i := range m.sets.reason {
		r := wire.DropReason(i)
		m.sets.reason[i] = with(plain, attribute.String("reason", r.String()))
		m.sets.errorType[i] = with(component, attribute.String("error.type", errorType(r)))
	}
	for i, reason := range leftOutReasons {
		m.sets.leftOut[i] = with(plain, attribute.String("reason", reason))
	}
}

// errorType is the name of r in OpenTelemetry's own components, if they have one, or else
// the name of the reason.
func errorType(r wire.DropReason) string {
	if r == wire.Shutdown {
		return "already_shutdown"
	}
	return r.String()
}

// view returns what a collection sees.
func (m *selfMetrics) view() view {
	return view{
		Stats: m.exporter.pipeline.Stats(), status: int64(m.exporter.Health().Status),
		direct: m.exporter.directPath.opened.Load() != nil, sets: &m.sets,
	}
}

// latencies records the latencies of packets sent. Of more than maxRecorded it records an
// even selection. After Shutdown the last ones are left out if they might go to the
// exporter's own direct path.
func (m *selfMetrics) latencies(buffer, send, endToEnd *latency.Counts) {
	if m.muted.Load() && m.exporter.directPath.opened.Load() != nil {
		return
	}
	record := func(h metric.Float64Histogram, c *latency.Counts) {
		c.Each(maxRecorded, func(d time.Duration) { h.Record(context.Background(), d.Seconds(), m.own...) })
	}
	record(m.buffer, buffer)
	record(m.send, send)
	record(m.e2e, endToEnd)
}

// exported records the duration of an Export; after Shutdown it records nothing. It runs on
// the goroutine of a reader, which may wait for the network.
func (m *selfMetrics) exported(ctx context.Context, d time.Duration, err error) {
	if m.muted.Load() {
		return
	}
	m.duration.Record(ctx, d.Seconds(), m.outcome(err)...)
}

func (m *selfMetrics) outcome(err error) []metric.RecordOption {
	switch {
	case err == nil:
		return m.succeeded
	case errors.Is(err, context.DeadlineExceeded):
		return m.timeout
	case errors.Is(err, context.Canceled):
		return m.canceled
	}
	return m.rejected
}
