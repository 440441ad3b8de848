package main

import (
	"context"
	"errors"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

const (
	idleTime      = 3 * time.Second
	idleTimeQuick = 100 * time.Millisecond
)

// idleExperiment is about what an exporter costs that nobody uses, the direct
// path open and a thousand series in it.
var idleExperiment = experiment{
	name:   "idle",
	rounds: 3,
	lines: []line{
		{"idle, 1,000 series on the direct path", "% of a core", (*cost).cpuPercent, 0, alone, target{valueAtMost, 0.5}},
	},
	setup: func(quick bool) ([]side, error) {
		at, err := startChild(plainRole)
		if err != nil {
			return nil, err
		}
		exp, err := exporter.New(context.Background(), exporter.WithEndpoint(at.address()))
		if err != nil {
			return nil, errors.Join(err, at.close())
		}
		length := idleTime
		if quick {
			length = idleTimeQuick
		}
		round := func() (cost, error) {
			if err := fillInstruments(exp, 0, firstSeries); err != nil {
				return cost{}, err
			}
			if err := exp.ForceFlush(context.Background()); err != nil {
				return cost{}, err
			}
			cpu, start := cpuTime(), time.Now()
			time.Sleep(length)
			return cost{points: 1, elapsed: time.Since(start), cpu: cpuTime() - cpu}, nil
		}
		end := func() error { return errors.Join(exp.Shutdown(context.Background()), at.close()) }
		return []side{{"idle", round, end}}, nil
	},
}

// cpuPercent is how much of a core was used.
func (c *cost) cpuPercent() float64 { return 100 * float64(c.cpu) / float64(c.elapsed) }
