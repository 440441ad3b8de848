package main

import (
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	producers          = 2
	aggregatedSeries   = 1000
	aggregatedInARound = 2_000_000
)

// aggregatedExperiment is about measurements on their way from two producers into
// series, and of these to a receiver.
var aggregatedExperiment = experiment{
	name: "measurements aggregated",
	lines: slices.Concat(
		aggregatedLines("bound counters", 0), aggregatedLines("RecordMetric", 1), aggregatedLines("kept options", 2)),
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, aggregatedInARound)
		m, err := newMeasurer(aggregatedSeries)
		if err != nil {
			return nil, err
		}
		for _, record := range []func(first, calls int){m.addBound, m.recordMetric, m.addKept} {
			sides = append(sides, side{"otelgram", func() (cost, error) { return m.produced(n, record) }, nothing})
		}
		sides[0].end = m.end
		return sides, nil
	},
}

func aggregatedLines(what string, at int) []line {
	name := "measurements aggregated and arrived, " + what
	return []line{
		{name, "M/s", (*cost).recordedMillions, at, alone, target{losslessAtLeast, 5}},
		{name + ", all CPU", "ns", (*cost).cpuNanos, at, alone, none},
	}
}

// produced records as many measurements from each of the producers. The time is that
// from the first of them to the arrival of the last series.
func (m *measurer) produced(calls int, record func(first, calls int)) (cost, error) {
	c := cost{points: calls / producers * producers}
	start := time.Now()
	produce(calls/producers, record)
	m.recorded += uint64(c.points)
	last, err := m.flush(&c)
	c.elapsed = last.Sub(start)
	return c, errors.Join(err, m.undropped(&c), m.known())
}

// produce has each of the producers make so many calls.
func produce(calls int, record func(first, calls int)) {
	var producing sync.WaitGroup
	for i := range producers {
		producing.Go(func() { record(i*aggregatedSeries/producers, calls) })
	}
	producing.Wait()
}

// recordedMillions is how many measurements a second, in millions. What may be lost
// are points, each with the sum of its series.
func (c *cost) recordedMillions() float64 { return float64(c.points) / c.elapsed.Seconds() / 1e6 }
