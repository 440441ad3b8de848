package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/plain"
	"github.com/otelgram/otelgram/wire/statsd"
)

const (
	textPacket = 1432 // bytes
	textTags   = 3    // of those who write few
	// fewSets is how many sets of that many attributes there are.
	fewSets = workload.Sets / 3 / 2
)

// The sides of the experiments with text.
const (
	statsdSide = iota
	cactusSide
	dogSide
	datadogSide
	influxSide
	protocolSide
	victoriaSide
	plainSide
	plainReadSide
)

var textExperiments = []experiment{
	textExperiment("W2, 5 tags", textPoints{kind: wire.Sum, counters: workload.Points(workload.W2, workload.Sets)}),
	textExperiment("W3, 5 tags", textPoints{kind: wire.Sum, counters: workload.Points(workload.W3, sharedPoints)}),
	textExperiment("3 tags", textPoints{kind: wire.Sum, counters: fewTags(workload.Points(workload.W2, fewSets))}),
	textExperiment("W2, 5 tags and 3 of the resource", textPoints{kind: wire.Sum, counters: workload.Points(workload.W2, workload.Sets), resource: true}),
	textExperiment("gauges, 5 tags", textPoints{kind: wire.Gauge, counters: workload.Points(workload.W2, workload.Sets)}),
	textExperiment("histograms of 15 bounds, 5 tags", textPoints{kind: wire.Histogram, counters: workload.Points(workload.W2, fewSets)}),
}

// fewTags leaves points the first of their attributes.
func fewTags(points []workload.Counter) []workload.Counter {
	for i := range points {
		points[i].Attributes = points[i].Attributes[:textTags]
	}
	return points
}

func textExperiment(what string, points textPoints) experiment {
	return experiment{
		name:  "text, " + what,
		lines: textLines(what, &points),
		setup: func(quick bool) (sides []side, err error) {
			texts, err := newTexts(&points)
			passes := max(1, repeats(quick, codecPoints)/len(points.counters)/points.lines(1))
			for _, t := range texts {
				sides = append(sides, side{t.name, func() (cost, error) { return t.round(passes) }, t.end})
			}
			if err != nil {
				return sides, err
			}
			reader, err := newPlainText(texts[plainSide].printer)
			if err != nil {
				return sides, err
			}
			return append(sides, side{"Plain read", func() (cost, error) { return reader.round(passes, len(points.counters)) }, nothing}), nil
		},
	}
}

// textLines are the lines of an experiment: those of each encoding beside one that prints
// the same, or the like.
func textLines(what string, points *textPoints) (lines []line) {
	add := func(text, unit string, value func(*cost) float64, ours, other int, t target) {
		lines = append(lines, line{"text " + text + ", " + what, unit, value, ours, other, t})
	}
	few := target{valueAtMost, 0.0001}
	for _, e := range []struct {
		name, beside string
		ours, other  int
	}{
		{"StatsD", "calls of a client", statsdSide, cactusSide},
		{"DogStatsD", "calls of a client and its lock", dogSide, datadogSide},
		{"Influx", "an encoder", influxSide, protocolSide},
	} {
		add(e.name+" encode beside "+e.beside, "ns/point", (*cost).nanos, e.ours, e.other, target{ratioAtMost, 1})
		add(e.name+" allocations", "allocs/point", (*cost).allocs, e.ours, e.other, few)
		add(e.name+" size", "bytes/point", (*cost).size, e.ours, e.other, none)
		add(e.name+" density", "points/packet", (*cost).density, e.ours, alone, none)
		if points.kind == wire.Histogram {
			add(e.name+" encode a line", "ns/line", (*cost).lineNanos, e.ours, e.other, target{ratioAtMost, 1})
			add(e.name+" size of a line", "bytes/line", (*cost).lineSize, e.ours, e.other, none)
		}
	}
	add("Influx encode beside Prometheus' text", "ns/point", (*cost).nanos, influxSide, victoriaSide, target{ratioAtMost, 1})
	add("Influx size beside Prometheus' text", "bytes/point", (*cost).size, influxSide, victoriaSide, none)
	size := target{valueAtMost, 120}
	if points.resource {
		size = none
	}
	add("Plain encode", "ns/event", (*cost).lineNanos, plainSide, alone, target{valueAtMost, 200})
	add("Plain encode, allocations", "allocs/point", (*cost).allocs, plainSide, alone, few)
	add("Plain read", "ns/event", (*cost).lineNanos, plainReadSide, alone, target{valueAtMost, 200})
	add("Plain read, allocations", "allocs/point", (*cost).allocs, plainReadSide, alone, few)
	add("Plain size", "bytes/event", (*cost).lineSize, plainSide, alone, size)
	add("Plain density", "points/packet", (*cost).density, plainSide, alone, none)
	return lines
}

