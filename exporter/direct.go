package exporter

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/direct"
)

// Tag is a key and a value of a metric recorded by name.
type Tag = struct{ Key, Value string }

// directPath is the direct path of an exporter, made when it is first used.
type directPath struct {
	opened atomic.Pointer[entrance]

	mu     sync.Mutex // held to open and to begin to close
	closed bool
}

type entrance struct {
	provider *direct.Provider
	recorder *direct.Recorder
	public   *provider
}

// provider is what MeterProvider returns: the direct path, with the two methods by which
// programs flush and end the SDK's provider.
type provider struct {
	metric.MeterProvider
	exporter *Exporter
}

// ForceFlush is [Exporter.ForceFlush].
func (p *provider) ForceFlush(ctx context.Context) error { return p.exporter.ForceFlush(ctx) }

// Shutdown is [Exporter.Shutdown].
func (p *provider) Shutdown(ctx context.Context) error { return p.exporter.Shutdown(ctx) }

// MeterProvider returns the direct path: a complete provider of OpenTelemetry's API without
// an SDK, a reader or a view. Its instruments aggregate each measurement where it is made
// and return, in tens of nanoseconds, whatever the network does and however busy the
// process is. No call waits, and no measurement is lost because of pressure. The exporter
// sends one point a series each flush interval, see [WithFlushInterval]. The package
// documentation says what is dropped on this path.
//
// MeterProvider always returns the same provider, which is safe for concurrent use. Like the
// SDK's provider it has the methods ForceFlush and Shutdown: those of the exporter.
// Instruments implement the experimental Bind of go.opentelemetry.io/otel/metric/x: a bound
// instrument records without a look-up or an allocation. After Shutdown every measurement
// is dropped and counted.
//
// # Measurements
//
// A NaN or infinite measurement, except of a gauge, and a negative increment of a counter
// are dropped as invalid. The context of a measurement is not read: there are no exemplars.
// An instrument has at most 2,000 attribute sets, or as many as [WithCardinalityLimit]
// says; under delta the count begins anew in each interval. The further sets share one
// series with the attribute otel.metric.overflow, as in the SDK
// ([Stats].CardinalityOverflow). Under delta a set without measurements is not sent, and
// after eight collections it is forgotten. Attributes are copied when a series is made: no
// memory of the caller's is kept.
//
// Exponential histograms follow the SDK bucket by bucket, with any maximum size and all
// scales from -10 to 20. With a maximum size of 1, numbers on both sides of 1 find no
// bucket, as in the SDK. That is reported to OpenTelemetry's error handler, once an
// instrument.
//
// # Instruments
//
// As in the SDK, a name that breaks the rules is an error, and the instrument works all the
// same. Names that differ only in upper and lower case are one name, sent as it was spelled
// first.
//
// An instrument that is made twice is one instrument, with the callbacks given the first
// time. If other callbacks are ignored, that is reported to OpenTelemetry's error handler,
// once an instrument. An instrument that shares its name but not its kind, unit or
// description with another is reported there too, once a name.
//
// There is room for 8,192 meters, 8,192 instruments, and as much as [WithMaxMemory] allows.
// Measurements of an instrument beyond that are dropped as memory, and it has no callbacks.
//
// # Observables
//
// Callbacks run once each flush interval, one after the other, and when
// [Exporter.ForceFlush] or [Exporter.Shutdown] asks. In event mode, too, observations are
// aggregated. Observations of one run add up if they meet in one series: the same set
// observed twice, sets that differ only in keys that the instrument does not keep, or sets
// of the overflow series. The observations of the next run replace them. An observation of
// an instrument for which the callback was not registered is dropped as invalid.
//
// A run of all callbacks may take an interval, at most 30 s, and at most half of the time
// that the caller of ForceFlush or Shutdown has. What is observed later is dropped as
// deadline. A callback that fails or panics is reported to OpenTelemetry's error handler
// once, on the goroutine that logs. Neither loses anything else: a series that was not
// observed is not sent, and its next point goes on from the last one.
//
// While a callback does not return, no callback is called again, and Shutdown waits for it
// for a quarter of its time. A callback that calls ForceFlush, or waits for a goroutine
// that does, does not return until the run is over. Unregister does not wait for a callback
// that is running.
func (e *Exporter) MeterProvider() metric.MeterProvider { return e.direct().public }

