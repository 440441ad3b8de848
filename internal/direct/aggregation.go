package direct

import (
	"errors"
	"fmt"
	"slices"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/aggregate"
)

// Kinds are the kinds of instruments.
var Kinds = [...]sdkmetric.InstrumentKind{
	sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindUpDownCounter, sdkmetric.InstrumentKindHistogram, sdkmetric.InstrumentKindGauge,
	sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindObservableUpDownCounter, sdkmetric.InstrumentKindObservableGauge,
}

// aggregations is how the measurements of each kind of instrument are aggregated.
type aggregations map[sdkmetric.InstrumentKind]sdkmetric.Aggregation

// choose asks s about each kind. An answer that does not fit is reported, and the kind's
// default taken. The SDK does the same for bad parameters, and loses the measurements if
// the aggregation does not fit the kind.
func choose(s sdkmetric.AggregationSelector, report func(error) bool) aggregations {
	chosen := aggregations{}
	for _, k := range Kinds {
		a := s(k)
		if err := unfit(k, a); err != nil {
			report(fmt.Errorf("otelgram: aggregation of %v: %w: the default is used", k, err))
			a = nil
		}
		switch own := a.(type) {
		case nil, sdkmetric.AggregationDefault:
			a = sdkmetric.DefaultAggregationSelector(k)
		case sdkmetric.AggregationExplicitBucketHistogram:
			own.Boundaries = slices.Clone(own.Boundaries)
			a = own
		}
		chosen[k] = a
	}
	return chosen
}

// unfit says why a cannot be the aggregation of a kind.
func unfit(k sdkmetric.InstrumentKind, a sdkmetric.Aggregation) error {
	gauge := k == sdkmetric.InstrumentKindGauge || k == sdkmetric.InstrumentKindObservableGauge
	switch a := a.(type) {
	case nil, sdkmetric.AggregationDefault, sdkmetric.AggregationDrop:
	case sdkmetric.AggregationSum:
		if gauge {
			return errors.New("values of a gauge do not add up")
		}
	case sdkmetric.AggregationLastValue:
		if !gauge {
			return errors.New("the last value is for gauges alone")
		}
	case sdkmetric.AggregationExplicitBucketHistogram:
		if !ascending(a.Boundaries) {
			return fmt.Errorf("boundaries %v are not in ascending order", a.Boundaries)
		}
	case sdkmetric.AggregationBase2ExponentialHistogram:
		if a.MaxSize <= 0 {
			return fmt.Errorf("maximum size %d is not positive", a.MaxSize)
		}
		if a.MaxScale < aggregate.MinScale || a.MaxScale > aggregate.MaxScale {
			return fmt.Errorf("maximum scale %d is not between %d and %d", a.MaxScale, aggregate.MinScale, aggregate.MaxScale)
		}
	default:
		return fmt.Errorf("unknown aggregation %T", a)
	}
	return nil
}

// aggregate sets how the measurements of d are aggregated, and returns false if they are to
// be dropped.
func (chosen aggregations) aggregate(c *aggregate.Config, d description) bool {
	switch a := chosen[d.kind].(type) {
	case sdkmetric.AggregationDrop:
		return false
	case sdkmetric.AggregationLastValue:
		c.Kind, c.Observed = aggregate.LastValue, observable(d.kind)
	case sdkmetric.AggregationExplicitBucketHistogram:
		c.Kind, c.Bounds, c.NoMinMax = aggregate.Explicit, a.Boundaries, a.NoMinMax
		if d.advised {
			c.Bounds = d.bounds
		}
		c.NoSum = !monotonic(d.kind)
	case sdkmetric.AggregationBase2ExponentialHistogram:
		c.Kind, c.MaxSize, c.MaxScale, c.NoMinMax = aggregate.Exponential, a.MaxSize, a.MaxScale, a.NoMinMax
		c.NoSum = !monotonic(d.kind)
	default:
		c.Kind, c.Monotonic = aggregate.Sum, monotonic(d.kind)
		if observable(d.kind) {
			c.Kind, c.Observed = aggregate.Precomputed, true
		}
	}
	return true
}

// monotonic reports whether a sum of a kind's measurements only grows. The sum of a
// histogram does by the SDK's convention.
func monotonic(k sdkmetric.InstrumentKind) bool {
	switch k {
	case sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindHistogram:
		return true
	}
	return false
}
