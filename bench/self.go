package main

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// collectEvery is how often the watched side is collected: a hundred times as often
// as anybody does.
const collectEvery = 100 * time.Millisecond

// selfExperiment is about what it costs to record that the exporter counts itself.
var selfExperiment = experiment{
	name: "self-metrics", least: 15,
	lines: []line{
		{"RecordMetric, self-metrics collected, the other without", "ns", (*cost).nanos, 0, 1, none},
		{"RecordMetric, self-metrics collected, allocations", "allocs", (*cost).allocs, 0, 1, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		stop := make(chan struct{})
		collected := make(chan struct{})
		go func() {
			defer close(collected)
			collectUntil(stop, reader)
		}()
		n := directBursts
		if quick {
			n = 1
		}
		for _, s := range []struct {
			name string
			opt  exporter.Option
			end  func() error
		}{
			{"collected", exporter.WithMeterProvider(provider), func() error {
				close(stop)
				<-collected
				return provider.Shutdown(context.Background())
			}},
			{"without", exporter.WithMeterProvider(noop.NewMeterProvider()), nothing},
		} {
			at, err := startChild(totalsRole)
			if err != nil {
				return sides, err
			}
			m, err := newMeasurer(at, s.opt)
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{
				s.name,
				func() (cost, error) { return m.inBursts(n, func(calls int) { recordTags(m.exp, calls) }) },
				func() error { return errors.Join(m.end(), s.end()) },
			})
		}
		return sides, nil
	},
}

// collectUntil collects again and again.
func collectUntil(stop <-chan struct{}, reader sdkmetric.Reader) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			var rm metricdata.ResourceMetrics
			_ = reader.Collect(context.Background(), &rm) // what it sees is not of interest
		case <-stop:
			return
		}
	}
}
