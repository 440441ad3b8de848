package exporter

import (
	"slices"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/direct"
)

// selected is what the user's selectors answered for each kind of instrument. It does not
// change after ask has made it.
type selected struct {
	temporality map[sdkmetric.InstrumentKind]metricdata.Temporality
	aggregation map[sdkmetric.InstrumentKind]sdkmetric.Aggregation
}

// ask asks the selectors about each kind of instrument.
func ask(t sdkmetric.TemporalitySelector, a sdkmetric.AggregationSelector) selected {
	s := selected{
		temporality: map[sdkmetric.InstrumentKind]metricdata.Temporality{},
		aggregation: map[sdkmetric.InstrumentKind]sdkmetric.Aggregation{},
	}
	for _, k := range direct.Kinds {
		s.temporality[k] = t(k)
		answer := a(k)
		if own, ok := answer.(sdkmetric.AggregationExplicitBucketHistogram); ok {
			own.Boundaries = slices.Clone(own.Boundaries) // the slice stays the user's
			answer = own
		}
		s.aggregation[k] = answer
	}
	return s
}

// directResource returns the resource of the direct path. It treats r as the SDK's provider
// treats the resource of its option WithResource. Without r it is the default.
func directResource(r *resource.Resource) *resource.Resource {
	if r == nil {
		return resource.Default()
	}
	merged, err := resource.Merge(resource.Environment(), r)
	if err != nil {
		otel.Handle(err)
	}
	return merged
}
