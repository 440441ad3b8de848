package main

import (
	"context"
	"errors"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

// The default flush interval, and how long an idle exporter is looked at: longer
// than that, so that a flush of all series is part of it.
const (
	flushInterval      = 10 * time.Second
	flushIntervalQuick = 50 * time.Millisecond
	idleIntervals      = 1.1
)

// idleExperiment is about what an exporter costs that nobody uses, the direct
// path open and a thousand series in it.
var idleExperiment = experiment{
	name:   "idle",
	rounds: 3,
	cold:   true,
	lines: []line{
		{"idle, 1,000 series on the direct path", "% of a core", (*cost).cpuPercent, 0, alone, target{valueAtMost, 0.5}},
	},
	setup: func(quick bool) ([]side, error) {
		at, err := startChild(plainRole)
		if err != nil {
			return nil, err
		}
		interval := flushInterval
		if quick {
			interval = flushIntervalQuick
		}
		length := time.Duration(idleIntervals * float64(interval))
		exp, err := exporter.New(context.Background(), exporter.WithEndpoint(at.address()), exporter.WithFlushInterval(interval))
		if err != nil {
			return nil, errors.Join(err, at.close())
		}
		round := func() (cost, error) {
			if err := fillInstruments(exp, 0, firstSeries); err != nil {
				return cost{}, err
			}
			if err := exp.ForceFlush(context.Background()); err != nil {
				return cost{}, err
			}
			before := exp.Stats().Sent
			cpu, start := cpuTime(), time.Now()
			time.Sleep(length)
			c := cost{points: 1, elapsed: time.Since(start), idle: cpuTime() - cpu}
			if exp.Stats().Sent == before {
				return c, errors.New("nothing was flushed meanwhile")
			}
			return c, nil
		}
		end := func() error { return errors.Join(exp.Shutdown(context.Background()), at.close()) }
		return []side{{"idle", round, end}}, nil
	},
}

// cpuPercent is how much of a core was used.
func (c *cost) cpuPercent() float64 { return 100 * float64(c.idle) / float64(c.elapsed) }
