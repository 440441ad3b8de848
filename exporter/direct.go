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

// directPath is the direct entrance, made when it is first used.
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

// MeterProvider returns the direct path: a complete provider of OpenTelemetry's
// API whose instruments aggregate each measurement where it is made and return, in tens
// of nanoseconds, whatever the network does and however busy the process is: nothing
// waits, and none is lost for pressure. The exporter sends one point a series each flush
// interval (see [WithFlushInterval]); no SDK, reader or view is involved. The package
// documentation says what is dropped on this path.
//
// It is always the same provider, safe for concurrent use. Like the SDK's provider it has
// the methods ForceFlush and Shutdown, which are those of the exporter. Instruments
// implement the experimental Bind of go.opentelemetry.io/otel/metric/x: a bound
// instrument records without a look-up or an allocation. After Shutdown instruments
// record nothing but drops.
//
// # Measurements
//
// A NaN or infinite measurement (but of a gauge) and a negative increment of a
// counter are dropped as invalid. The context of a measurement is not read: there
// are no exemplars. An instrument has at most 2,000 attribute sets, or as many as
// [WithCardinalityLimit] says, under delta in each interval anew; the rest is one series
// with the attribute otel.metric.overflow, as in the SDK ([Stats].CardinalityOverflow).
// Under delta a set without measurements is not sent, and after eight collections it is
// forgotten. Attributes are copied when a series is made: nothing of a caller's is kept.
//
// Exponential histograms follow the SDK bucket by bucket, with any maximum size and all
// scales from -10 to 20. With a maximum size of 1, numbers on both sides of 1 find no bucket,
// as in the SDK: that is reported to OpenTelemetry's error handler, once an instrument.
//
// # Instruments
//
// As in the SDK a name that breaks the rules is an error, and the instrument works
// all the same; upper and lower case are one name, sent as it was spelled first. An
// instrument made twice is one, with the callbacks of the first; that others are ignored
// is reported to OpenTelemetry's error handler, once an instrument. One that shares
// its name but not its kind, unit or description is reported to OpenTelemetry's
// error handler, once a name. There is room for 8,192 meters, 8,192 instruments, and
// as many as [WithMaxMemory] allows: the measurements of any further one are dropped
// as memory, and it has no callbacks.
//
// # Observables
//
// Callbacks run once each flush interval, one after the other, and when
// [Exporter.ForceFlush] or [Exporter.Shutdown] asks. They are aggregated in event mode,
// too. Observations of one run add up where they meet in one series, as the
// same set observed twice, sets that differ in keys the instrument does not keep, or
// the overflow series do; those of the next run replace them. An observation of an
// instrument that the callback was not registered for is dropped as invalid.
//
// A run of all callbacks has an interval's time, at most 30 s and at most half of that of
// who asked. What is observed later is dropped as deadline. A callback that fails or
// panics is reported to OpenTelemetry's error handler once, by the goroutine that
// logs. In both cases nothing
// else is lost: a series that was not observed is not sent, and its next point goes
// on from the last one. While a callback does not return, none is called again, and
// Shutdown waits for it for a quarter of its time. One that itself calls ForceFlush, or
// waits for someone who does, is such a callback until the run is over.
// Unregister does not wait for a callback that is running.
func (e *Exporter) MeterProvider() metric.MeterProvider { return e.direct().public }

// RecordMetric adds value to the counter of the given name and tags, of scope
// "otelgram", and reports whether it was taken: false means dropped and
// counted. It never waits and, once it has seen name and tags, allocates
// nothing; past 32,768 different ones, or past the memory budget, those it has no
// room for cost a look-up and allocations each time. It is safe for concurrent
// use. The tags are not retained; of a key that repeats the last value counts.
//
// Dropped as invalid are a name that is empty or longer than 255 bytes, which is
// all that is asked of it, a value that is NaN or infinite, and, since a counter
// only grows, one that is negative. For values that go up and down there is
// [Exporter.RecordGauge], or an up-down counter of [Exporter.MeterProvider]. The
// limits of instruments and attribute sets are those of MeterProvider.
func (e *Exporter) RecordMetric(name string, value float64, tags ...Tag) bool {
	return e.direct().recorder.Record(sdkmetric.InstrumentKindCounter, name, value, tags)
}

// RecordGauge sets the gauge of the given name and tags to value, which may be
// NaN or infinite, too; see [Exporter.RecordMetric]. It is a metric of its own, also
// where a counter has the same name.
func (e *Exporter) RecordGauge(name string, value float64, tags ...Tag) bool {
	return e.direct().recorder.Record(sdkmetric.InstrumentKindGauge, name, value, tags)
}

// RecordSample adds value to the histogram of the given name and tags; see
// [Exporter.RecordMetric]. Its buckets are those that [WithAggregationSelector]
// has for histograms, by default the SDK's, which are made for milliseconds: 0, 5,
// 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500 and 10000. The value
// may be negative.
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

// openDirect calls nothing that is not otelgram's own: it holds a lock, and whoever
// records first waits for it. What is wrong is said by tell.
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

// close ends the direct path. What opens it later finds it closed. Half of the time that ctx
// leaves is for the last collection, and half of that for its callbacks: a callback that does
// not return leaves the rest of the time to send what there is.
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
	_ = d.provider.Close(ctx) // the pipeline's Close finds out what was not sent
}
