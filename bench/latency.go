package main

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// exportLatencyExperiment is about how long a point of an export is on its way,
// from the begin of Export until another process has read its packet.
var exportLatencyExperiment = experiment{
	name: "latency of exports",
	lines: []line{
		latencyLine(0, 10), latencyLine(1, 100), latencyLine(2, 1000),
	},
	setup: func(quick bool) (sides []side, err error) {
		for _, points := range latencyPoints {
			s, err := newSender(latencyRole, exporter.WithMaxPacketSize(packetSize))
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{fmt.Sprint(points), func() (cost, error) {
				return s.seldom(points, repeats(quick, latencyExports))
			}, s.end})
		}
		return sides, nil
	},
}

var latencyPoints = [...]int{10, 100, 1000}

const (
	latencyExports = 50
	betweenExports = 20 * time.Millisecond
)

func latencyLine(at, points int) line {
	return line{fmt.Sprintf("SDK path, export of %d points, p99", points), "ms", (*cost).p99Millis, at, alone, target{valueAtMost, 5}}
}

// seldom exports counters whose values are the time of their export, again and
// again, with pauses.
func (s *sender) seldom(points, exports int) (c cost, err error) {
	rm := counters(points, 1)
	sums := make([]metricdata.DataPoint[float64], points)
	for i := range points {
		m := &rm.ScopeMetrics[0].Metrics[i]
		p := pointsOf(m)[0]
		sums[i] = metricdata.DataPoint[float64]{Attributes: p.Attributes, StartTime: p.StartTime, Time: p.Time}
		m.Data = metricdata.Sum[float64]{DataPoints: sums[i : i+1], Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	}
	before := s.exp.Stats()
	for range exports {
		time.Sleep(betweenExports) // each export is to find the exporter idle, as that of a periodic reader does
		now := float64(time.Now().UnixNano())
		for i := range sums {
			sums[i].Value = now
		}
		if err := s.export(rm, 1); err != nil {
			return c, err
		}
	}
	c.points = points * exports
	if err := s.settled(&c, before); err != nil {
		return c, err
	}
	if _, err := s.arrived(&c); err != nil {
		return c, err
	}
	c.p50, c.p99, err = s.sink.(timer).quantiles()
	return c, err
}