// printer prints the same series again and again, each time with other values.
type printer interface {
	// print prints each point once and gives each packet to use, which does not keep it;
	// some packets are given during rest.
	print(use func(packet []byte)) error
	// rest is what print takes before it is called again, which is not timed.
	rest() error
	end() error
}

// text is a side of an experiment. A round of it allocates nothing, so that a point that
// does is seen.
type text struct {
	printer
	name   string
	points int // of a pass
	lines  int // of a point
	count  func(packet []byte) int

	cost  cost // of the round
	found int  // lines of the pass
	err   error
	// measured and counted print once.
	measured, counted func()
}

func (t *text) start(points int) {
	t.points = points
	measure := func(packet []byte) {
		t.cost.packets++
		t.cost.bytes += len(packet)
	}
	t.measured = func() { t.err = t.print(measure) }
	count := func(packet []byte) { t.found += t.count(packet) }
	t.counted = func() { t.err = t.print(count) }
}

// round prints so many times, and once more, when each line of each point must be there.
func (t *text) round(passes int) (cost, error) {
	t.cost = cost{points: passes * t.points, lines: passes * t.points * t.lines}
	for range passes {
		t.cost.elapsed += timed(t.measured)
		if err := errors.Join(t.err, t.rest()); err != nil {
			return t.cost, err
		}
	}
	t.found = 0
	t.counted()
	err := errors.Join(t.err, t.rest())
	if want := t.points * t.lines; err == nil && t.found != want {
		err = fmt.Errorf("%w: %d lines of %d", errCodec, t.found, want)
	}
	return t.cost, err
}

// newTexts returns those that print, in the order of the sides, also with an error those
// that it has made. Each has printed once: what StatsD is to tell is the difference.
func newTexts(points *textPoints) ([]*text, error) {
	dog, errDog := statsd.New(statsd.DogStatsD, points.statsd(statsd.InName), textPacket, limitless{})
	etsy, errEtsy := statsd.New(statsd.StatsD, points.statsd(statsd.AfterComma), textPacket, limitless{})
	if err := errors.Join(errDog, errEtsy); err != nil {
		return nil, err
	}
	calls, errCalls := newCactus(points)
	client, errClient := newDatadog(points)
	texts := []*text{
		{printer: newPacked(etsy, points), name: "StatsD", lines: points.lines(2), count: countLines},
		{printer: calls, name: "cactus' client", lines: points.lines(2), count: countLines},
		{printer: newPacked(dog, points), name: "DogStatsD", lines: points.lines(0), count: countLines},
		{printer: client, name: "datadog-go's client", lines: points.lines(0), count: countLines},
		{printer: newPacked(influx.New(influx.Options{Resource: points.options()}, textPacket, limitless{}), points), name: "Influx", lines: points.lines(1), count: countLines},
		{printer: newProtocol(points), name: "lineprotocol, lax", lines: points.lines(1), count: countLines},
		{printer: newVictoriaText(points), name: "VictoriaMetrics", lines: points.lines(2), count: countLines},
		{printer: newPacked(plain.NewEncoder(plain.Options{Resource: points.options()}, textPacket, limitless{}), points), name: "Plain", lines: points.lines(4), count: plainEvents},
	}
	err := errors.Join(errCalls, errClient)
	for _, t := range texts {
		t.start(len(points.counters))
		if err == nil {
			err = errors.Join(t.print(func([]byte) {}), t.rest())
		}
	}
	return texts, err
}

func countLines(packet []byte) int { return bytes.Count(packet, newline) }

var newline = []byte{'\n'}
