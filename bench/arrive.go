package main

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/workload"
)

const (
	// halfBigRing is the largest burst into the ring of HighThroughput.
	halfBigRing = bigRing / 2
	bursts      = 30
)

var (
	highThroughput = exporter.WithPreset(exporter.HighThroughput)

	sameProcessExperiment  = streamExperiment("one process", 6, newDecoder)
	otherProcessExperiment = streamExperiment("receiver in another process", 4, func() (sink, error) {
		return startChild(decoderRole)
	})
)

// streamExperiment is about points on their way from Export to the handler of
// a receiver. millions a second are what bursts are to reach.
func streamExperiment(where string, millions float64, open func() (sink, error)) experiment {
	e := experiment{name: "end to end, " + where}
	modes := []struct {
		name   string
		data   func([]workload.Counter) *metricdata.ResourceMetrics
		stream func(*sender, *metricdata.ResourceMetrics, int) (cost, error)
		pace   exporter.Option
		target target
	}{
		{"W3 in bursts", inOrder, (*sender).burst, exporter.WithPacing(0, 0), target{losslessAtLeast, millions}},
		{"W3 without a pause", inOrder, (*sender).rush, highThroughput, target{losslessAtLeast, 2}},
		{"W3 metric by metric, in bursts", byMetric, (*sender).burst, exporter.WithPacing(0, 0), none},
	}
	for i, m := range modes {
		e.lines = append(e.lines, line{
			"end to end, " + m.name + ", " + where, "M points/s", (*cost).millions, i, alone, m.target,
		})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		shared := workload.Points(workload.W3, sharedPoints)
		for _, m := range modes {
			rm := m.data(shared)
			at, err := open()
			if err != nil {
				return sides, err
			}
			s, err := newSenderTo(at, highThroughput, m.pace)
			if err != nil {
				return sides, err
			}
			n := repeats(quick, bursts)
			sides = append(sides, side{m.name, func() (cost, error) { return m.stream(s, rm, n) }, s.end})
		}
		return sides, nil
	}
	return e
}

// burst exports half a ring and waits until it has arrived, again and again.
// The time is that from the first Export of a burst to its last arrival.
func (s *sender) burst(rm *metricdata.ResourceMetrics, n int) (sum cost, err error) {
	for range n {
		c, err := s.rush(rm, 1)
		if err != nil {
			return sum, err
		}
		sum.points += c.points
		sum.elapsed += c.elapsed
		sum.dropped.add(c.dropped)
		sum.lost.add(c.lost)
	}
	return sum, nil
}

// rush exports as many points as n bursts have, without a pause.
func (s *sender) rush(rm *metricdata.ResourceMetrics, n int) (cost, error) {
	return s.exported(rm, n*max(1, halfBigRing/countPoints(rm)))
}

// exported exports rm so many times; Export waits for room. The time is that
// from the first Export to the last arrival.
func (s *sender) exported(rm *metricdata.ResourceMetrics, times int) (cost, error) {
	c := cost{points: times * countPoints(rm)}
	before := s.exp.Stats()
	start := time.Now()
	if err := s.export(rm, times); err != nil {
		return c, err
	}
	if err := s.settled(&c, before); err != nil {
		return c, err
	}
	last, err := s.arrived(&c)
	c.elapsed = last.Sub(start)
	return c, err
}

var (
	burstExperiment      = burstExperimentFor("plain reader", plainRole)
	slowReaderExperiment = burstExperimentFor(fmt.Sprintf("reader busy %v a packet", slowPacket), slowRole)

	stopExperiment         = stopExperimentFor("packets of 1472 bytes", stopRole, exporter.WithMaxPacketSize(packetSize))
	stopLoopbackExperiment = stopExperimentFor("loopback", stopRole)
	stopUnixExperiment     = stopExperimentFor("Unix socket", stopUnixRole)
)

// burstExperimentFor is about an export that is larger than the ring, into a
// socket with the receive buffer that the system gives.
func burstExperimentFor(reader, role string) experiment {
	return experiment{
		name: "40,000 points, " + reader,
		lines: []line{
			{"40,000-point export, lost, " + reader, "%", (*cost).lostPercent, 0, 1, target{kind: nothingLost}},
			{"40,000-point export, time, " + reader, "ms", (*cost).millis, 0, 1, target{valueAtMost, 1000}},
		},
		setup: func(bool) ([]side, error) {
			rm := counters(20, 2000)
			size := exporter.WithMaxPacketSize(packetSize)
			paced, err := newSender(role, size)
			if err != nil {
				return nil, err
			}
			unpaced, err := newSender(role, size, exporter.WithPacing(0, 0))
			if err != nil {
				return nil, errors.Join(err, paced.end())
			}
			return []side{
				{"paced", func() (cost, error) { return paced.exported(rm, 1) }, paced.end},
				{"unpaced", func() (cost, error) { return unpaced.exported(rm, 1) }, unpaced.end},
			}, nil
		},
	}
}

// stopExperimentFor is the same, with a reader that stops for a while in the middle.
func stopExperimentFor(what, role string, opts ...exporter.Option) experiment {
	name := fmt.Sprintf("40,000-point export, reader stops for %v, %s, ", stop, what)
	return experiment{
		name: name,
		lines: []line{
			{name + "lost", "%", (*cost).lostPercent, 0, alone, target{kind: nothingLost}},
			{name + "time", "ms", (*cost).millis, 0, alone, target{valueAtMost, 60}},
		},
		setup: func(bool) ([]side, error) {
			rm := counters(20, 2000)
			s, err := newSender(role, opts...)
			if err != nil {
				return nil, err
			}
			return []side{{"otelgram", func() (cost, error) {
				time.Sleep(2 * pause) // the reader tells exports apart by a pause between them
				return s.exported(rm, 1)
			}, s.end}}, nil
		},
	}
}
