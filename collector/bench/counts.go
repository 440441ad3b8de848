package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// counts are what a child counts. It tells its parent now and then, since a parent that
// asks would cost the child more.
type counts struct {
	progress io.Writer
	grain    uint64 // how many more points it takes to tell of them; 0: it does not tell

	points, calls atomic.Uint64
	expected      atomic.Uint64 // points, when the round is over
	due           atomic.Uint64 // points, at which it tells

	mu      sync.Mutex
	sum     float64
	changed chan struct{} // the sum has
}

func newCounts(progress io.Writer) *counts {
	c := &counts{progress: progress, changed: make(chan struct{}, 1)}
	c.due.Store(math.MaxUint64)
	return c
}

// expect says how many points come in the next round.
func (c *counts) expect(points uint64) {
	have := c.points.Load()
	c.expected.Store(have + points)
	if c.grain > 0 {
		c.due.Store(c.next(have))
	}
}

// next returns when it tells, after it has told of so many points: at the end of the
// round, too.
func (c *counts) next(points uint64) uint64 {
	if expected := c.expected.Load(); points < expected {
		return min(expected, points+c.grain)
	}
	return points + c.grain
}

// add counts points that a receiver has taken.
func (c *counts) add(points uint64) {
	total := c.points.Add(points)
	for due := c.due.Load(); total >= due; due = c.due.Load() {
		if c.due.CompareAndSwap(due, c.next(total)) {
			_, _ = c.progress.Write(binary.BigEndian.AppendUint64(nil, total)) // a parent that is gone is told nothing
			return
		}
	}
}

// consume is a consumer that counts.
func (c *counts) consume(_ context.Context, m pmetric.Metrics) error {
	c.calls.Add(1)
	c.add(uint64(m.DataPointCount()))
	return nil
}

// consumeSums is a consumer of what was aggregated: it adds up the values of counters.
func (c *counts) consumeSums(_ context.Context, m pmetric.Metrics) error {
	c.calls.Add(1)
	sum := 0.0
	for _, rm := range m.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range m.Sum().DataPoints().All() {
					sum += p.DoubleValue()
				}
			}
		}
	}
	c.mu.Lock()
	c.sum += sum
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// waitForSum waits until what was handed over adds up to sum.
func (c *counts) waitForSum(sum float64, patience time.Duration) (float64, error) {
	late := time.After(patience)
	for {
		c.mu.Lock()
		have := c.sum
		c.mu.Unlock()
		if have >= sum {
			return have, nil
		}
		select {
		case <-c.changed:
		case <-late:
			return have, fmt.Errorf("the values handed over add up to %g, want %g", have, sum)
		}
	}
}
