package receiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/internal/version"
)

const (
	// scopeName is the instrumentation scope of the receiver's own metrics.
	scopeName = "github.com/otelgram/otelgram/receiver"
	// stopTimeout is how long Close waits for other people's callbacks.
	stopTimeout = time.Second
)

// selfMetrics are the receiver's own instruments, which read the books when
// somebody collects.
type selfMetrics struct {
	receiver     *Receiver
	registration metric.Registration
	instruments  [len(descriptions)]metric.Int64Observable
	local        metric.ObserveOption
	causes       map[string]metric.ObserveOption
	gone         atomic.Bool // set when the receiver is closed
}

// description is an instrument that reads the books.
type description struct {
	name, unit, text string
	gauge            bool
	read             func(*view) int64 // nil: rejected, by cause
}

// view is what a collection sees of the receiver.
type view struct {
	Stats
	sessions int
}

var descriptions = [...]description{
	{"stats.receiver.packets", "{packet}", "Packets received for the first time, reports included.", false,
		func(v *view) int64 { return int64(v.Packets.Received) }},
	{"stats.receiver.points", "{data_point}", "Points received for the first time.", false,
		func(v *view) int64 { return int64(v.Points.Received) }},
	{"stats.receiver.delivered", "{data_point}", "Points given to the handler.", false,
		func(v *view) int64 { return int64(v.Points.Delivered) }},
	{"stats.receiver.lost", "{data_point}", "Points sent that are missing for a second or more; one that comes later is taken off.", true,
		func(v *view) int64 { return int64(v.Points.Lost) }},
	{"stats.receiver.duplicate", "{data_point}", "Points that arrived again.", false,
		func(v *view) int64 { return int64(v.Points.Duplicate) }},
	{"stats.receiver.late", "{data_point}", "Points that arrived too late to tell whether again.", false,
		func(v *view) int64 { return int64(v.Points.Late) }},
	{"stats.receiver.overrun", "{data_point}", "Points that had no place in the queue of the handler.", false,
		func(v *view) int64 { return int64(v.Points.Overrun) }},
	{"stats.receiver.rejected", "{packet}", "Packets that were not taken, by cause.", false, nil},
	{"stats.receiver.kernel.drops", "{packet}", "Packets that the kernel dropped at the socket.", false,
		func(v *view) int64 { return int64(v.KernelDrops) }},
	{"stats.receiver.queued", "{packet}", "Packets that wait to be decoded.", true,
		func(v *view) int64 { return int64(v.Queued) }},
	{"stats.receiver.clones", "{session}", "Sessions that sent the numbers of another again: of a machine that was copied or put back.", false,
		func(v *view) int64 { return int64(v.Clones) }},
	{"stats.receiver.sessions", "{session}", "Sessions heard of in the last ten minutes.", true,
		func(v *view) int64 { return int64(v.sessions) }},
}

// start makes the instruments and registers the callback. What a provider refuses
// is reported to OpenTelemetry's error handler.
func (m *selfMetrics) start(r *Receiver) {
	m.receiver = r
	mp := r.config.meterProvider
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	// Several receivers of a process differ by their address.
	local := localAddress(r.Addr())
	m.local = metric.WithAttributeSet(attribute.NewSet(local...))
	m.causes = map[string]metric.ObserveOption{}
	for cause := range (&Rejected{}).byName() {
		m.causes[cause] = metric.WithAttributeSet(attribute.NewSet(append(local, attribute.String("cause", cause))...))
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

// localAddress tells receivers apart as OpenTelemetry's semantic conventions have
// it: address and port, or the path of a Unix socket.
func localAddress(a net.Addr) []attribute.KeyValue {
	if u, ok := a.(*net.UDPAddr); ok {
		return []attribute.KeyValue{
			attribute.String("network.local.address", u.AddrPort().Addr().Unmap().String()),
			attribute.Int("network.local.port", u.Port),
		}
	}
	return []attribute.KeyValue{attribute.String("network.local.address", a.String())}
}

// stop takes the callback out. The SDK unregisters when the
// callbacks under way have returned, and other people's may not return for long.
func (m *selfMetrics) stop() {
	if m.registration == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.registration.Unregister(); err != nil {
			otel.Handle(fmt.Errorf("otelgram: self-metrics: %w", err))
		}
	}()
	select {
	case <-done:
	case <-time.After(stopTimeout):
	}
}

// collect is the callback. It never fails: an error would cost the SDK's whole
// collection.
func (m *selfMetrics) collect(_ context.Context, o metric.Observer) error {
	if m.gone.Load() {
		return nil
	}
	v := m.receiver.view()
	for i, d := range descriptions {
		if m.instruments[i] == nil {
			continue
		}
		if d.read != nil {
			o.ObserveInt64(m.instruments[i], d.read(&v), m.local)
			continue
		}
		for cause, n := range v.Rejected.byName() {
			o.ObserveInt64(m.instruments[i], int64(n), m.causes[cause])
		}
	}
	return nil
}

func (r *Receiver) view() view {
	v := view{Stats: r.totals()}
	r.mu.Lock()
	defer r.mu.Unlock()
	v.sessions = r.table.len()
	return v
}

// byName returns the causes as the self-metrics name them.
func (r *Rejected) byName() map[string]uint64 {
	return map[string]uint64{
		"foreign_source": r.ForeignSource, "too_long": r.TooLong, "too_short": r.TooShort, "unknown_version": r.UnknownVersion, "unknown_flag": r.UnknownFlag,
		"bad_checksum": r.BadChecksum, "malformed": r.Malformed, "over_budget": r.OverBudget, "incomplete": r.Incomplete,
	}
}
