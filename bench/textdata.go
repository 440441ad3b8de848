package main

import (
	"cmp"
	"math"
	"slices"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/statsd"
)

// textPoints are the points of one experiment. From one pass to the next a counter grows by
// one, a gauge too, and a histogram has one more measurement in each bucket.
type textPoints struct {
	kind     wire.Kind // Sum, Gauge or Histogram
	counters []workload.Counter
	// resource says that the attributes of the resource go with each point which do so if
	// nothing else is said: the data have three of them.
	resource bool
}

// textBounds are those of the SDK's histograms. The measurements of a bucket lie a third of
// its way from its begin, between leastValue and mostValue.
var textBounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}

const (
	leastValue = 0.0
	mostValue  = 20_000.0
)

var textValues, textSum = textMeasurements()

// textMeasurements returns one measurement of each bucket, and their sum.
func textMeasurements() (values []float64, sum float64) {
	low := leastValue
	for _, high := range append(slices.Clone(textBounds), mostValue) {
		values = append(values, low+(high-low)/3)
		sum += values[len(values)-1]
		low = high
	}
	return values, sum
}

// tags returns what goes with a point, sorted by key.
func (t *textPoints) tags(of *workload.Counter) []workload.Attribute {
	tags := slices.Clone(of.Attributes)
	if t.resource {
		for _, a := range workload.Resource() {
			if slices.Contains(textResource, a.Key) {
				tags = append(tags, a)
			}
		}
	}
	slices.SortFunc(tags, func(a, b workload.Attribute) int { return cmp.Compare(a.Key, b.Key) })
	return tags
}

// textResource is the default of the encodings but StatsD.
var textResource = []string{"service.namespace", "service.name", "service.instance.id", "deployment.environment.name"}

// options returns textResource, or none.
func (t *textPoints) options() []string {
	if t.resource {
		return textResource
	}
	return []string{}
}

// lines returns how many lines a point has: a histogram one for each bucket, and others.
func (t *textPoints) lines(others int) int {
	if t.kind == wire.Histogram {
		return len(textValues) + others
	}
	return 1
}

// statsd returns the options of both dialects of StatsD.
func (t *textPoints) statsd(tags statsd.Tags) statsd.Options {
	return statsd.Options{Tags: tags, Resource: t.options()}
}

// gauge returns what a gauge has at first.
func gauge(of *workload.Counter) float64 { return float64(of.Value) / 100 }

// wire returns the points as package wire takes them.
func (t *textPoints) wire() []wire.Point {
	points := wirePoints(t.counters)
	for i := range points {
		p := &points[i]
		m := p.Metric
		m.Kind = t.kind
		m.Integer = t.kind == wire.Sum
		m.Monotonic = m.Integer
		switch t.kind {
		case wire.Gauge:
			p.Bits = math.Float64bits(gauge(&t.counters[i]))
		case wire.Histogram:
			p.Bits = 0
			p.Distribution = &wire.Distribution{
				Bounds: textBounds, BucketCounts: make([]uint64, len(textValues)),
				Min: wire.Extremum{Bits: math.Float64bits(leastValue), Defined: true},
				Max: wire.Extremum{Bits: math.Float64bits(mostValue), Defined: true},
			}
			grow(p)
		}
	}
	return points
}

// grow changes a point as from one pass to the next.
func grow(p *wire.Point) {
	switch p.Metric.Kind {
	case wire.Sum:
		p.Bits++
	case wire.Gauge:
		p.Bits = math.Float64bits(math.Float64frombits(p.Bits) + 1)
	case wire.Histogram:
		d := p.Distribution
		for i := range d.BucketCounts {
			d.BucketCounts[i]++
		}
		d.Count += uint64(len(d.BucketCounts))
		p.Bits = math.Float64bits(math.Float64frombits(p.Bits) + textSum)
	}
}
