package direct

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/pipeline"
)

const (
	// maxMeters bounds the meters. The instruments of any further one count
	// their measurements as dropped for memory.
	maxMeters = 8192
	// meterCost is about what a meter takes beside its strings, in bytes.
	meterCost = 1024
	// maxRound is how long callbacks may take at most, as the SDK's reader has it.
	maxRound = 30 * time.Second
)

// Config is what a Provider needs to know. All of it is required. The selectors are
// asked by New, and not again.
type Config struct {
	Direct   *pipeline.Direct
	Resource *resource.Resource
	// Interval is how often callbacks run and series are emitted.
	Interval time.Duration
	// First is after what time they do so at first. A fleet that was started at
	// once should not send at once for ever.
	First       time.Duration
	EveryEvent  bool // each event is a point: sums and histograms are deltas
	Temporality sdkmetric.TemporalitySelector
	Aggregation sdkmetric.AggregationSelector
	// Own is the name of the scope of the exporter's own metrics. The latency of
	// what is in it is not measured: that would be a measurement again.
	Own string
	// Report is told what is wrong, where nobody is there to get an error: by New,
	// by the collector and by the goroutine that runs callbacks. It returns whether it
	// will say it. All of them are
	// waited for, so it must not wait, nor call anything that may: OpenTelemetry's
	// error handler belongs to the user, and may call the provider.
	Report func(error) bool
}

// Provider is a metric.MeterProvider. After Close its instruments, whether they were
// made before or are made then, record nothing, and count that.
type Provider struct {
	embedded.MeterProvider
	config       Config
	aggregations aggregations
	delta        map[sdkmetric.InstrumentKind]bool

	mu     sync.Mutex
	meters map[instrumentation.Scope]*meter
	closed atomic.Bool

	callbacks  callbacks
	observing  atomic.Bool // callbacks run
	collects   chan collect
	saidNoRoom atomic.Bool     // that there was no room has been reported
	running    context.Context // ends when the collector should stop
	cancel     context.CancelFunc
	stopped    chan struct{} // closed when the collector has stopped
}

// collect asks the collector for a collection outside of its rhythm.
type collect struct {
	ctx  context.Context
	last bool // only callbacks: the pipeline emits every series when it closes
	done chan error
}

var _ metric.MeterProvider = (*Provider)(nil)

// New returns a provider and starts its collector. Close ends it.
func New(c Config) *Provider {
	p := &Provider{
		config: c, aggregations: choose(c.Aggregation, c.Report), delta: map[sdkmetric.InstrumentKind]bool{},
		meters:   map[instrumentation.Scope]*meter{},
		collects: make(chan collect), stopped: make(chan struct{}),
	}
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
	if set := c.InstrumentationAttributes(); set.Len() > 0 { // else there are two sets that are empty
		scope.Attributes = set
	}
	if p.closed.Load() {
		return &meter{provider: p, scope: scope, fate: tooLate} // it is not kept
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.meters[scope]
	if !ok {
		cost := meterCost + len(name) + len(scope.Version) + len(scope.SchemaURL)
		m = &meter{provider: p, scope: scope}
		if len(p.meters) >= maxMeters || !p.config.Direct.Need(cost) {
			m.fate = noRoom
			return m
		}
		p.meters[scope] = m
	}
	return m
}

// Collect runs the callbacks and has every series emitted, and returns when all
// of that is sent or counted, or when ctx ends.
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

// Close runs the callbacks once more, then stops the collector and the
// instruments; the series are emitted when the pipeline closes. A callback that
// does not return holds it up until ctx ends.
func (p *Provider) Close(ctx context.Context) error {
	err := p.ask(ctx, true)
	p.closed.Store(true)
	p.cancel()
	p.callbacks.clear()
	select {
	case <-p.stopped:
	case <-ctx.Done():
	}
	return err
}

// run is the collector: it runs callbacks and collects once an interval.
func (p *Provider) run() {
	defer close(p.stopped)
	if err := p.config.Direct.CheckResource(p.config.Resource); err != nil {
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
			return
		}
	}
}

func (p *Provider) collect(ctx context.Context, last bool) error {
	p.observe(ctx)
	if last {
		return ctx.Err()
	}
	return p.config.Direct.Collect(ctx)
}

// tick is the collection of an interval.
func (p *Provider) tick() {
	p.observe(p.running)
	_ = p.config.Direct.Collect(p.running) // what is lost is counted
}

// observe runs the callbacks, and returns when they have or when ctx ends, after
// an interval at most and at most after maxRound: what they leave undone holds up
// nothing else, and says nothing about what they did not observe. While one of
// them hangs, none is run again.
func (p *Provider) observe(ctx context.Context) {
	todo := p.callbacks.list()
	if len(todo) == 0 {
		p.config.Direct.Missing(nil)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(p.config.Interval, maxRound))
	defer cancel()
	defer context.AfterFunc(p.running, cancel)() // whoever asked, Close does not wait so long
	whole := make([]atomic.Bool, len(todo))
	if p.observing.CompareAndSwap(false, true) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer p.observing.Store(false)
			run(ctx, p.config.Direct.Round(ctx), todo, whole, p.config.Report)
		}()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	var missing []*pipeline.Instrument
	for n, f := range todo {
		if !whole[n].Load() {
			missing = append(missing, f.of...)
		}
	}
	p.config.Direct.Missing(missing)
}

// admission is what came of the wish for an instrument.
type admission struct {
	fate       fate
	instrument *pipeline.Instrument // nil unless measurements are recorded
	created    bool                 // there was no other of its identity before
	conflict   error                // it has a namesake, which is to be said once
}

// instrument makes an instrument of the pipeline, or finds it. It calls nothing that
// is not otelgram's own: a caller may hold a lock.
func (p *Provider) instrument(scope instrumentation.Scope, d description) (a admission) {
	c := pipeline.InstrumentConfig{
		Resource: p.config.Resource, Scope: scope,
		Name: d.name, Unit: d.unit, Description: d.text, Kind: d.String(),
		Integer: d.integer,
		Delta:   p.delta[d.kind],
		Untimed: scope.Name == p.config.Own,
	}
	if p.config.EveryEvent {
		c.Delta = d.kind == sdkmetric.InstrumentKindCounter || d.kind == sdkmetric.InstrumentKindHistogram
	}
	if !p.aggregations.aggregate(&c, d) {
		return admission{fate: unwanted}
	}
	a.instrument, a.created, a.conflict = p.config.Direct.Instrument(c)
	if a.instrument == nil {
		a.fate = noRoom
	}
	return a
}

func observable(k sdkmetric.InstrumentKind) bool {
	switch k {
	case sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindObservableUpDownCounter,
		sdkmetric.InstrumentKindObservableGauge:
		return true
	}
	return false
}
