package direct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"

	"github.com/otelgram/otelgram/internal/pipeline"
)

// callbacks are the functions that make observations.
type callbacks struct {
	mu    sync.Mutex
	next  int
	all   map[int]func(context.Context, observer) error
	order []int
	// once a callback has failed in some way, it is not reported again.
	reported map[int]struct{}
}

// add registers f and returns what takes it out again.
func (c *callbacks) add(f func(context.Context, observer) error) *registration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all, c.reported = map[int]func(context.Context, observer) error{}, map[int]struct{}{}
	}
	c.next++
	c.all[c.next] = f
	c.order = append(c.order, c.next)
	return &registration{callbacks: c, id: c.next}
}

func (c *callbacks) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.all)
	c.order = nil
}

func (c *callbacks) int64(i *core, fs []metric.Int64Callback) {
	for _, f := range fs {
		c.add(func(ctx context.Context, o observer) error { return f(ctx, int64Observer{observer: o, core: i}) })
	}
}

func (c *callbacks) float64(i *core, fs []metric.Float64Callback) {
	for _, f := range fs {
		c.add(func(ctx context.Context, o observer) error { return f(ctx, float64Observer{observer: o, core: i}) })
	}
}

// run calls every callback. One that panics or returns an error loses its own
// observations that were still to come and nothing else; it is reported to
// OpenTelemetry's error handler, once.
func (c *callbacks) run(ctx context.Context, d *pipeline.Direct) {
	c.mu.Lock()
	order := append([]int(nil), c.order...)
	c.mu.Unlock()
	for _, id := range order {
		c.mu.Lock()
		f, ok := c.all[id]
		c.mu.Unlock()
		if !ok {
			continue
		}
		if err := call(ctx, f, observer{ctx: ctx, direct: d}); err != nil && c.first(id) {
			otel.Handle(fmt.Errorf("otelgram: callback: %w", err))
		}
	}
}

func (c *callbacks) first(id int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, reported := c.reported[id]
	c.reported[id] = struct{}{}
	return !reported
}

func call(ctx context.Context, f func(context.Context, observer) error, o observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return f(ctx, o)
}

// registration is what RegisterCallback returns.
type registration struct {
	embedded.Registration
	callbacks *callbacks
	id        int
}

// Unregister takes the callback out. It may be called again.
func (r *registration) Unregister() error {
	c := r.callbacks
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, r.id)
	delete(c.reported, r.id)
	for i, id := range c.order {
		if id == r.id {
			c.order = append(c.order[:i:i], c.order[i+1:]...)
			break
		}
	}
	return nil
}

// RegisterCallback registers f for instruments of this provider.
func (m *meter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	var errs []error
	allowed := map[*pipeline.Instrument]struct{}{}
	for _, i := range instruments {
		o, ok := i.(observed)
		if !ok || o.observedCore().direct != m.provider.config.Direct {
			errs = append(errs, fmt.Errorf("otelgram: RegisterCallback: %T is an instrument of another provider", i))
			continue
		}
		allowed[o.observedCore().instrument] = struct{}{}
	}
	r := m.provider.callbacks.add(func(ctx context.Context, o observer) error {
		o.allowed = allowed
		return f(ctx, o)
	})
	return r, errors.Join(errs...)
}

// observer takes the observations of one run of one callback.
type observer struct {
	embedded.Observer
	ctx     context.Context
	direct  *pipeline.Direct
	allowed map[*pipeline.Instrument]struct{} // of RegisterCallback
}

// ObserveInt64 takes an observation of an instrument that was registered with
// the callback; of any other, it counts it as invalid.
func (o observer) ObserveInt64(i metric.Int64Observable, v int64, opts ...metric.ObserveOption) {
	if c := o.registered(i); c != nil {
		o.int64(c, v, opts)
	}
}

// ObserveFloat64 is ObserveInt64 for float64.
func (o observer) ObserveFloat64(i metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	if c := o.registered(i); c != nil {
		o.float64(c, v, opts)
	}
}

func (o observer) registered(i metric.Observable) *core {
	if x, ok := i.(observed); ok {
		if _, ok := o.allowed[x.observedCore().instrument]; ok {
			return x.observedCore()
		}
	}
	o.direct.RefuseInvalid()
	return nil
}

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
		if c.crowded {
			c.direct.RefuseForMemory()
		}
		return
	}
	o.direct.Observe(o.ctx, &pipeline.Event{Instrument: c.instrument, Attributes: c.merged(set), Bits: bits})
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
