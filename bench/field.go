package main

// The sides of a field.
const (
	oursKept = iota
	oursBound
	oursExplicit
	oursByName
	sdkKept
	sdkExplicit
	datadogAggregated
)

// newField is what records in so many series, ours and the others, made into sides by
// round.
func newField(series int, round func(subject) side) (sides []side, err error) {
	m, err := newMeasurer(series)
	if err != nil {
		return nil, err
	}
	ours := []subject{
		m.subject("otelgram", m.addKept), m.subject("otelgram", m.addBound),
		m.subject("otelgram", m.recordKept), m.subject("otelgram", m.recordMetric),
	}
	ours[0].end = m.end
	for _, s := range ours {
		sides = append(sides, round(s))
	}
	other, err := newSDK(series)
	if err != nil {
		return sides, err
	}
	add := other.subject("SDK Add", other.addKept)
	add.end = other.end
	sides = append(sides, round(add), round(other.subject("SDK Record", other.recordKept)))
	datadog, err := newDogStatsD(series)
	if err != nil {
		return sides, err
	}
	count := datadog.subject("datadog-go aggregated")
	count.end = datadog.end
	return append(sides, round(count)), nil
}

// coldExperiment is about calls that find nothing in the caches, as those of a service
// do that has other things to do.
var coldExperiment = experiment{
	name: "cold",
	lines: []line{
		{"counter.Add, kept options, cold", "ns", (*cost).nanos, oursKept, sdkKept, target{ratioAtMost, 0.3}},
		{"counter.Add, bound, cold", "ns", (*cost).nanos, oursBound, sdkKept, target{ratioAtMost, 0.15}},
		{"explicit histogram.Record, kept options, cold", "ns", (*cost).nanos, oursExplicit, sdkExplicit, target{ratioAtMost, 0.35}},
		{"RecordMetric, 3 tags, cold", "ns", (*cost).nanos, oursByName, datadogAggregated, target{ratioAtMost, 1.1}},
	},
	setup: func(quick bool) ([]side, error) {
		n := repeats(quick, coldTimes)
		return newField(coldSeries, func(s subject) side { return s.cold(n) })
	},
}
