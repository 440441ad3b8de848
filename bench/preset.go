package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

// promise is what is expected of a preset when each event is a point.
type promise struct {
	name      string
	preset    exporter.Preset
	ring      uint64
	thousands span // of events a second
	p99       span // milliseconds
	megabytes span
	dropped   span // percent
}

// span is from the better end to the worse, or from little load to much.
type span struct{ from, to float64 }

func (s span) text(unit string) string { return fmt.Sprintf(" (expected %g-%g%s)", s.from, s.to, unit) }

var promises = [...]promise{
	{"HighThroughput", exporter.HighThroughput, bigRing, span{200, 500}, span{50, 100}, span{5, 10}, span{0, 1}},
	{"LowLatency", exporter.LowLatency, 8192, span{50, 100}, span{20, 40}, span{2, 3}, span{2, 5}},
	{"Reliable", exporter.Reliable, 65536, span{100, 200}, span{100, 200}, span{10, 20}, span{0, 0.1}},
	{"ResourceConstrained", exporter.ResourceConstrained, 4096, span{20, 50}, span{100, 200}, span{1, 2}, span{5, 10}},
}

const (
	steadyFor   = time.Second
	steadyStep  = time.Millisecond
	heapSteps   = 50   // from one look at the heap to the next
	enough      = 0.99 // of what is to be offered
	busyEvents  = 500_000
	presetNames = 10 // metrics, each with so many sets of tags
)

var (
	steadyExperiment     = presetExperiment("steady", steadyLines, (*offering).steady)
	throughputExperiment = presetExperiment("throughput", throughputLines, (*offering).busy)
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
	name := fmt.Sprintf("preset %s, steady %.0fk events/s, ", p.name, p.thousands.from)
	return []line{
		{name + "taken", "% of offered", (*cost).takenPercent, at, alone, target{valueAtLeast, 100 - p.dropped.to}},
		{name + "dropped" + p.dropped.text("%"), "%", (*cost).droppedPercent, at, alone, target{valueAtMost, p.dropped.to}},
		{name + "p50", "ms", (*cost).p50Millis, at, alone, none},
		{name + "p99" + p.p99.text(" ms"), "ms", (*cost).p99Millis, at, alone, target{valueAtMost, p.p99.to}},
		{name + "heap under load" + p.megabytes.text(" MB"), "MB", (*cost).megabytes, at, alone, target{valueAtMost, p.megabytes.to}},
	}
}

// throughputLines have no targets: the generator sees to it that no more is dropped
// than may be, and how fast it is depends on the machine.
func throughputLines(p *promise, at int) []line {
	name := fmt.Sprintf("preset %s, throughput at the permitted drop rate", p.name)
	return []line{
		{name + p.thousands.text("k"), "k events/s", (*cost).thousands, at, alone, none},
		{name + ", dropped" + p.dropped.text("%"), "%", (*cost).droppedPercent, at, alone, none},
	}
}

// offering offers events to an exporter with a preset: increments of counters
// by the time of their recording, which become a point each.
type offering struct {
	*promise
	sink sink
	exp  *exporter.Exporter // of this round

	offered    uint64 // in this round
	short      bool   // less than what was to be offered
	heap       int    // the most that was seen under load
	sent, lost uint64 // in earlier rounds
}

// offer makes an exporter, puts a load on it and stops it.
func (o *offering) offer(load func() error) (c cost, err error) {
	o.exp, o.offered, o.short, o.heap = nil, 0, false, 0
	allocs.Heap() // collects
	empty := objects()
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
	c.heap, c.short = max(o.heap, objects())-empty, o.short
	err = o.exp.Shutdown(context.Background())
	return c, errors.Join(err, o.settled(&c))
}

// settled wants each event sent or counted as dropped, and fills the cost.
func (o *offering) settled(c *cost) error {
	s := o.exp.Stats()
	c.points, c.dropped = int(o.offered), counted(int(s.Dropped.Total()))
	if s.Offered != o.offered || s.Sent+s.Dropped.Total() != o.offered {
		return fmt.Errorf("%d events: %+v", o.offered, s)
	}
	o.sent += s.Sent
	a, err := o.sink.wait(o.sent - o.lost)
	if err != nil {
		return err
	}
	c.lost = counted(int(o.sent - a.points - o.lost))
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

// steady offers the least that is expected of the preset, evenly. It falls short
// if it is itself not fast enough.
func (o *offering) steady(quick bool) error {
	start, long := time.Now(), steadyFor
	if quick {
		long /= 50
	}
	perSecond := o.thousands.from * 1000
	since := time.Duration(0)
	for steps := 0; since < long; steps++ {
		for due := uint64(time.Since(start).Seconds() * perSecond); o.offered < due; {
			o.record()
		}
		since = time.Since(start)
		if steps%heapSteps == 0 {
			o.heap = max(o.heap, objects())
		}
		time.Sleep(steadyStep)
	}
	o.short = !quick && float64(o.offered) < enough*perSecond*since.Seconds()
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
	if float64(s.Dropped.Total()) <= o.dropped.to/100*float64(o.offered) {
		return
	}
	for o.exp.Stats().Queued > o.ring/4 {
		runtime.Gosched()
	}
}

func (o *offering) drained() error { return o.exp.ForceFlush(context.Background()) }

// takenPercent is how many of the points were not dropped.
func (c *cost) takenPercent() float64 { return 100 - c.droppedPercent() }

// objects is how much memory objects take, those included that are not collected
// yet, in bytes. It stops nobody.
func objects() int {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
