package direct

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/intern"
)

const (
	// maxMeters bounds the meters. The instruments of a further meter count their
	// measurements as dropped for memory.
	maxMeters = 8192
	// meterCost is about what a meter takes besides its strings, in bytes.
	meterCost = 1024
	// maxRound is how long callbacks may take at most, as in the SDK's reader.
	maxRound = 30 * time.Second
)

// Config is what a Provider needs to know. All fields except Events are required. New asks
// the selectors, and nobody asks them again.
type Config struct {
	Books    *account.Books
	Memory   *account.Budget
	Sink     aggregate.Sink
	Resource *resource.Resource
	// Limit is how many series a stream may have, the overflow series included. 0 means no
	// limit.
	Limit int
	// Interval is how often callbacks run and points are collected.
	Interval time.Duration
	// First is after what time callbacks first run and points are first collected.
	// Processes that were started at once should not send at once for ever.
	First time.Duration
	// Events takes measurements one by one, each of which becomes a point of its own. If it
	// is nil, measurements are aggregated. Priorities are the priorities of the
	// measurements for Events.
	Events      aggregate.Events
	Priorities  drop.Priorities
	Temporality sdkmetric.TemporalitySelector
	Aggregation sdkmetric.AggregationSelector
	// Own is the name of the scope of the exporter's own metrics.
	Own string
	// Report is told of errors that no caller can be given. New, the collector and the
	// goroutine that runs callbacks call it. It returns whether it will report the error.
	// It must not wait, and must not call anything that may wait, since others wait for its
	// callers: OpenTelemetry's error handler belongs to the user, and may call the
	// provider.
	Report func(error) bool
}

// Provider is a metric.MeterProvider. After Close all its instruments, made before or
// after, count their measurements as dropped.
type Provider struct {
	embedded.MeterProvider
	config       Config
	aggregations aggregations
	delta        map[sdkmetric.InstrumentKind]bool
	registry     *aggregate.Registry
	namesakes    namesakes

	mu     sync.Mutex
	meters map[scopeKey]*meter
	closed atomic.Bool

	callbacks  callbacks
	interned   *interned   // finds what is recorded by name
	observing  atomic.Bool // callbacks run
	collects   chan collect
	saidNoRoom atomic.Bool     // it was reported that there was no room
	saidNoName atomic.Bool     // it was reported that a meter has no name
	running    context.Context // ends when the collector should stop
	cancel     context.CancelFunc
	stopped    chan struct{} // closed when the collector has stopped

	// What follows belongs to the goroutine that collects.
	collector *aggregate.Collector
	last      bool                 // the last collection is done
	partial   []aggregate.Observed // streams whose observations were missing last time
}

// stringShare is the part of the budget, one in stringShare, that is set aside for strings
// that series share. Strings of forgotten series stay for a while.
const stringShare = 8

// collect asks the collector for a collection at once.
type collect struct {
	ctx  context.Context
	last bool // it is the last collection
	done chan error
}

var _ metric.MeterProvider = (*Provider)(nil)

// New returns a provider and starts its collector. Close ends it.
func New(c Config) *Provider {
	p := &Provider{
		config: c, aggregations: choose(c.Aggregation, c.Report), delta: map[sdkmetric.InstrumentKind]bool{},
		registry: aggregate.NewRegistry(c.Books, c.Memory, c.Limit),
		meters:   map[scopeKey]*meter{},
		interned: newInterned(), collects: make(chan collect), stopped: make(chan struct{}),
	}
	strings := account.NewBudget(c.Memory.Split(stringShare))
	p.collector = aggregate.NewCollector(p.registry, intern.NewIdentifier(c.Resource, strings, c.Report), c.Report)
	for _, k := range Kinds {
		p.delta[k] = c.Temporality(k) == metricdata.DeltaTemporality
	}
	p.running, p.cancel = context.WithCancel(context.Background())
	go p.run()
	return p
}

