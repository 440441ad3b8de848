package main

import (
	"errors"

	"github.com/otelgram/otelgram/exporter"
)

var (
	flatExperiment        = flatExperimentFor("1 M", "10 M", 1_000_000, 10_000_000, false)
	flatForeverExperiment = flatExperimentFor("10 M", "100 M", 10_000_000, 100_000_000, true)
)

// flatExperimentFor is about a heap that does not change with the events: it is
// looked at after the first of them and, in the same run, after all.
func flatExperimentFor(before, after string, first, events int, long bool) experiment {
	name := "live heap, default, 1,000 series, after " + after + " events, "
	unit := "% of after " + before
	return experiment{
		name: "heap after " + after, rounds: 1, cold: true, long: long,
		lines: []line{
			{name + "kept options", unit, (*cost).heapPercent, 0, alone, target{within, 5}},
			{name + "RecordMetric", unit, (*cost).heapPercent, 1, alone, target{within, 5}},
		},
		setup: func(quick bool) ([]side, error) {
			first, all := first, events
			if quick {
				first, all = 20_000, 40_000
			}
			kept := keptOptions(foldedSeries)
			sets, _ := makeTags(foldedSeries)
			add := func(exp *exporter.Exporter) (func(i int), error) { return adding(exp, kept) }
			record := func(exp *exporter.Exporter) (func(i int), error) { return recording(exp, sets), nil }
			return []side{
				{"kept options", func() (cost, error) { return flat(first, all, add) }, nothing},
				{"RecordMetric", func() (cost, error) { return flat(first, all, record) }, nothing},
			}, nil
		},
	}
}

// flat looks at the heap after the first events and after all of them.
func flat(first, all int, with func(*exporter.Exporter) (func(i int), error)) (c cost, err error) {
	at, err := startChild(totalsRole)
	if err != nil {
		return c, err
	}
	empty := liveHeap()
	m, err := newMeasurer(at)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	record, err := with(m.exp)
	if err != nil {
		return c, err
	}
	if _, err := m.produced(first, record); err != nil {
		return c, err
	}
	before := liveHeap() - empty
	c, err = m.produced(all-first, record)
	c.heapBefore, c.heap = before, liveHeap()-empty
	return c, err
}
