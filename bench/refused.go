package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
)

const (
	refusedCalls = 200_000
	// evictedAtOnce is more than what makes room for one measurement at once.
	evictedAtOnce = 64
)

// unrecordedExperiment is about calls by name that are refused.
var unrecordedExperiment = experiment{
	name: "RecordMetric refused",
	lines: []line{
		{"RecordMetric refused: ring full", "ns", (*cost).nanos, 0, alone, none},
		{"RecordMetric refused: after Shutdown", "ns", (*cost).nanos, 1, alone, none},
	},
	setup: func(quick bool) ([]side, error) {
		full, err := newFull()
		if err != nil {
			return nil, err
		}
		stopped, err := newSender(plainRole)
		if err != nil {
			return nil, errors.Join(err, full.stop())
		}
		if err := stopped.exp.Shutdown(context.Background()); err != nil {
			return nil, errors.Join(err, full.stop(), stopped.stop())
		}
		n := repeats(quick, refusedCalls)
		return []side{
			{"ring full", func() (cost, error) { return full.refused(n, full.recordOne) }, full.stop},
			{"after Shutdown", func() (cost, error) { return stopped.refused(n, stopped.recordOne) }, stopped.stop},
		}, nil
	},
}

// unaddedExperiment is about what Add does when there is no room: it leaves the
// new measurement out, or the oldest one.
var unaddedExperiment = experiment{
	name: "counter.Add refused",
	lines: []line{
		{"counter.Add, kept options, refused: ring full", "ns", (*cost).nanos, 0, alone, none},
		{"counter.Add, kept options, evicting the oldest", "ns", (*cost).nanos, 1, alone, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, refusedCalls)
		for _, s := range []struct {
			name     string
			strategy drop.Strategy
		}{{"ring full", drop.Newest()}, {"evicting", drop.Oldest()}} {
			full, err := newFull(exporter.WithDropStrategy(s.strategy))
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{s.name, nil, full.stop})
			counter, err := full.exp.MeterProvider().Meter(scopeName).Int64Counter(requestCount)
			if err != nil {
				return sides, err
			}
			kept := []metric.AddOption{metric.WithAttributeSet(attributesOf(0))}
			add := func() { counter.Add(context.Background(), 1, kept...) }
			sides[len(sides)-1].round = func() (cost, error) { return full.refused(n, add) }
		}
		return sides, nil
	},
}

// newFull starts an exporter that sends a packet a second: its ring stays full.
func newFull(opts ...exporter.Option) (*sender, error) {
	return newSender(plainRole, append(opts, exporter.WithFlushInterval(0), exporter.WithPacing(1, 1))...)
}

func (s *sender) recordOne() { s.exp.RecordMetric(requestCount, 1, tagSets[0]...) }

// refused makes calls until one loses a measurement, then so many more. What is
// still taken, while a packet leaves, is so little that it does not weigh. Each
// call must be in the books.
func (s *sender) refused(calls int, record func()) (cost, error) {
	start := s.exp.Stats().Dropped.Total()
	for s.exp.Stats().Dropped.Total() == start {
		record()
	}
	before := s.exp.Stats()
	c := cost{points: calls, elapsed: timed(func() {
		for range calls {
			record()
		}
	})}
	after := s.exp.Stats()
	c.dropped = counted(int(after.Dropped.Total() - before.Dropped.Total()))
	if after.Offered-before.Offered != uint64(calls) || c.dropped.n < calls*9/10 || c.dropped.n > calls+evictedAtOnce {
		return c, fmt.Errorf("%d of %d calls lost a measurement: %+v before, %+v after", c.dropped.n, calls, before, after)
	}
	return c, nil
}

// stop ends an exporter that cannot send what it holds.
func (s *sender) stop() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.exp.Shutdown(ctx) // its error says what was not sent
	sent := s.exp.Stats()
	var err error
	if sent.Offered != sent.Sent+sent.Dropped.Total() {
		err = fmt.Errorf("books: %+v", sent)
	}
	return errors.Join(err, s.sink.books(sent.Sent), s.sink.close())
}
