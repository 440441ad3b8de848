package main

import "errors"

var addExperiment = experiment{
	name: "counter.Add",
	lines: []line{
		{"counter.Add, kept options", "ns", (*cost).nanos, 0, 3, target{ratioAtMost, 0.17}},
		{"counter.Add, kept options, allocations", "allocs", (*cost).allocs, 0, 3, target{valueAtMost, 0.001}},
		{"counter.Add, kept options, all CPU", "ns", (*cost).cpuNanos, 0, 3, target{ratioAtMost, 0.2}},
		{"counter.Add, bound", "ns", (*cost).nanos, 1, 3, target{ratioAtMost, 0.05}},
		{"counter.Add, bound, allocations", "allocs", (*cost).allocs, 1, 3, target{valueAtMost, 0.001}},
		{"counter.Add, bound, all CPU", "ns", (*cost).cpuNanos, 1, 3, none},
		{"counter.Add, options made per call", "ns", (*cost).nanos, 2, 4, none},
		{"counter.Add, options made per call, allocations", "allocs", (*cost).allocs, 2, 4, none},
		{"counter.Add, kept options, Prometheus by label values", "ns", (*cost).nanos, 0, 5, none},
		{"counter.Add, bound, Prometheus kept", "ns", (*cost).nanos, 1, 6, none},
		{"counter.Add, kept options, VictoriaMetrics by name", "ns", (*cost).nanos, 0, 7, none},
		{"counter.Add, bound, VictoriaMetrics kept", "ns", (*cost).nanos, 1, 8, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, measurements)
		m, err := newMeasurer(directSeries)
		if err != nil {
			return nil, err
		}
		sides = append(sides,
			m.subject("otelgram", m.addKept).warm(n),
			m.subject("otelgram bound", m.addBound).warm(n),
			m.subject("otelgram made per call", m.addMade).warm(n))
		sides[0].end = m.end
		other, err := newSDK(directSeries)
		if err != nil {
			return sides, err
		}
		sides = append(sides,
			other.subject("SDK", other.addKept).warm(n),
			other.subject("SDK made per call", other.addMade).warm(n))
		sides[3].end = other.end
		p, v := newPrometheus(directSeries), newVictoria(directSeries)
		sides = append(sides,
			p.subject("by label values", p.addByValues).warm(n), p.subject("kept", p.addKept).warm(n),
			v.subject("by name", v.addByName).warm(n), v.subject("kept", v.addKept).warm(n))
		sides[5].end, sides[7].end = p.end, v.end
		return sides, nil
	},
}

// distributionExperiment is about instruments that keep more than a sum.
var distributionExperiment = experiment{
	name: "Record",
	lines: []line{
		{"explicit histogram.Record, kept options", "ns", (*cost).nanos, 0, 3, target{ratioAtMost, 0.25}},
		{"explicit histogram.Record, kept options, allocations", "allocs", (*cost).allocs, 0, 3, target{valueAtMost, 0.001}},
		{"exponential histogram.Record, kept options", "ns", (*cost).nanos, 2, 5, target{ratioAtMost, 0.35}},
		{"exponential histogram.Record, kept options, allocations", "allocs", (*cost).allocs, 2, 5, target{valueAtMost, 0.001}},
		{"gauge.Record, kept options", "ns", (*cost).nanos, 1, 4, none},
		{"gauge.Record, kept options, allocations", "allocs", (*cost).allocs, 1, 4, target{valueAtMost, 0.001}},
	},
	setup: func(quick bool) ([]side, error) {
		n := repeats(quick, measurements)
		m, err := newMeasurer(directSeries)
		if err != nil {
			return nil, err
		}
		exponential, err := newMeasurer(directSeries, withExponential)
		if err != nil {
			return nil, errors.Join(err, m.end())
		}
		other, err := newSDK(directSeries)
		otherExponential, err2 := newSDK(directSeries, exponentialReader)
		if err := errors.Join(err, err2); err != nil {
			return nil, errors.Join(err, m.end(), exponential.end())
		}
		subjects := []subject{
			m.subject("otelgram", m.recordKept), m.subject("otelgram", m.setKept),
			exponential.subject("otelgram", exponential.recordKept),
			other.subject("SDK", other.recordKept), other.subject("SDK", other.setKept),
			otherExponential.subject("SDK", otherExponential.recordKept),
		}
		subjects[1].settled, subjects[4].settled = m.set, other.set
		subjects[0].end, subjects[2].end, subjects[3].end, subjects[5].end = m.end, exponential.end, other.end, otherExponential.end
		var sides []side
		for _, s := range subjects {
			sides = append(sides, s.warm(n))
		}
		return sides, nil
	},
}
