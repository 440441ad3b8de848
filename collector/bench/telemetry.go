package main

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
)

// newMeterProvider returns a provider for the metrics of a receiver, as a Collector has:
// that of the SDK, without what a Collector leaves out by default.
func newMeterProvider() (*sdkmetric.ManualReader, *sdkmetric.MeterProvider) {
	reader := sdkmetric.NewManualReader()
	return reader, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(
		dropped("go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"),
		dropped("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"),
	))
}

func dropped(scope string) sdkmetric.View {
	return func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		return sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}, i.Scope.Name == scope
	}
}

// telemetrySettings are those of a Collector without tracing. Warnings and errors go to
// standard error.
func telemetrySettings(provider metric.MeterProvider) component.TelemetrySettings {
	set := componenttest.NewNopTelemetrySettings()
	set.MeterProvider = provider
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(zap.WarnLevel)
	if logger, err := config.Build(); err == nil {
		set.Logger = logger
	}
	return set
}

// books returns what the receiver tells of itself: each counter and gauge by name,
// whatever its attributes.
func (r *runningReceiver) books() (map[string]int64, error) {
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &rm); err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for i := range points {
				all[m.Name] += points[i].Value
			}
		}
	}
	return all, nil
}

const (
	// linesMetric is how statsdreceiver says how many lines it has aggregated. It
	// counts each hundred of them.
	linesMetric = "otelcol_receiver_received_statsd_metrics"
	statsdGrain = 100
)

// countingProvider is a provider that also counts what the receiver says of lines.
type countingProvider struct {
	metric.MeterProvider
	counts *counts
}

// Meter returns a meter that also counts.
func (p countingProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return countingMeter{p.MeterProvider.Meter(name, opts...), p.counts}
}

type countingMeter struct {
	metric.Meter
	counts *counts
}

// Int64Counter returns a counter of the provider behind; that of lines also counts.
func (m countingMeter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c, err := m.Meter.Int64Counter(name, opts...)
	if err == nil && name == linesMetric {
		return countingCounter{c, m.counts}, nil
	}
	return c, err
}

type countingCounter struct {
	metric.Int64Counter
	counts *counts
}

// Add counts lines. One that failed is counted for a hundred that did.
func (c countingCounter) Add(ctx context.Context, n int64, opts ...metric.AddOption) {
	c.Int64Counter.Add(ctx, n, opts...)
	if n == statsdGrain {
		c.counts.add(uint64(n))
	}
}
