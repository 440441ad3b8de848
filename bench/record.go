package main

import (
	"github.com/DataDog/datadog-go/v5/statsd"

	"github.com/otelgram/otelgram/exporter"
)

const requestCount = "http.server.request.count"

// tagSets are series of calls by name.
var tagSets, _ = makeTags(directSeries)

// makeTags makes the tags of so many series, as each client wants them.
func makeTags(n int) (sets [][]exporter.Tag, lines [][]string) {
	for i := range n {
		var tags []exporter.Tag
		var texts []string
		for _, kv := range attributeList(i) {
			tags = append(tags, exporter.Tag{Key: string(kv.Key), Value: kv.Value.AsString()})
			texts = append(texts, string(kv.Key)+":"+kv.Value.AsString())
		}
		sets, lines = append(sets, tags), append(lines, texts)
	}
	return sets, lines
}

var recordExperiment = experiment{
	name: "RecordMetric",
	lines: []line{
		{"RecordMetric, 3 tags", "ns", (*cost).nanos, 0, 1, target{ratioAtMost, 0.9}},
		{"RecordMetric, 3 tags, allocations", "allocs", (*cost).allocs, 0, 1, target{valueAtMost, 0.001}},
		{"RecordMetric, 3 tags, all CPU", "ns", (*cost).cpuNanos, 0, 1, none},
		{"RecordMetric, 3 tags, the other not aggregated", "ns", (*cost).nanos, 0, 2, none},
		{"RecordMetric, 3 tags, p99 of means of 16 calls", "ns", (*cost).p99Nanos, 3, 4, none},
		{"RecordMetric, 3 tags, p99 of means of 16 calls, the other not aggregated", "ns", (*cost).p99Nanos, 3, 5, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		n := repeats(quick, measurements)
		m, err := newMeasurer(directSeries)
		if err != nil {
			return nil, err
		}
		ours := m.subject("otelgram", m.recordMetric)
		sides = append(sides, ours.warm(n))
		sides[0].end = m.end
		aggregated, err := newDogStatsD(directSeries)
		if err != nil {
			return sides, err
		}
		sides = append(sides, aggregated.subject("datadog-go aggregated").warm(n))
		sides[1].end = aggregated.end
		plain, err := newDogStatsD(directSeries, statsd.WithoutClientSideAggregation())
		if err != nil {
			return sides, err
		}
		sides = append(sides, plain.subject("datadog-go").warm(n))
		sides[2].end = plain.end
		return append(sides, ours.sampled(n),
			aggregated.subject("datadog-go aggregated").sampled(n), plain.subject("datadog-go").sampled(n)), nil
	},
}
