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

const (
	// collectEvery is how often the watched side is collected: ten thousand
	// times as often as anybody does.
	collectEvery = time.Millisecond
	selfRounds   = 15
)

// selfExperiment is about what it costs to record that the exporter counts itself.
var selfExperiment = experiment{
	name:    "self-metrics",
	atLeast: selfRounds,
	lines: []line{
		{"RecordMetric, self-metrics collected, the other without", "ns", (*cost).nanos, 0, 1, none},
		{"counter.Add, kept options, self-metrics collected, the other without", "ns", (*cost).nanos, 2, 3, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, measurements)
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		watched, err := newMeasurer(directSeries, exporter.WithMeterProvider(provider))
		if err != nil {
			return nil, err
		}
		byName := watched.subject("collected", watched.recordMetric).warm(n)
		byName.end = func() error { return errors.Join(watched.end(), provider.Shutdown(context.Background())) }
		sides = append(sides, byName.whileCollected(reader))
		without, err := newMeasurer(directSeries, exporter.WithMeterProvider(noop.NewMeterProvider()))
		if err != nil {
			return sides, err
		}
		sides = append(sides,
			without.subject("without", without.recordMetric).warm(n),
			watched.subject("collected", watched.addKept).warm(n).whileCollected(reader),
			without.subject("without", without.addKept).warm(n))
		sides[1].end = without.end
		return sides, nil
	},
}

// whileCollected is the side with rounds during which reader collects again and again.
func (s side) whileCollected(reader sdkmetric.Reader) side {
	round := s.round
	s.round = func() (cost, error) {
		stop, stopped := make(chan struct{}), make(chan error)
		go func() { stopped <- collectUntil(stop, reader) }()
		c, err := round()
		close(stop)
		return c, errors.Join(err, <-stopped)
	}
	return s
}

func collectUntil(stop <-chan struct{}, reader sdkmetric.Reader) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stop:
			return nil
		}
	}
}
