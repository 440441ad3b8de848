package direct

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// meter creates the instruments of one scope.
type meter struct {
	embedded.Meter
	provider *Provider
	scope    instrumentation.Scope
	fate     fate // of its instruments, unless it is recorded
}

// scopeKey tells scopes apart. A scope itself is not comparable: an attribute may hold NaN.
type scopeKey struct {
	name, version, schemaURL string
	attributes               attribute.Distinct
}

func keyOf(s *instrumentation.Scope) scopeKey {
	return scopeKey{s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
}

// is reports whether other stands for the same scope of the same provider: not every meter
// is kept.
func (m *meter) is(other *meter) bool {
	return m == other || m.provider == other.provider && keyOf(&m.scope) == keyOf(&other.scope)
}

var _ metric.Meter = (*meter)(nil)

// config is what the API's nine config types have in common.
type config interface {
	Description() string
	Unit() string
}

// describe makes a description. The error says what is wrong with the name. The instrument
// works all the same.
func describe[O any](kind sdkmetric.InstrumentKind, integer bool, name string, c config, opts []O) (description, error) {
	d := description{kind: kind, name: name, unit: c.Unit(), text: c.Description(), integer: integer}
	d.keys, d.limited = allowedKeys(opts)
	return d, validateName(name)
}

// describeHistogram adds the advised bounds, if they are valid.
func describeHistogram[O any](integer bool, name string, c interface {
	config
	ExplicitBucketBoundaries() []float64
}, opts []O) (description, error) {
	d, err := describe(sdkmetric.InstrumentKindHistogram, integer, name, c, opts)
	if bounds := c.ExplicitBucketBoundaries(); len(bounds) > 0 {
		if !ascending(bounds) {
			return d, fmt.Errorf("histogram %q: bucket boundaries %v are not in ascending order: the defaults are used", name, bounds)
		}
		d.bounds, d.advised = slices.Clone(bounds), true
	}
	return d, err
}

// ascending reports whether each bound is greater than the one before.
func ascending(bounds []float64) bool {
	for i := 1; i < len(bounds); i++ {
		if !(bounds[i-1] < bounds[i]) { // NaN is not
			return false
		}
	}
	return true
}

func (m *meter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	d, err := describe(sdkmetric.InstrumentKindCounter, true, name, metric.NewInt64CounterConfig(opts...), opts)
	return &int64Counter{instrument: newInstrument[int64](m, d)}, err
}

func (m *meter) Int64UpDownCounter(name string, opts ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	d, err := describe(sdkmetric.InstrumentKindUpDownCounter, true, name, metric.NewInt64UpDownCounterConfig(opts...), opts)
	return &int64UpDownCounter{instrument: newInstrument[int64](m, d)}, err
}

func (m *meter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	d, err := describeHistogram(true, name, metric.NewInt64HistogramConfig(opts...), opts)
	return &int64Histogram{instrument: newInstrument[int64](m, d)}, err
}

func (m *meter) Int64Gauge(name string, opts ...metric.Int64GaugeOption) (metric.Int64Gauge, error) {
	d, err := describe(sdkmetric.InstrumentKindGauge, true, name, metric.NewInt64GaugeConfig(opts...), opts)
	return &int64Gauge{instrument: newInstrument[int64](m, d)}, err
}

func (m *meter) Float64Counter(name string, opts ...metric.Float64CounterOption) (metric.Float64Counter, error) {
	d, err := describe(sdkmetric.InstrumentKindCounter, false, name, metric.NewFloat64CounterConfig(opts...), opts)
	return &float64Counter{instrument: newInstrument[float64](m, d)}, err
}

func (m *meter) Float64UpDownCounter(name string, opts ...metric.Float64UpDownCounterOption) (metric.Float64UpDownCounter, error) {
	d, err := describe(sdkmetric.InstrumentKindUpDownCounter, false, name, metric.NewFloat64UpDownCounterConfig(opts...), opts)
	return &float64UpDownCounter{instrument: newInstrument[float64](m, d)}, err
}

func (m *meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	d, err := describeHistogram(false, name, metric.NewFloat64HistogramConfig(opts...), opts)
	return &float64Histogram{instrument: newInstrument[float64](m, d)}, err
}

func (m *meter) Float64Gauge(name string, opts ...metric.Float64GaugeOption) (metric.Float64Gauge, error) {
	d, err := describe(sdkmetric.InstrumentKindGauge, false, name, metric.NewFloat64GaugeConfig(opts...), opts)
	return &float64Gauge{instrument: newInstrument[float64](m, d)}, err
}
