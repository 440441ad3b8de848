package aggregate

import (
	"strings"

	"go.opentelemetry.io/otel/sdk/instrumentation"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// Kind is how the measurements of a stream become points.
type Kind uint8

// The kinds.
const (
	Sum         Kind = iota + 1 // adds up
	LastValue                   // keeps the last
	Precomputed                 // a sum that is observed, not added up
	Explicit                    // a histogram with given bounds
	Exponential                 // a base-2 exponential histogram
)

// wire is what the points of a kind are. Whether they have a distribution and a temporality
// follows from it.
func (k Kind) wire() wire.Kind {
	switch k {
	case LastValue:
		return wire.Gauge
	case Explicit:
		return wire.Histogram
	case Exponential:
		return wire.ExponentialHistogram
	}
	return wire.Sum
}

// Config describes a stream: a metric of one scope, and how it is aggregated. The stream
// keeps the scope and the bounds as they are, and copies of the other strings.
type Config struct {
	Scope                   instrumentation.Scope
	Name, Unit, Description string
	Instrument              string // the kind of instrument, for messages
	Kind                    Kind
	Monotonic               bool
	Delta                   bool
	// Observed says that only callbacks measure. What they did not observe since the last
	// collection is neither sent nor kept.
	Observed          bool
	Bounds            []float64 // Explicit
	MaxSize, MaxScale int32     // Exponential
	NoMinMax          bool
	// NoSum leaves out a histogram's sum, since a sum of measurements that may be negative
	// is no counter (opentelemetry-specification, metrics/sdk.md, "Histogram
	// Aggregations").
	NoSum bool
	// Own says that this is one of the exporter's own metrics.
	Own bool
	// Events takes the measurements one by one. If it is nil, they are aggregated. Priority
	// is the priority of the measurements for Events.
	Events   Events
	Priority drop.Priority
}

// distributed reports whether points have a distribution.
func (c *Config) distributed() bool {
	k := c.Kind.wire()
	return k == wire.Histogram || k == wire.ExponentialHistogram
}

// delta reports whether points are deltas. Gauges have no temporality.
func (c *Config) delta() bool { return c.Delta && c.Kind.wire() != wire.Gauge }

func (c *Config) metricKey(integer bool) intern.MetricKey {
	return intern.MetricKey{
		Name: c.Name, Unit: c.Unit, Description: c.Description,
		Kind: c.Kind.wire(), Integer: integer, Monotonic: c.Monotonic, Delta: c.delta(),
	}
}

// About what things take besides their strings and lists, in bytes.
const (
	streamCost = 768
	seriesCost = 320
	stripeCost = 96
	bucketCost = 9 // the allocator rounds up

	// mostBuckets bounds the buckets for which a histogram is charged. To fill more, it
	// would need as many distinct values.
	mostBuckets = 1 << 26
)

// stripeCost returns about what a stripe of a histogram takes at most.
func (c *Config) stripeCost() int64 {
	switch c.Kind {
	case Explicit:
		return int64(stripeCost + bucketCost*len(c.Bounds))
	case Exponential:
		return stripeCost + 2*bucketCost*min(int64(c.MaxSize), mostBuckets)
	}
	return 0
}

// own replaces the caller's strings by copies.
func (c *Config) own() {
	c.Name, c.Unit, c.Description = strings.Clone(c.Name), strings.Clone(c.Unit), strings.Clone(c.Description)
}
