package aggregate

import (
	"math"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// Events takes a measurement of a series, an int64 or the bits of a float64, in event mode,
// where each measurement is a point of its own. It reports whether it took the measurement.
// It counts a measurement that it does not take as dropped. It never waits.
type Events func(s Single, bits uint64) bool

// Single is a series each of whose measurements is a point of its own. The goroutine that
// takes events out of the queue makes the points.
type Single interface {
	Priority() drop.Priority
	// Own reports whether the series belongs to the exporter's own metrics.
	Own() bool
	// Point makes the point of a measurement, with its distribution in d. If ok is false,
	// reason says why it cannot be sent.
	Point(i *intern.Identifier, bits uint64, weight uint64, at int64, d *wire.Distribution) (p wire.Point, reason wire.DropReason, ok bool)
}

// single passes each measurement on as it is.
type single[N Number] struct {
	oneWord
	series *Series[N]
	total  N     // of up-down counters, which add up without end
	last   int64 // when the last point was made
}

func (x *single[N]) record(_ *Series[N], v N) result {
	if !x.series.stream.config.Events(x, bitsOf(v)) {
		return lost
	}
	return taken
}

func (*single[N]) takeBack(N) (v N, some bool) { return 0, false }

func (*single[N]) collect(_ *Config, r *reading, _ *wire.Point) outcome {
	r.kill()
	return withheld // the measurement is in the queue
}

func (x *single[N]) Priority() drop.Priority { return x.series.stream.config.Priority }

func (x *single[N]) Own() bool { return x.series.stream.config.Own }

func (x *single[N]) Point(i *intern.Identifier, bits, weight uint64, at int64, d *wire.Distribution) (p wire.Point, reason wire.DropReason, ok bool) {
	e := x.series
	s := e.stream
	if reason = e.identify(i); reason != intern.Sendable {
		return p, reason, false
	}
	if x.last == 0 {
		x.last = s.created
	}
	p = wire.Point{Metric: s.metric, Attributes: e.labels.attributes(), StartTime: min(x.last, at), Time: at, Bits: bits}
	v, n := numberOf[N](bits), N(weight)
	switch s.config.Kind {
	case Sum:
		x.total += v * n
		p.Bits = bitsOf(x.total)
	case Explicit, Exponential:
		sum := summary[N]{sum: v * n, min: v, max: v}
		p.Bits = 0
		d = distributionOf(d, &p, &s.config, &sum)
		d.Count = weight
		x.distribute(d, v, weight)
	}
	if s.config.Delta {
		x.total, x.last = 0, at
	}
	return p, intern.Sendable, true
}

// distribute puts a measurement into its bucket.
func (x *single[N]) distribute(d *wire.Distribution, v N, weight uint64) {
	c := &x.series.stream.config
	if c.Kind == Explicit {
		d.Bounds = c.Bounds
		for range len(c.Bounds) + 1 {
			d.BucketCounts = append(d.BucketCounts, 0)
		}
		d.BucketCounts[bucketOf(c.Bounds, float64(v))] = weight
		return
	}
	d.Scale = c.MaxScale
	if v == 0 {
		d.ZeroCount = weight
		return
	}
	to := &d.Positive
	if v < 0 {
		to = &d.Negative
	}
	to.Offset = split(math.Abs(float64(v))).bucket(c.MaxScale)
	to.Counts = append(to.Counts, weight)
}
