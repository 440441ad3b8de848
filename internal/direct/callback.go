package direct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/internal/pipeline"
)

// callbacks are the functions that make observations.
type callbacks struct {
	mu     sync.Mutex
	all    []*callback // the slice is never changed, only replaced
	closed bool
}

// callback is a function that makes observations, and the instruments of which
// it does.
type callback struct {
	observe  func(context.Context, observer) error
	of       []*pipeline.Instrument
	gone     atomic.Bool // it was unregistered
	reported bool        // once it has failed in some way, it is not reported again
}

// add registers f and returns what takes it out again. After clear it does
// nothing.
func (c *callbacks) add(f func(context.Context, observer) error, of ...*pipeline.Instrument) *registration {
	added := &callback{observe: f, of: of}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.all = append(slices.Clip(c.all), added)
	}
	return &registration{callbacks: c, callback: added}
}

// clear takes all callbacks out, and takes no more in.
func (c *callbacks) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all, c.closed = nil, true
}

// list returns the callbacks there are.
func (c *callbacks) list() []*callback {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

func (c *callbacks) int64(i *core, fs []metric.Int64Callback) {
	if !i.created {
		return // as in the SDK the callbacks of the first count
	}
	for _, f := range fs {
		c.add(func(ctx context.Context, o observer) error { return f(ctx, int64Observer{observer: o, core: i}) }, i.instrument)
	}
}

func (c *callbacks) float64(i *core, fs []metric.Float64Callback) {
	if !i.created {
		return
	}
	for _, f := range fs {
		c.add(func(ctx context.Context, o observer) error { return f(ctx, float64Observer{observer: o, core: i}) }, i.instrument)
	}
}

// run calls the callbacks of todo, one after the other, until the round is over,
// and sets whole for each that is done and of which every observation was taken.
// One that panics or returns an error loses its own observations that were still
// to come and nothing else; it is reported, once.
func run(ctx context.Context, round *pipeline.Round, todo []*callback, whole []atomic.Bool, report func(error) bool) {
	defer round.End()
	for n, f := range todo {
		if ctx.Err() != nil {
			return
		}
		if f.gone.Load() { // meanwhile: it observes nothing
			whole[n].Store(true)
			continue
		}
		err := f.call(ctx, observer{round: round})
		if err != nil && !f.reported {
			f.reported = report(fmt.Errorf("otelgram: callback of %s: %w", f.names(), err))
		}
		if round.Flush() && err == nil {
			whole[n].Store(true)
		}
	}
}

func (f *callback) call(ctx context.Context, o observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return f.observe(ctx, o)
}

// names returns the names of the instruments that f observes.
func (f *callback) names() string {
	names := make([]string, len(f.of))
	for n, i := range f.of {
		names[n] = i.Name
	}
	return strings.Join(names, ", ")
}

// registration is what RegisterCallback returns.
type registration struct {
	embedded.Registration
	callbacks *callbacks
	callback  *callback
}

// Unregister takes the callback out. It may be called again, and from within a
// callback, for which reason it does not wait for one that runs: it cannot know
// whether that waits for it.
func (r *registration) Unregister() error {
	c := r.callbacks
	r.callback.gone.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := slices.Index(c.all, r.callback); n >= 0 {
		c.all = slices.Concat(c.all[:n], c.all[n+1:])
	}
	return nil
}

// RegisterCallback registers f for those of the instruments that are of this meter; the
// error names the others. Without any, or where all of them are dropped, f is never
// called.
func (m *meter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	var errs []error
	var of []*pipeline.Instrument
	for _, i := range instruments {
		o, ok := i.(observed)
		if !ok || o.observedCore().direct != m.provider.config.Direct {
			errs = append(errs, fmt.Errorf("otelgram: RegisterCallback: %T is an instrument of another provider", i))
			continue
		}
		c := o.observedCore()
		if c.fate == recorded && !c.meter.is(m) {
			errs = append(errs, fmt.Errorf("otelgram: RegisterCallback: %q is an instrument of the meter %q, and not of %q",
				c.instrument.Name, c.meter.scope.Name, m.scope.Name))
			continue
		}
		if c.instrument != nil && !slices.Contains(of, c.instrument) {
			of = append(of, c.instrument)
		}
	}
	if len(of) == 0 {
		return noop.Registration{}, errors.Join(errs...)
	}
	r := m.provider.callbacks.add(func(ctx context.Context, o observer) error {
		return f(ctx, multiObserver{observer: o, direct: m.provider.config.Direct, of: of})
	}, of...)
	return r, errors.Join(errs...)
}

// observer takes the observations of one run of one callback.
type observer struct{ round *pipeline.Round }

func (o observer) int64(c *core, v int64, opts []metric.ObserveOption) {
	o.observe(c, uint64(v), observeAttributes(opts))
}

func (o observer) float64(c *core, v float64, opts []metric.ObserveOption) {
	if v-v != 0 && !c.gauge {
		c.refuse()
		return
	}
	o.observe(c, math.Float64bits(v), observeAttributes(opts))
}

func (o observer) observe(c *core, bits uint64, set attribute.Set) {
	if c.instrument == nil {
		c.lose()
		return
	}
	o.round.Observe(pipeline.Event{Bound: c.instrument.Unbound(), Attributes: c.merged(set), Bits: bits})
}

// multiObserver is what a callback of RegisterCallback is given.
type multiObserver struct {
	embedded.Observer
	observer
	direct *pipeline.Direct
	of     []*pipeline.Instrument
}

// ObserveInt64 takes an observation of an instrument that was registered with
// the callback; of any other, it counts it as invalid.
func (o multiObserver) ObserveInt64(i metric.Int64Observable, v int64, opts ...metric.ObserveOption) {
	if c := o.registered(i); c != nil {
		o.int64(c, v, opts)
	}
}

// ObserveFloat64 is ObserveInt64 for float64.
func (o multiObserver) ObserveFloat64(i metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	if c := o.registered(i); c != nil {
		o.float64(c, v, opts)
	}
}

// registered returns the core of i, also where i has no instrument of the
// pipeline to register.
func (o multiObserver) registered(i metric.Observable) *core {
	if x, ok := i.(observed); ok {
		c := x.observedCore()
		if c.direct == o.direct && (c.instrument == nil || slices.Contains(o.of, c.instrument)) {
			return c
		}
	}
	o.direct.RefuseInvalid()
	return nil
}

type int64Observer struct {
	embedded.Int64Observer
	observer observer
	core     *core
}

func (o int64Observer) Observe(v int64, opts ...metric.ObserveOption) {
	o.observer.int64(o.core, v, opts)
}

type float64Observer struct {
	embedded.Float64Observer
	observer observer
	core     *core
}

func (o float64Observer) Observe(v float64, opts ...metric.ObserveOption) {
	o.observer.float64(o.core, v, opts)
}
