package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/wire"
)

// callbacks are the functions that make observations.
type callbacks struct {
	mu     sync.Mutex
	all    []*callback // the slice is never changed, only replaced
	closed bool
}

// callback is a function that makes observations, with the instruments for which it was
// registered.
type callback struct {
	observe  func(context.Context, observer) error
	of       []aggregate.Observed
	gone     atomic.Bool // it was unregistered
	reported bool        // a failure was reported; further ones are not
}

// add registers f, and returns a registration that takes f out again. After clear it does
// nothing.
func (c *callbacks) add(f func(context.Context, observer) error, of ...aggregate.Observed) *registration {
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

// list returns the callbacks that are registered.
func (c *callbacks) list() []*callback {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// registerInt64 registers the callbacks with which an observable was made.
func registerInt64(i *instrument[int64], fs []metric.Int64Callback) {
	if !i.mayObserve(len(fs)) {
		return
	}
	for _, f := range fs {
		i.meter.provider.callbacks.add(func(ctx context.Context, o observer) error {
			return f(ctx, int64Observer{observer: o, instrument: i})
		}, i.stream)
	}
}

// registerFloat64 is registerInt64 for float64.
func registerFloat64(i *instrument[float64], fs []metric.Float64Callback) {
	if !i.mayObserve(len(fs)) {
		return
	}
	for _, f := range fs {
		i.meter.provider.callbacks.add(func(ctx context.Context, o observer) error {
			return f(ctx, float64Observer{observer: o, instrument: i})
		}, i.stream)
	}
}

// run calls the callbacks of todo, one after the other, until the round is over. It sets
// whole for each callback that has returned and of which every observation was taken. If a
// callback panics or returns an error, the observations that it has not made yet are lost
// and nothing else. It is reported once.
func run(ctx context.Context, round *aggregate.Round, todo []*callback, whole []atomic.Bool, report func(error) bool) {
	for n, f := range todo {
		if ctx.Err() != nil {
			return
		}
		if f.gone.Load() { // it was unregistered meanwhile, and observes nothing
			whole[n].Store(true)
			continue
		}
		err := f.call(ctx, observer{round: round})
		if err != nil && !f.reported {
			f.reported = report(fmt.Errorf("otelgram: callback of %s: %w", f.names(), err))
		}
		if round.Whole() && err == nil {
			whole[n].Store(true)
		}
	}
}

// call calls f in a goroutine of its own, which f may end.
func (f *callback) call(ctx context.Context, o observer) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("it ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("it panicked: %v", p)
			}
			done <- err
		}()
		err = f.observe(ctx, o)
	}()
	return <-done
}

// names returns the names of the instruments that f observes.
func (f *callback) names() string {
	names := make([]string, len(f.of))
	for n, i := range f.of {
		names[n] = i.Config().Name
	}
	return strings.Join(names, ", ")
}

// registration is what RegisterCallback returns.
type registration struct {
	embedded.Registration
	callbacks *callbacks
	callback  *callback
}

// Unregister takes the callback out. It may be called again, and from within a callback. So
// it does not wait for a callback that runs, which may be waiting for it.
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

// RegisterCallback registers f for those of the instruments that are of this meter. The
// error names the others. If there are none of this meter, or all of them are dropped, f is
// never called.
func (m *meter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	var errs []error
	var of []aggregate.Observed
	for _, i := range instruments {
		o, ok := i.(observed)
		if !ok || o.observedCore().meter.provider != m.provider {
			errs = append(errs, fmt.Errorf("otelgram: RegisterCallback: %T is an instrument of another provider", i))
			continue
		}
		c := o.observedCore()
		if c.fate == recorded && !c.meter.is(m) {
			errs = append(errs, fmt.Errorf("otelgram: RegisterCallback: %q is an instrument of the meter %q, and not of %q",
				c.name, c.meter.scope.Name, m.scope.Name))
			continue
		}
		if s := o.observedStream(); s != nil && !slices.Contains(of, s) {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return noop.Registration{}, errors.Join(errs...)
	}
	r := m.provider.callbacks.add(func(ctx context.Context, o observer) error {
		return f(ctx, multiObserver{observer: o, provider: m.provider, of: of})
	}, of...)
	return r, errors.Join(errs...)
}

// observer takes the observations of one run of one callback.
type observer struct{ round *aggregate.Round }

func observe[N aggregate.Number](o observer, i *instrument[N], v N, opts []metric.ObserveOption) {
	switch {
	case !i.fits(v):
	case i.stream == nil:
		i.lose()
	default:
		aggregate.Observe(o.round, i.stream, i.merged(observeAttributes(opts)), v)
	}
}

// multiObserver is what a callback of RegisterCallback is given.
type multiObserver struct {
	embedded.Observer
	observer
	provider *Provider
	of       []aggregate.Observed
}

// ObserveInt64 takes an observation of an instrument that was registered with the callback.
// It counts an observation of any other as invalid.
func (o multiObserver) ObserveInt64(i metric.Int64Observable, v int64, opts ...metric.ObserveOption) {
	if o.registered(i) {
		observe(o.observer, i.(interface{ self() *instrument[int64] }).self(), v, opts)
	}
}

// ObserveFloat64 is ObserveInt64 for float64.
func (o multiObserver) ObserveFloat64(i metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	if o.registered(i) {
		observe(o.observer, i.(interface{ self() *instrument[float64] }).self(), v, opts)
	}
}

// registered reports whether the callback was registered for i, or i has no stream.
// Otherwise it counts the observation as invalid.
func (o multiObserver) registered(i any) bool {
	if x, ok := i.(observed); ok && x.observedCore().meter.provider == o.provider {
		if s := x.observedStream(); s == nil || slices.Contains(o.of, s) {
			return true
		}
	}
	o.provider.config.Books.Refuse(wire.Invalid)
	return false
}

type int64Observer struct {
	embedded.Int64Observer
	observer   observer
	instrument *instrument[int64]
}

func (o int64Observer) Observe(v int64, opts ...metric.ObserveOption) {
	observe(o.observer, o.instrument, v, opts)
}

type float64Observer struct {
	embedded.Float64Observer
	observer   observer
	instrument *instrument[float64]
}

func (o float64Observer) Observe(v float64, opts ...metric.ObserveOption) {
	observe(o.observer, o.instrument, v, opts)
}
