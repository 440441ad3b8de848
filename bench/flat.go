package main

import (
	"errors"

	"github.com/otelgram/otelgram/internal/allocs"
)

var (
	flatExperiment        = flatExperimentFor("1 M", "10 M", 1_000_000, 10_000_000, false)
	flatForeverExperiment = flatExperimentFor("10 M", "100 M", 10_000_000, 100_000_000, true)
)

// flatExperimentFor is about a heap that does not change with the measurements: it
// is looked at after the first of them and, in the same run, after all.
func flatExperimentFor(before, after string, first, measured int, long bool) experiment {
	name := "live heap, default, 1,000 series, after " + after + " measurements, "
	unit := "% of after " + before
	return experiment{
		name: "heap after " + after, rounds: 1, cold: true, long: long,
		lines: []line{
			{name + "kept options", unit, (*cost).heapPercent, 0, alone, target{within, 5}},
			{name + "RecordMetric", unit, (*cost).heapPercent, 1, alone, target{within, 5}},
		},
		setup: func(quick bool) ([]side, error) {
			first, all := first, measured
			if quick {
				first, all = 20_000, 40_000
			}
			return []side{
				{"kept options", func() (cost, error) { return flat(first, all, (*measurer).addKept) }, nothing},
				{"RecordMetric", func() (cost, error) { return flat(first, all, (*measurer).recordMetric) }, nothing},
			}, nil
		},
	}
}

// flat looks at the heap after the first measurements and after all of them.
func flat(first, all int, record func(m *measurer, first, calls int)) (c cost, err error) {
	empty := int(allocs.Heap())
	m, err := newMeasurer(aggregatedSeries)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	ours := func(first, calls int) { record(m, first, calls) }
	if _, err := m.produced(first, ours); err != nil {
		return c, err
	}
	before := int(allocs.Heap()) - empty
	c, err = m.produced(all-first, ours)
	c.heapBefore, c.heap = before, int(allocs.Heap())-empty
	return c, err
}
