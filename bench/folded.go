package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/exporter"
)

const (
	producers     = 2
	foldedSeries  = 1000
	foldedEvents  = 2_000_000 // in a round
	betweenChecks = 256
	// highWater is where producers wait. It leaves room for what the others
	// record between two checks, and is more than the quarter of the ring at
	// which the exporter is woken.
	highWater = 3 * defaultRing / 4
)

var (
	foldedHereExperiment  = foldedExperiment("one process", newTotals)
	foldedThereExperiment = foldedExperiment("receiver in another process", func() (sink, error) {
		return startChild(totalsRole)
	})
)

// foldedExperiment is about measurements on their way from two producers into
// series, and of these to a receiver.
func foldedExperiment(where string, open func() (sink, error)) experiment {
	modes := []struct {
		name string
		with func(*exporter.Exporter) (func(i int), error)
	}{
		{"bound counters", withBound},
		{"RecordMetric", withRecordMetric},
		{"kept options", withKept},
	}
	e := experiment{name: "events folded, " + where}
	for i, m := range modes {
		name := "events folded, " + m.name + ", " + where
		e.lines = append(e.lines,
			line{name, "M events/s", (*cost).eventMillions, i, alone, target{losslessAtLeast, 5}},
			line{name + ", all CPU", "ns", (*cost).cpuNanos, i, alone, none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		for _, mode := range modes {
			at, err := open()
			if err != nil {
				return sides, err
			}
			m, err := newMeasurer(at)
			if err != nil {
				return sides, err
			}
			record, err := mode.with(m.exp)
			if err != nil {
				return sides, errors.Join(err, m.end())
			}
			n := repeats(quick, foldedEvents)
			sides = append(sides, side{mode.name, func() (cost, error) { return m.produced(n, record) }, m.end})
		}
		return sides, nil
	}
	return e
}

// produced records as many events from each of the producers. The time is that
// from the first event to the arrival of the last series with it.
func (m *measurer) produced(events int, record func(i int)) (cost, error) {
	c := cost{points: events / producers * producers}
	before := m.exp.Stats()
	start := time.Now()
	var producing sync.WaitGroup
	for range producers {
		producing.Go(func() { m.produce(events/producers, record) })
	}
	producing.Wait()
	last, err := m.flush(&c)
	c.elapsed = last.Sub(start)
	return c, errors.Join(err, m.folded(&c, before), m.known())
}

// produce looks now and then how much is queued, and lets others go ahead while
// that is much.
func (m *measurer) produce(events int, record func(i int)) {
	for i := range events {
		if i%betweenChecks == 0 {
			for m.exp.Stats().Queued > highWater {
				runtime.Gosched()
			}
		}
		record(i)
	}
}

// eventMillions is how many events a second, in millions. What may be lost are
// points, each with the sum of its series.
func (c *cost) eventMillions() float64 { return float64(c.points) / c.elapsed.Seconds() / 1e6 }

func withBound(exp *exporter.Exporter) (func(i int), error) {
	counter, err := exp.MeterProvider().Meter("example.com/shop").Int64Counter(requestCount)
	if err != nil {
		return nil, err
	}
	b, ok := counter.(bound)
	if !ok {
		return nil, errors.New("the counter cannot be bound")
	}
	counters := make([]metric.Int64Counter, foldedSeries)
	for i := range counters {
		set := attributesOf(i)
		counters[i] = b.Bind(set.ToSlice()...)
	}
	ctx := context.Background()
	return func(i int) { counters[i%foldedSeries].Add(ctx, 1) }, nil
}

func withKept(exp *exporter.Exporter) (func(i int), error) {
	return adding(exp, keptOptions(foldedSeries))
}

func keptOptions(n int) (kept [][]metric.AddOption) {
	for i := range n {
		kept = append(kept, []metric.AddOption{metric.WithAttributeSet(attributesOf(i))})
	}
	return kept
}

func adding(exp *exporter.Exporter, kept [][]metric.AddOption) (func(i int), error) {
	counter, err := exp.MeterProvider().Meter("example.com/shop").Int64Counter(requestCount)
	ctx := context.Background()
	return func(i int) { counter.Add(ctx, 1, kept[i%len(kept)]...) }, err
}

func withRecordMetric(exp *exporter.Exporter) (func(i int), error) {
	sets, _ := makeTags(foldedSeries)
	return recording(exp, sets), nil
}

func recording(exp *exporter.Exporter, sets [][]exporter.Tag) func(i int) {
	return func(i int) { exp.RecordMetric(requestCount, 1, sets[i%len(sets)]...) }
}
