package main

import "fmt"

// concurrentExperiments are about calls from many goroutines, in one series and in many.
var concurrentExperiments = makeCrowded(crowds...)

// crowds are how many goroutines record at once.
var crowds = []int{1, 2, 8, 64}

func makeCrowded(goroutines ...int) (all []experiment) {
	for _, n := range goroutines {
		all = append(all, concurrentExperiment(n, 1, "one hot series"), concurrentExperiment(n, coldSeries, "1,000 series"))
	}
	return all
}

func manyGoroutines(n int) string {
	if n == 1 {
		return "1 goroutine"
	}
	return fmt.Sprint(n, " goroutines")
}

func concurrentExperiment(goroutines, series int, what string) experiment {
	where := fmt.Sprintf(", %s, %s", manyGoroutines(goroutines), what)
	e := experiment{name: "recording" + where}
	for _, p := range []struct {
		name        string
		ours, other int
	}{
		{"counter.Add, kept options", oursKept, sdkKept},
		{"counter.Add, bound", oursBound, sdkKept},
		{"explicit histogram.Record, kept options", oursExplicit, sdkExplicit},
		{"RecordMetric, 3 tags", oursByName, datadogAggregated},
		{"RecordMetric, 3 tags, beside Add", oursByName, sdkKept},
	} {
		name := p.name + where
		e.lines = append(e.lines,
			line{name, "ns", (*cost).nanos, p.ours, p.other, target{ratioAtMost, 1}},
			line{name + ", p99 of means of 16 calls", "ns", (*cost).p99Nanos, p.ours, p.other, target{ratioAtMost, 1}},
			line{name + ", p99.99 of means of 16 calls", "ns", (*cost).p9999Nanos, p.ours, p.other, none})
	}
	e.setup = func(quick bool) ([]side, error) {
		n := repeats(quick, measurements)
		return newField(series, func(s subject) side { return s.concurrent(goroutines, series, n) })
	}
	return e
}
