package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/internal/version"
)

// scopeName is the instrumentation scope of the relay's own metrics.
const scopeName = "github.com/otelgram/otelgram/relay"

// relays numbers the relays of the process.
var relays atomic.Int64

// selfMetrics are the relay's own instruments, which read the books when somebody
// collects.
type selfMetrics struct {
	relay        *Relay
	registration metric.Registration
	instruments  [len(descriptions)]metric.Int64Observable
	own          metric.ObserveOption
	reasons      [len(reasons)]metric.ObserveOption
	gone         atomic.Bool // set when the relay is shut down
}

// description is an instrument that reads the books.
type description struct {
	name, unit, text string
	gauge            bool
	read             func(*Stats) uint64 // nil: dropped, by reason
}

var descriptions = [...]description{
	{"stats.relay.offered", "{data_point}", "Points that the relay was given.", false,
		func(s *Stats) uint64 { return s.Offered }},
	{"stats.relay.relayed", "{data_point}", "Points that the next exporter took.", false,
		func(s *Stats) uint64 { return s.Relayed }},
	{"stats.relay.failed", "{data_point}", "Points that the next exporter returned an error for, the last time they were tried.", false,
		func(s *Stats) uint64 { return s.Failed }},
	{"stats.relay.dropped", "{data_point}", "Points that the relay dropped, by reason.", false, nil},
	{"stats.relay.queued", "{data_point}", "Points that wait or are being exported.", true,
		func(s *Stats) uint64 { return s.Queued }},
	{"stats.relay.memory", "By", "Memory that queued points take, about.", true,
		func(s *Stats) uint64 { return uint64(s.Memory) }},
	{"stats.relay.requests", "{request}", "Calls of the next exporter.", false,
		func(s *Stats) uint64 { return s.Requests }},
	{"stats.relay.retries", "{request}", "Calls of the next exporter with points that had failed before.", false,
		func(s *Stats) uint64 { return s.Retries }},
}

// start makes the instruments and registers the callback. What a provider refuses is
// reported to OpenTelemetry's error handler.
func (m *selfMetrics) start(r *Relay) {
	m.relay = r
	mp := r.config.meterProvider
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	name := attribute.String("otel.component.name", scopeName+".Relay/"+strconv.FormatInt(relays.Add(1)-1, 10))
	m.own = metric.WithAttributeSet(attribute.NewSet(name))
	for i, reason := range reasons {
		m.reasons[i] = metric.WithAttributeSet(attribute.NewSet(name, attribute.String("reason", reason.name)))
	}
	meter := mp.Meter(scopeName, metric.WithInstrumentationVersion(version.Version()))
	var errs []error
	var observables []metric.Observable
	for i, d := range descriptions {
		var err error
		if d.gauge {
			m.instruments[i], err = meter.Int64ObservableGauge(d.name, metric.WithUnit(d.unit), metric.WithDescription(d.text))
		} else {
			m.instruments[i], err = meter.Int64ObservableCounter(d.name, metric.WithUnit(d.unit), metric.WithDescription(d.text))
		}
		if err != nil {
			errs = append(errs, err)
			m.instruments[i] = nil
			continue
		}
		observables = append(observables, m.instruments[i])
	}
	var err error
	m.registration, err = meter.RegisterCallback(m.collect, observables...)
	if err = errors.Join(append(errs, err)...); err != nil {
		otel.Handle(fmt.Errorf("otelgram: self-metrics: %w", err))
	}
}

// stop has the instruments read nothing any more. The SDK unregisters when the callbacks
// under way have returned, and other people's may not return for long: it is waited for
// until ctx ends.
func (m *selfMetrics) stop(ctx context.Context) {
	m.gone.Store(true)
	if m.registration == nil {
		return
	}
	unregister := func(context.Context) error {
		if err := m.registration.Unregister(); err != nil {
			otel.Handle(fmt.Errorf("otelgram: self-metrics: %w", err))
		}
		return nil
	}
	_ = until(ctx, unregister)
}

// collect is the callback. It never fails: an error would cost the SDK's whole
// collection. Reasons that never occurred are not observed.
func (m *selfMetrics) collect(_ context.Context, o metric.Observer) error {
	if m.gone.Load() {
		return nil
	}
	s := m.relay.Stats()
	for i, d := range descriptions {
		switch {
		case m.instruments[i] == nil:
		case d.read != nil:
			o.ObserveInt64(m.instruments[i], int64(d.read(&s)), m.own)
		default:
			for j, reason := range reasons {
				if n := reason.read(&s.Dropped); n > 0 {
					o.ObserveInt64(m.instruments[i], int64(n), m.reasons[j])
				}
			}
		}
	}
	return nil
}