// RecordMetric adds value to the counter of the given name and tags, of scope "otelgram".
// It returns true if the value was taken, and false if it was dropped and counted. It never
// waits. Once it has seen name and tags it allocates nothing. It remembers 32,768 different
// ones, and fewer if the memory budget is used up. The others cost a look-up and allocations
// each time; so do names and tags of more than 32 KiB together, and what goes to the overflow
// series. It is safe for concurrent use. It keeps no reference to the tags.
// If a key repeats, its last value counts.
//
// What is dropped as invalid is a name that is empty or longer than 255 bytes, a value that
// is NaN or infinite, and, since a counter only grows, a negative value. There is no other
// rule for names. For values that go up and down use [Exporter.RecordGauge], or an up-down
// counter of [Exporter.MeterProvider]. The limits of instruments and attribute sets are the
// same as for MeterProvider.
func (e *Exporter) RecordMetric(name string, value float64, tags ...Tag) bool {
	return e.direct().recorder.Record(sdkmetric.InstrumentKindCounter, name, value, tags)
}

// RecordGauge sets the gauge of the given name and tags to value, which may also be NaN or
// infinite. A gauge and a counter of the same name are two metrics. See
// [Exporter.RecordMetric] for tags and limits.
func (e *Exporter) RecordGauge(name string, value float64, tags ...Tag) bool {
	return e.direct().recorder.Record(sdkmetric.InstrumentKindGauge, name, value, tags)
}

// RecordSample adds value to the histogram of the given name and tags. The value may be
// negative. [WithAggregationSelector] chooses the buckets. By default they are the SDK's,
// which are made for milliseconds: 0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500,
// 5000, 7500 and 10000. See [Exporter.RecordMetric] for tags and limits.
func (e *Exporter) RecordSample(name string, value float64, tags ...Tag) bool {
	return e.direct().recorder.Record(sdkmetric.InstrumentKindHistogram, name, value, tags)
}

// direct returns the direct path, and makes it the first time.
func (e *Exporter) direct() *entrance {
	if d := e.directPath.opened.Load(); d != nil {
		return d
	}
	return e.openDirect()
}

// openDirect makes the direct path. It calls no code that is not otelgram's own, since it
// holds a lock for which the first measurements wait. Errors go to e.report, which leaves
// them to a goroutine of their own.
func (e *Exporter) openDirect() *entrance {
	p := &e.directPath
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.opened.Load(); d != nil {
		return d
	}
	c := &e.config
	d := direct.Config{
		Books: e.pipeline.Books(), Memory: e.pipeline.Memory(), Sink: e.pipeline.Sink(), Resource: e.resource,
		Limit: c.cardinalityLimit, Interval: c.flushInterval, Priorities: c.priorities,
		Temporality: e.Temporality, Aggregation: e.Aggregation, Own: scopeName,
		Report: e.report,
	}
	if c.flushInterval == 0 {
		d.Interval = defaultFlushInterval // callbacks still need a rhythm
		queue := e.pipeline.Events(e.resource)
		d.Events = func(s aggregate.Single, bits uint64) bool { return queue.Push(s, bits) }
	}
	d.First = d.Interval - rand.N(d.Interval)
	made := direct.New(d)
	opened := &entrance{provider: made, recorder: direct.NewRecorder(made), public: &provider{MeterProvider: made, exporter: e}}
	if p.closed {
		_ = made.Close(context.Background()) // at once: the pipeline has stopped
	}
	p.opened.Store(opened)
	return opened
}

// flush collects from the direct path, if it is in use.
func (p *directPath) flush(ctx context.Context) error {
	if d := p.opened.Load(); d != nil {
		return d.provider.Collect(ctx)
	}
	return nil
}

// overflowed reports whether an instrument ever had more attribute sets than it may have.
func (p *directPath) overflowed() bool {
	d := p.opened.Load()
	return d != nil && d.provider.Overflowed()
}

// close ends the direct path. A direct path that is opened later is closed from the begin.
// The last collection gets half of the time that ctx leaves, and its callbacks get half of
// that, so that a callback that does not return leaves time to send what there is.
func (p *directPath) close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	d := p.opened.Load()
	p.mu.Unlock()
	if d == nil {
		return
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	_ = d.provider.Close(ctx) // the pipeline's Close counts what was not sent
}
