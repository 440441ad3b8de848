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
		n := directBursts
		if quick {
			n = 1
		}
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		watched, err := newWatched(exporter.WithMeterProvider(provider))
		if err != nil {
			return nil, err
		}
		sides = append(sides, side{"collected", nil, func() error {
			return errors.Join(watched.end(), provider.Shutdown(context.Background()))
		}})
		without, err := newWatched(exporter.WithMeterProvider(noop.NewMeterProvider()))
		if err != nil {
			return sides, err
		}
		sides[0].round = func() (cost, error) { return whileCollected(reader, n, watched.record, watched.inBursts) }
		return append(sides,
			side{"without", func() (cost, error) { return without.inBursts(n, without.record) }, without.end},
			side{"collected", func() (cost, error) { return whileCollected(reader, n, watched.addKept, watched.inBursts) }, nothing},
			side{"without", func() (cost, error) { return without.inBursts(n, without.addKept) }, nothing},
		), nil
	},
}

// watched is an exporter that is recorded to, by name and by a counter.
type watched struct {
	*measurer
	callers
}

func newWatched(opt exporter.Option) (*watched, error) {
	at, err := startChild(totalsRole)
	if err != nil {
		return nil, err
	}
	m, err := newMeasurer(at, opt)
	if err != nil {
		return nil, err
	}
	c, err := newCallers(m.exp.MeterProvider())
	if err != nil {
		return nil, errors.Join(err, m.end())
	}
	return &watched{m, c}, nil
}

func (w *watched) record(calls int) { recordTags(w.exp, calls) }

// whileCollected makes a round during which reader collects again and again.
func whileCollected(reader sdkmetric.Reader, n int, record func(int), inBursts func(int, func(int)) (cost, error)) (cost, error) {
	stop, stopped := make(chan struct{}), make(chan error)
	go func() { stopped <- collectUntil(stop, reader) }()
	c, err := inBursts(n, record)
	close(stop)
	return c, errors.Join(err, <-stopped)
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
