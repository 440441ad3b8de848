package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

const (
	defaultRing = 16384
	bigRing     = 32768 // of HighThroughput

	// halfRing is the largest burst into a ring of the default size.
	halfRing = defaultRing / 2

	handoffBursts = 10
	otlpExports   = 20
	refusals      = 200
)

var (
	instrumentsExperiment = handoffExperiment("1,000 counters", 1000, 1)
	seriesExperiment      = handoffExperiment("1,000 series", 1, 1000)
)

func handoffExperiment(what string, instruments, series int) experiment {
	return experiment{
		name: what,
		lines: []line{
			{"Export alone, " + what, "ns/point", (*cost).nanos, 0, 1, target{ratioAtMost, 1.0 / 15}},
			{"Export to socket, packets of 1472 bytes, allocations, " + what, "allocs/point", (*cost).allocs, 0, 1, target{valueAtMost, 0.01}},
			{"Export to socket, packets of 1472 bytes, all CPU, " + what, "ns/point", (*cost).cpuNanos, 0, 1, target{ratioAtMost, 1.0 / 8}},
			{"Export to socket, packets of 1472 bytes, all CPU, without pacing, " + what, "ns/point", (*cost).cpuNanos, 2, 1, none},
		},
		setup: func(quick bool) ([]side, error) {
			rm := counters(instruments, series)
			size := exporter.WithMaxPacketSize(packetSize)
			ours, err := newSender(decoderRole, size)
			if err != nil {
				return nil, err
			}
			other, err := newOTLP()
			if err != nil {
				return nil, errors.Join(err, ours.end())
			}
			unpaced, err := newSender(decoderRole, size, exporter.WithPacing(0, 0))
			if err != nil {
				return nil, errors.Join(err, ours.end(), other.end())
			}
			n := repeats(quick, handoffBursts)
			return []side{
				{"otelgram", func() (cost, error) { return handOver(ours, rm, n) }, ours.end},
				{"OTLP/HTTP", func() (cost, error) { return other.exportAll(rm, repeats(quick, otlpExports)) }, other.end},
				{"otelgram without pacing", func() (cost, error) { return handOver(unpaced, rm, n) }, unpaced.end},
			}, nil
		},
	}
}

// handOver exports rm in bursts of at most half the ring. The time is that of
// Export alone: between bursts the ring drains.
func handOver(s *sender, rm *metricdata.ResourceMetrics, bursts int) (c cost, err error) {
	points := countPoints(rm)
	before := s.exp.Stats()
	for range bursts {
		times := max(1, halfRing/points)
		c.points += times * points
		c.elapsed += timed(func() { err = s.export(rm, times) })
		if err != nil {
			return c, err
		}
		if err := s.settled(&c, before); err != nil {
			return c, err
		}
	}
	_, err = s.arrived(&c)
	return c, err
}

// otlp is OpenTelemetry's exporter and a child that takes what it sends.
type otlp struct {
	exp  *otlpmetrichttp.Exporter
	sink sink
}

func newOTLP() (*otlp, error) {
	c, err := startChild(collectorRole)
	if err != nil {
		return nil, err
	}
	exp, err := otlpmetrichttp.New(context.Background(),
		otlpmetrichttp.WithEndpoint(c.address()), otlpmetrichttp.WithInsecure())
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &otlp{exp: exp, sink: c}, nil
}

func (o *otlp) exportAll(rm *metricdata.ResourceMetrics, times int) (c cost, err error) {
	c.points = times * countPoints(rm)
	c.elapsed = timed(func() {
		for range times {
			if err = o.exp.Export(context.Background(), rm); err != nil {
				return
			}
		}
	})
	return c, err
}

func (o *otlp) end() error {
	return errors.Join(o.exp.Shutdown(context.Background()), o.sink.close())
}

// refusedExperiment is about calls that come in after Shutdown.
var refusedExperiment = experiment{
	name: "refused",
	lines: []line{
		{"Export refused: after Shutdown, 1,000 counters", "ns/point", (*cost).nanos, 0, 1, none},
	},
	setup: func(quick bool) ([]side, error) {
		rm := counters(1000, 1)
		ours, err := newSender(plainRole, exporter.WithMaxPacketSize(packetSize))
		if err != nil {
			return nil, err
		}
		other, err := newOTLP()
		if err != nil {
			return nil, errors.Join(err, ours.end())
		}
		err = errors.Join(ours.exp.Shutdown(context.Background()), other.exp.Shutdown(context.Background()))
		if err != nil {
			return nil, errors.Join(err, ours.end(), other.sink.close())
		}
		times := repeats(quick, refusals)
		return []side{
			{"otelgram", func() (cost, error) { return refuse(ours, rm, times) }, ours.end},
			{"OTLP/HTTP", func() (cost, error) { return other.refuse(rm, times) }, other.sink.close},
		}, nil
	},
}

// refuse wants every point counted as dropped because of the shutdown.
func refuse(s *sender, rm *metricdata.ResourceMetrics, times int) (cost, error) {
	c := cost{points: times * countPoints(rm)}
	before := s.exp.Stats()
	c.elapsed = timed(func() {
		for range times {
			_ = s.exp.Export(context.Background(), rm) // checked below, by what it counted
		}
	})
	after := s.exp.Stats()
	c.dropped = counted(int(after.Dropped.Shutdown - before.Dropped.Shutdown))
	if c.dropped.n != c.points || after.Offered-before.Offered != uint64(c.points) {
		return c, fmt.Errorf("%d points refused: %+v before, %+v after", c.points, before, after)
	}
	return c, nil
}

func (o *otlp) refuse(rm *metricdata.ResourceMetrics, times int) (cost, error) {
	c := cost{points: times * countPoints(rm)}
	accepted := 0
	c.elapsed = timed(func() {
		for range times {
			if o.exp.Export(context.Background(), rm) == nil {
				accepted++
			}
		}
	})
	if accepted > 0 {
		return c, fmt.Errorf("%d calls accepted after Shutdown", accepted)
	}
	return c, nil
}
