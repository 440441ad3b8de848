package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	busyGoroutines = 8
	busyFor        = 3 * time.Second
	busyChunk      = 64 // calls from one look at the clock to the next
)

// busyExperiment is about a process that has no CPU left, with a default exporter.
var busyExperiment = experiment{
	name:   "busy",
	rounds: 3,
	cold:   true,
	lines:  append(busyLines(1, 0), busyLines(2, 1)...),
	setup: func(quick bool) (sides []side, err error) {
		long := busyFor
		if quick {
			long /= 50
		}
		for processors := 1; processors <= 2; processors++ {
			sides = append(sides, side{"otelgram", func() (cost, error) { return busy(processors, long) }, nothing})
		}
		return sides, nil
	},
}

func busyLines(processors, at int) []line {
	name := fmt.Sprintf("%d busy goroutines, GOMAXPROCS %d, %v, ", busyGoroutines, processors, busyFor)
	return []line{
		{name + "dropped", "measurements", (*cost).droppedCount, at, alone, target{kind: nothingDropped}},
		{name + "calls", "M", (*cost).pointMillions, at, alone, none},
	}
}

// busy has goroutines do nothing but record, in a counter, a histogram and by name, and
// wants the receiver to know every call.
func busy(processors int, long time.Duration) (c cost, err error) {
	at, err := startChild(totalsRole)
	if err != nil {
		return c, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	m, err := newMeasurerTo(at, coldSeries)
	if err != nil {
		return c, err
	}
	var calls atomic.Uint64
	var recording sync.WaitGroup
	start := time.Now()
	for i := range busyGoroutines {
		ways := [...]func(first, calls int){m.addKept, m.recordKept, m.recordMetric}
		recording.Go(func() {
			n := 0
			for ; time.Since(start) < long; n += busyChunk {
				ways[n/busyChunk%len(ways)](i+n, busyChunk)
			}
			calls.Add(uint64(n))
		})
	}
	recording.Wait()
	c.elapsed = time.Since(start)
	m.recorded = calls.Load()
	c.points = int(m.recorded)
	err = m.exp.ForceFlush(context.Background())
	c.dropped = counted(int(m.exp.Stats().Dropped.Total()))
	if c.dropped.n == 0 { // else the receiver cannot know all of them
		err = errors.Join(err, m.known())
	}
	return c, errors.Join(err, m.sender.end())
}

func (c *cost) droppedCount() float64  { return float64(c.dropped.n) }
func (c *cost) pointMillions() float64 { return float64(c.points) / 1e6 }
