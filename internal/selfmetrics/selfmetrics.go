package selfmetrics

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/internal/version"
)

// Kind is what an instrument is.
type Kind uint8

// The kinds.
const (
	Counter Kind = iota
	Gauge
	UpDownCounter
	Ratio // a gauge of float64
)

// Instrument is one instrument and what it reads of a view, a V: one of Value, Ratio and Each.
type Instrument[V any] struct {
	Name, Unit, Description string
	Kind                    Kind
	Value                   func(*V) int64
	Ratio                   func(*V) float64 // of the kind Ratio
	// Each observes several values, each under attributes of its own.
	Each func(*V, Observe)
}

// Observe takes a value and its attributes.
type Observe func(value int64, with metric.ObserveOption)

// Set is instruments that are registered with a provider.
type Set struct {
	registration metric.Registration // nil if the provider refused
	silent       atomic.Bool
	stopped      atomic.Bool
}

// Meter returns the meter of a scope, of the global provider if mp is nil.
func Meter(mp metric.MeterProvider, scope string) metric.Meter {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	return mp.Meter(scope, metric.WithInstrumentationVersion(version.Version()))
}

// Start makes the instruments of list and registers the callback that observes them. Read
// makes the view of one collection; values without attributes of their own are observed with
// the attributes own. What the provider refuses is reported to OpenTelemetry's error handler,
// and not observed.
func Start[V any](meter metric.Meter, list []Instrument[V], own metric.ObserveOption, read func() V) *Set {
	s := &Set{}
	instruments := make([]metric.Observable, len(list))
	var made []metric.Observable
	var errs []error
	for i := range list {
		instrument, err := list[i].register(meter)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		instruments[i], made = instrument, append(made, instrument)
	}
	// The callback never fails: an error would cost the whole collection of the SDK.
	callback := func(_ context.Context, o metric.Observer) error {
		if s.silent.Load() {
			return nil
		}
		v := read()
		for i, instrument := range instruments {
			if instrument != nil {
				list[i].observe(o, instrument, &v, own)
			}
		}
		return nil
	}
	var err error
	s.registration, err = meter.RegisterCallback(callback, made...)
	Report(append(errs, err)...)
	return s
}

// Report tells OpenTelemetry's error handler what went wrong with instruments, if anything
// did.
func Report(errs ...error) {
	if err := errors.Join(errs...); err != nil {
		otel.Handle(fmt.Errorf("otelgram: self-metrics: %w", err))
	}
}

func (i *Instrument[V]) register(m metric.Meter) (metric.Observable, error) {
	switch i.Kind {
	case Gauge:
		return m.Int64ObservableGauge(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
	case UpDownCounter:
		return m.Int64ObservableUpDownCounter(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
	case Ratio:
		return m.Float64ObservableGauge(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
	default:
		return m.Int64ObservableCounter(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
	}
}

func (i *Instrument[V]) observe(o metric.Observer, instrument metric.Observable, v *V, own metric.ObserveOption) {
	if i.Kind == Ratio {
		o.ObserveFloat64(instrument.(metric.Float64Observable), i.Ratio(v), own)
		return
	}
	number := instrument.(metric.Int64Observable)
	if i.Each == nil {
		o.ObserveInt64(number, i.Value(v), own)
		return
	}
	i.Each(v, func(value int64, with metric.ObserveOption) { o.ObserveInt64(number, value, with) })
}

// Silence has the instruments observe nothing any more.
func (s *Set) Silence() { s.silent.Store(true) }

// stopTimeout bounds how long Stop waits for a provider.
const stopTimeout = 100 * time.Millisecond

// Stop silences the instruments and takes the callback out. The SDK takes it out when the
// callbacks under way have returned. Other people's may take long, and may wait for the caller
// of Stop: Stop waits until ctx ends, and a tenth of a second at most. If that is too short, the
// callback is taken out later. Later calls do nothing, and wait for nothing.
func (s *Set) Stop(ctx context.Context) {
	s.Silence()
	if s.stopped.Swap(true) || s.registration == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Report(s.registration.Unregister())
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
