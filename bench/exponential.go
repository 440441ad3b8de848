package main

import (
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/exporter"
)

var (
	withExponential   = exporter.WithAggregationSelector(exponentialSelector)
	exponentialReader = sdkmetric.WithAggregationSelector(exponentialSelector)
)

// exponentialSelector has histograms be exponential ones, of the size that is usual.
func exponentialSelector(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}
