package aggregate

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// reading says how the state of a series is read.
type reading struct {
	take         bool           // leave nothing behind
	last         bool           // do not come again for what callers hold
	dying        *atomic.Uint32 // the flags of a series that dies now
	measured     bool           // the series was measured since the last collection
	outside      bool           // a measurement is in no bucket of an exponential histogram
	distribution wire.Distribution
}

// kill marks the series as dead, if it is to die, so that it takes no more measurements.
func (r *reading) kill() {
	if r.dying != nil && r.dying.Or(dead)&measured != 0 {
		r.measured = true
	}
}

// distributionOf begins the distribution of a point in d, and reuses the memory of d. It
// sets what both kinds of histograms have. The caller sets the count.
func distributionOf[N Number](d *wire.Distribution, p *wire.Point, c *Config, s *summary[N]) *wire.Distribution {
	*d = wire.Distribution{
		BucketCounts: d.BucketCounts[:0],
		Positive:     wire.Buckets{Counts: d.Positive.Counts[:0]}, Negative: wire.Buckets{Counts: d.Negative.Counts[:0]},
	}
	if !s.empty() && !c.NoMinMax {
		d.Min = wire.Extremum{Bits: bitsOf(s.min), Defined: true}
		d.Max = wire.Extremum{Bits: bitsOf(s.max), Defined: true}
	}
	if !c.NoSum {
		p.Bits = bitsOf(s.sum)
	}
	p.Distribution = d
	return d
}

// outcomeOf returns what a histogram has found.
func outcomeOf(g gathering, empty bool) outcome {
	switch {
	case g == incomplete && empty:
		return busy
	case g == incomplete:
		return part
	case empty:
		return nothing
	}
	return found
}
