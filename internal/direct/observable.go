package direct

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/aggregate"
)

// observed is what RegisterCallback looks for in the instruments that it is given.
type observed interface {
	observedCore() *core
	observedStream() aggregate.Observed // nil: nothing is recorded
}

func (c *core) observedCore() *core { return c }

func (i *instrument[N]) observedStream() aggregate.Observed {
	if i.stream == nil {
		return nil
	}
	return i.stream
}

// self gives access to the instrument in an observable of the API.
func (i *instrument[N]) self() *instrument[N] { return i }

// The six observable instruments differ only in their interfaces. What they observe is an
// absolute value, see [aggregate.Round]. Observations of one round that meet in one series
// add up, as in the SDK's precomputed sums. The embedded API interfaces are nil; they carry
// unexported methods that mark the type.

type int64ObservableCounter struct {
	metric.Int64Observable
	embedded.Int64ObservableCounter
	instrument[int64]
}

type int64ObservableUpDownCounter struct {
	metric.Int64Observable
	embedded.Int64ObservableUpDownCounter
	instrument[int64]
}

type int64ObservableGauge struct {
	metric.Int64Observable
	embedded.Int64ObservableGauge
	instrument[int64]
}

type float64ObservableCounter struct {
	metric.Float64Observable
	embedded.Float64ObservableCounter
	instrument[float64]
}

type float64ObservableUpDownCounter struct {
	metric.Float64Observable
	embedded.Float64ObservableUpDownCounter
	instrument[float64]
}

type float64ObservableGauge struct {
	metric.Float64Observable
	embedded.Float64ObservableGauge
	instrument[float64]
}

func (m *meter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableCounter, true, name, c, opts)
	i := &int64ObservableCounter{instrument: newInstrument[int64](m, d)}
	registerInt64(&i.instrument, c.Callbacks())
	return i, err
}

func (m *meter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableUpDownCounter, true, name, c, opts)
	i := &int64ObservableUpDownCounter{instrument: newInstrument[int64](m, d)}
	registerInt64(&i.instrument, c.Callbacks())
	return i, err
}

func (m *meter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableGauge, true, name, c, opts)
	i := &int64ObservableGauge{instrument: newInstrument[int64](m, d)}
	registerInt64(&i.instrument, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableCounter, false, name, c, opts)
	i := &float64ObservableCounter{instrument: newInstrument[float64](m, d)}
	registerFloat64(&i.instrument, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableUpDownCounter(name string, opts ...metric.Float64ObservableUpDownCounterOption) (metric.Float64ObservableUpDownCounter, error) {
	c := metric.NewFloat64ObservableUpDownCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableUpDownCounter, false, name, c, opts)
	i := &float64ObservableUpDownCounter{instrument: newInstrument[float64](m, d)}
	registerFloat64(&i.instrument, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableGauge, false, name, c, opts)
	i := &float64ObservableGauge{instrument: newInstrument[float64](m, d)}
	registerFloat64(&i.instrument, c.Callbacks())
	return i, err
}
