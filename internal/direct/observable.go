package direct

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// observed is what RegisterCallback looks for in the instruments it is given.
type observed interface{ observedCore() *core }

func (c *core) observedCore() *core { return c }

// The six observable instruments differ in their interfaces and in nothing
// else. What they observe is an absolute value, see [pipeline.Round]: of one round
// it is added up where it meets in one series, as the SDK's precomputed sums. The
// embedded API interfaces are nil; they carry unexported methods that mark the type.

type int64ObservableCounter struct {
	metric.Int64Observable
	embedded.Int64ObservableCounter
	core
}

type int64ObservableUpDownCounter struct {
	metric.Int64Observable
	embedded.Int64ObservableUpDownCounter
	core
}

type int64ObservableGauge struct {
	metric.Int64Observable
	embedded.Int64ObservableGauge
	core
}

type float64ObservableCounter struct {
	metric.Float64Observable
	embedded.Float64ObservableCounter
	core
}

type float64ObservableUpDownCounter struct {
	metric.Float64Observable
	embedded.Float64ObservableUpDownCounter
	core
}

type float64ObservableGauge struct {
	metric.Float64Observable
	embedded.Float64ObservableGauge
	core
}

func (m *meter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableCounter, true, name, c, opts)
	i := &int64ObservableCounter{core: newCore(m, d)}
	m.provider.callbacks.int64(&i.core, c.Callbacks())
	return i, err
}

func (m *meter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableUpDownCounter, true, name, c, opts)
	i := &int64ObservableUpDownCounter{core: newCore(m, d)}
	m.provider.callbacks.int64(&i.core, c.Callbacks())
	return i, err
}

func (m *meter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableGauge, true, name, c, opts)
	i := &int64ObservableGauge{core: newCore(m, d)}
	m.provider.callbacks.int64(&i.core, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableCounter, false, name, c, opts)
	i := &float64ObservableCounter{core: newCore(m, d)}
	m.provider.callbacks.float64(&i.core, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableUpDownCounter(name string, opts ...metric.Float64ObservableUpDownCounterOption) (metric.Float64ObservableUpDownCounter, error) {
	c := metric.NewFloat64ObservableUpDownCounterConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableUpDownCounter, false, name, c, opts)
	i := &float64ObservableUpDownCounter{core: newCore(m, d)}
	m.provider.callbacks.float64(&i.core, c.Callbacks())
	return i, err
}

func (m *meter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(opts...)
	d, err := describe(sdkmetric.InstrumentKindObservableGauge, false, name, c, opts)
	i := &float64ObservableGauge{core: newCore(m, d)}
	m.provider.callbacks.float64(&i.core, c.Callbacks())
	return i, err
}
