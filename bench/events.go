package main

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

const (
	eventsInARound = 1_000_000
	betweenChecks  = 256
	// highWater is where producers wait. It leaves room for what the others
	// record between two checks.
	highWater = 3 * defaultRing / 4
)

// eventExperiment is about measurements that are points of their own, on their way
// from two producers into the kernel.
var eventExperiment = experiment{
	name: "event mode",
	lines: slices.Concat(
		eventLines("bound counters", 0), eventLines("RecordMetric", 1), eventLines("kept options", 2)),
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, eventsInARound)
		at, err := startChild(plainRole)
		if err != nil {
			return nil, err
		}
		m, err := newMeasurerTo(at, aggregatedSeries, exporter.WithFlushInterval(0), exporter.WithPacing(0, 0))
		if err != nil {
			return nil, err
		}
		for _, record := range []func(first, calls int){m.addBound, m.recordMetric, m.addKept} {
			sides = append(sides, side{"otelgram", func() (cost, error) { return m.sent(n, record) }, nothing})
		}
		sides[0].end = m.sender.end
		return sides, nil
	},
}

func eventLines(what string, at int) []line {
	name := "event mode, events taken and sent, " + what
	return []line{
		{name, "M events/s", (*cost).recordedMillions, at, alone, target{valueAtLeast, 2}},
		{name + ", all CPU", "ns", (*cost).cpuNanos, at, alone, none},
	}
}

// sent records as many events from each of the producers, and wants all of them sent.
// The time is that from the first event until the kernel has the last.
func (m *measurer) sent(events int, record func(first, calls int)) (cost, error) {
	c := cost{points: events / producers * producers}
	before := m.exp.Stats()
	start := time.Now()
	produce(events/producers, func(first, calls int) { m.patiently(first, calls, record) })
	if err := m.exp.ForceFlush(context.Background()); err != nil {
		return c, err
	}
	c.elapsed = time.Since(start)
	if err := m.sender.settled(&c, before); err != nil {
		return c, err
	}
	_, err := m.arrived(&c)
	return c, err
}

// patiently looks now and then how much is queued, and lets others go ahead while
// that is much.
func (m *measurer) patiently(first, calls int, record func(first, calls int)) {
	for n := 0; n < calls; n += betweenChecks {
		for m.exp.Stats().Queued > highWater {
			runtime.Gosched()
		}
		record(first+n, min(betweenChecks, calls-n))
	}
}
