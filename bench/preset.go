package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

// promise is what is expected of a preset when each event is a point.
type promise struct {
	name        string
	preset      exporter.Preset
	ring        uint64
	least, most float64 // thousands of events a second
	p99         float64 // milliseconds
	megabytes   float64
	dropped     float64 // percent
}

var promises = [...]promise{
	{"HighThroughput", exporter.HighThroughput, 32768, 200, 500, 100, 10, 1},
	{"LowLatency", exporter.LowLatency, 8192, 50, 100, 40, 3, 5},
	{"Reliable", exporter.Reliable, 65536, 100, 200, 200, 20, 0.1},
	{"ResourceConstrained", exporter.ResourceConstrained, 4096, 20, 50, 200, 2, 10},
}

const (
	steadyFor   = time.Second
	steadyStep  = time.Millisecond
	busyEvents  = 500_000
	presetNames = 10 // metrics, each with so many sets of tags
)

var (
	steadyExperiment = presetExperiment("steady", steadyLines, (*offering).steady)
	busyExperiment   = presetExperiment("as fast as it can", busyLines, (*offering).busy)
)

func presetExperiment(how string, of func(p *promise, at int) []line, load func(*offering, bool) error) experiment {
	e := experiment{name: "presets, " + how}
	for i := range promises {
		e.lines = append(e.lines, of(&promises[i], i)...)
	}
	e.setup = func(quick bool) (sides []side, err error) {
		for i := range promises {
			at, err := startChild(latencyRole)
			if err != nil {
				return sides, err
			}
			o := &offering{promise: &promises[i], sink: at}
			sides = append(sides, side{o.name, func() (cost, error) {
				return o.offer(func() error { return load(o, quick) })
			}, o.end})
		}
		return sides, nil
	}
	return e
}

// steadyLines offers what is the least that is expected, which is to be met
// with the most of what may be paid for it.
func steadyLines(p *promise, at int) []line {
	name := fmt.Sprintf("preset %s, steady %.0fk events/s, ", p.name, p.least)
	return []line{
		{name + "taken", "k events/s", (*cost).thousands, at, alone, target{valueAtLeast, 0.99 * p.least}},
		{name + "dropped", "%", (*cost).droppedPercent, at, alone, target{valueAtMost, p.dropped}},
		{name + "p50", "ms", (*cost).p50Millis, at, alone, none},
		{name + "p99", "ms", (*cost).p99Millis, at, alone, target{valueAtMost, p.p99}},
		{name + "live heap", "MB", (*cost).megabytes, at, alone, target{valueAtMost, p.megabytes}},
	}
}

func busyLines(p *promise, at int) []line {
	name := fmt.Sprintf("preset %s, as fast as it can, ", p.name)
	return []line{
		{name + "taken", "k events/s", (*cost).thousands, at, alone, target{valueAtLeast, p.most}},
		{name + "dropped", "%", (*cost).droppedPercent, at, alone, target{valueAtMost, p.dropped}},
	}
}

// offering offers events to an exporter with a preset: increments of counters
// by the time of their recording, which become a point each.
type offering struct {
	*promise
	sink sink
	exp  *exporter.Exporter // of this round

	offered    uint64 // in this round
	sent, lost uint64 // in earlier rounds
}

// offer makes an exporter, puts a load on it and stops it.
func (o *offering) offer(load func() error) (c cost, err error) {
	o.exp, o.offered = nil, 0
	empty := liveHeap()
	o.exp, err = exporter.New(context.Background(),
		exporter.WithEndpoint(o.sink.address()), exporter.WithPreset(o.preset), exporter.WithFlushInterval(0))
	if err != nil {
		return c, err
	}
	start := time.Now()
	if err := load(); err != nil {
		return c, errors.Join(err, o.exp.Shutdown(context.Background()))
	}
	c.elapsed = time.Since(start)
	c.heap = liveHeap() - empty
	err = o.exp.Shutdown(context.Background())
	return c, errors.Join(err, o.settled(&c))
}

// settled wants each event sent or counted as dropped, and fills the cost.
func (o *offering) settled(c *cost) error {
	s := o.exp.Stats()
	c.points, c.dropped = int(o.offered), int(s.Dropped.Total())
	if s.Offered != o.offered || s.Sent+s.Dropped.Total() != o.offered {
		return fmt.Errorf("%d events: %+v", o.offered, s)
	}
	o.sent += s.Sent
	a, err := o.sink.wait(o.sent - o.lost)
	if err != nil {
		return err
	}
	c.lost = int(o.sent - a.points - o.lost)
	o.lost = o.sent - a.points
	t, ok := o.sink.(timer)
	if !ok {
		return fmt.Errorf("%T has no clock", o.sink)
	}
	c.p50, c.p99, err = t.quantiles()
	return err
}

func (o *offering) end() error { return errors.Join(o.sink.books(o.sent), o.sink.close()) }

// record records one event, and reports whether it was taken.
func (o *offering) record() bool {
	i := int(o.offered)
	o.offered++
	return o.exp.RecordMetric(timeNames[i%presetNames], float64(time.Now().UnixNano()), tagSets[i/presetNames%presetNames]...)
}

var timeNames = makeNames(presetNames)

func makeNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("task.started.%d", i))
	}
	return names
}

// steady offers the least that is expected of the preset, evenly.
func (o *offering) steady(quick bool) error {
	start, long := time.Now(), steadyFor
	if quick {
		long /= 50
	}
	for since := time.Duration(0); since < long; since = time.Since(start) {
		for due := uint64(since.Seconds() * o.least * 1000); o.offered < due; {
			o.record()
		}
		time.Sleep(steadyStep)
	}
	return nil
}

// busy offers events as fast as one goroutine can. Whenever more were dropped
// than is expected of the preset, it waits until most of the ring is empty.
func (o *offering) busy(quick bool) error {
	n := uint64(repeats(quick, busyEvents))
	for o.offered < n {
		if !o.record() || o.offered%64 == 0 {
			o.rest()
		}
	}
	return o.drained()
}

func (o *offering) rest() {
	s := o.exp.Stats()
	if float64(s.Dropped.Total()) <= o.dropped/100*float64(o.offered) {
		return
	}
	for o.exp.Stats().Queued > o.ring/4 {
		runtime.Gosched()
	}
}

func (o *offering) drained() error { return o.exp.ForceFlush(context.Background()) }

// liveHeap is how much memory is in use, in bytes.
func liveHeap() int {
	runtime.GC()
	runtime.GC() // what the first found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