// Meter returns the meter of a scope, always the same for the same scope.
func (p *Provider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	c := metric.NewMeterConfig(opts...)
	scope := instrumentation.Scope{
		Name: name, Version: c.InstrumentationVersion(), SchemaURL: c.SchemaURL(),
	}
	if set := c.InstrumentationAttributes(); set.Len() > 0 { // otherwise the scope would have one of two sets that are empty
		scope.Attributes, _ = intern.Dedup(set)
	}
	if name == "" && p.saidNoName.CompareAndSwap(false, true) {
		otel.Handle(errors.New("otelgram: a meter has no name: its metrics are sent without the name of what measured them"))
	}
	if p.closed.Load() {
		return &meter{provider: p, scope: scope, fate: tooLate} // it is not kept
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(&scope)
	m, ok := p.meters[key]
	if !ok {
		if len(p.meters) >= maxMeters || !p.config.Memory.Need(meterCost+intern.ScopeSize(&scope)) {
			return &meter{provider: p, scope: scope, fate: noRoom}
		}
		scope = intern.OwnScope(scope)
		m = &meter{provider: p, scope: scope}
		p.meters[keyOf(&scope)] = m
	}
	return m
}

// Collect runs the callbacks, and returns when a point of every series is offered or
// counted, or when ctx ends. The error is the error of ctx, or says that callbacks did not
// return in time.
func (p *Provider) Collect(ctx context.Context) error { return p.ask(ctx, false) }

func (p *Provider) ask(ctx context.Context, last bool) error {
	c := collect{ctx: ctx, last: last, done: make(chan error, 1)}
	select {
	case p.collects <- c:
	case <-p.running.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-p.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close runs the callbacks once more and collects what there is, then stops the collector
// and the instruments. A callback that does not return holds it up until ctx ends.
func (p *Provider) Close(ctx context.Context) error {
	p.closed.Store(true)
	err := p.ask(ctx, true)
	p.cancel()
	p.callbacks.clear()
	<-p.stopped // whatever the collector waits for ends with running
	return err
}

// run is the collector: it runs callbacks and collects once an interval.
func (p *Provider) run() {
	defer close(p.stopped)
	if err := p.collector.CheckResource(); err != nil {
		p.config.Report(err)
	}
	tick := time.NewTicker(p.config.First)
	defer tick.Stop()
	for first := true; ; {
		select {
		case <-tick.C:
			if first {
				first = false
				tick.Reset(p.config.Interval)
			}
			p.tick()
		case c := <-p.collects:
			c.done <- p.collect(c.ctx, c.last)
		case <-p.running.Done():
			_ = p.collect(p.running, true) // does nothing if the last collection is done
			return
		}
	}
}

// tick is the collection of an interval. Callbacks may take an interval, and what they
// leave undone takes no time from the points.
func (p *Provider) tick() {
	ctx, cancel := context.WithTimeout(p.running, 2*p.config.Interval)
	defer cancel()
	_ = p.collect(ctx, false) // what is lost is counted
}

// collect runs the callbacks and collects. After the last collection it does nothing.
func (p *Provider) collect(ctx context.Context, last bool) error {
	if p.last {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.running, cancel)() // Close does not wait until the caller's ctx ends
	err := p.observe(ctx)
	p.last = last
	p.collector.Collect(ctx, p.config.Sink, time.Now(), last)
	p.interned.sweep(p.config.Memory)
	return errors.Join(err, ctx.Err())
}

// Overflowed reports whether an instrument ever had more attribute sets than it may have.
func (p *Provider) Overflowed() bool { return p.registry.Overflowed() }

// observe runs the callbacks. It returns when they have returned, or after half of the time
// that ctx leaves, after an interval or after maxRound, whichever comes first. What they
// leave undone then delays nothing else, and what they did not observe counts as unknown.
// While one of them does not return, none is run again.
func (p *Provider) observe(ctx context.Context) (err error) {
	todo := p.callbacks.list()
	if len(todo) == 0 {
		p.missing(nil)
		return nil
	}
	limit := min(p.config.Interval, maxRound)
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	whole := make([]atomic.Bool, len(todo))
	if p.observing.CompareAndSwap(false, true) {
		done, round := make(chan struct{}), p.registry.Round(ctx)
		go func() {
			defer close(done)
			defer p.observing.Store(false)
			run(ctx, round, todo, whole, p.config.Report)
		}()
		select {
		case <-done:
		case <-ctx.Done():
			err = fmt.Errorf("otelgram: callbacks did not return in time: %w", ctx.Err())
		}
		round.End() // nothing is observed during the collection
	}
	var missing []aggregate.Observed
	for n, f := range todo {
		if !whole[n].Load() {
			missing = append(missing, f.of...)
		}
	}
	p.missing(missing)
	return err
}

// missing says of which streams observations are missing in the collection that follows.
func (p *Provider) missing(of []aggregate.Observed) {
	for _, s := range p.partial {
		s.SetPartial(false)
	}
	for _, s := range of {
		s.SetPartial(true)
	}
	p.partial = of
}

// streamOf makes the stream of an instrument, or finds it. It calls no foreign code and
// waits for nothing, since a caller that records may call it.
func streamOf[N aggregate.Number](p *Provider, scope instrumentation.Scope, d description) (s *aggregate.Stream[N], made bool, f fate) {
	c := aggregate.Config{
		Scope: scope, Name: d.name, Unit: d.unit, Description: d.text, Instrument: d.String(),
		Delta: p.delta[d.kind], Own: scope.Name == p.config.Own,
	}
	if !p.aggregations.aggregate(&c, d) {
		return nil, false, unwanted
	}
	if p.config.Events != nil && !observable(d.kind) {
		c.Events, c.Priority = p.config.Events, p.config.Priorities.Of(d.name)
		c.Delta = d.kind == sdkmetric.InstrumentKindCounter || d.kind == sdkmetric.InstrumentKindHistogram
	}
	s, made = aggregate.StreamOf[N](p.registry, c, time.Now().UnixNano())
	if s == nil {
		return nil, false, noRoom
	}
	return s, made, recorded
}

func observable(k sdkmetric.InstrumentKind) bool {
	switch k {
	case sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindObservableUpDownCounter,
		sdkmetric.InstrumentKindObservableGauge:
		return true
	}
	return false
}
