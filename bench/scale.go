package main

import "fmt"

const (
	// scaleInstruments share the sets of attributes.
	scaleInstruments = 10
	scaleRounds      = 3
	// scalePoints is how many points a round exports at least.
	scalePoints = 200_000
	// otlpSeries is how many series OTLP/HTTP exports at most: the SDK's exporter sends no
	// request of more than 64 MiB, and the SDK does not split an export.
	otlpSeries = 100_000
)

// scaleSeries are how many series an exporter has.
var scaleSeries = []int{1000, 10_000, 100_000, 1_000_000}

// scaleExperiments are about one exporter with so many series.
var scaleExperiments = func() (all []experiment) {
	for _, n := range scaleSeries {
		all = append(all, scaleExperiment(n))
	}
	return all
}()

func scaleExperiment(series int) experiment {
	name := fmt.Sprintf("scale, %s series", figure(float64(series)))
	otlp := 2
	if series > otlpSeries {
		otlp = alone
	}
	heap, each := (*cost).megabytes, (*cost).timeEach
	return experiment{
		name: name, rounds: scaleRounds, cold: true, long: series > 100_000,
		lines: []line{
			{name + ", SDK path, all CPU", "ns/point", (*cost).usedNanos, 0, otlp, none},
			{name + ", SDK path, CPU of the SDK's collection, a part of that", "ns/point", (*cost).collectNanos, 0, otlp, none},
			{name + ", direct path, all CPU", "ns/point", (*cost).usedNanos, 1, otlp, none},
			{name + ", SDK path, live heap", "MB", heap, 0, otlp, none},
			{name + ", direct path, live heap", "MB", heap, 1, otlp, none},
			{name + ", SDK path, time of an export", "ms", each, 0, otlp, none},
			{name + ", direct path, time of a collection", "ms", each, 1, otlp, none},
			{name + ", SDK path, packets of an export", "packets", (*cost).packetsEach, 0, alone, none},
			{name + ", direct path, packets of a collection", "packets", (*cost).packetsEach, 1, alone, none},
			{name + ", direct path, size", "bytes/point", (*cost).size, 1, alone, none},
		},
		setup: func(quick bool) ([]side, error) {
			n := series
			if quick {
				n /= 100
			}
			run := func(open func(*manySeries) error, role string) func() (cost, error) {
				return func() (cost, error) { return scaleRound(n, quick, open, role) }
			}
			sides := []side{
				{"otelgram", run((*manySeries).openSDK, decoderRole), nothing},
				{"otelgram's direct path", run((*manySeries).openDirect, decoderRole), nothing},
			}
			if otlp != alone {
				sides = append(sides, side{"OTLP/HTTP", run((*manySeries).openOTLP, httpRole), nothing})
			}
			return sides, nil
		},
	}
}

func (c *cost) usedNanos() float64    { return float64(c.used) / float64(c.points) }
func (c *cost) collectNanos() float64 { return float64(c.collecting) / float64(c.points) }
func (c *cost) packetsEach() float64  { return float64(c.packets*c.series) / float64(c.points) }
func (c *cost) timeEach() float64     { return c.millis() * float64(c.series) / float64(c.points) }
