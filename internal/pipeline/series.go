package pipeline

import (
	"math"
	"sort"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// Series is the state of one attribute set of an instrument. It belongs to the
// pump.
type Series struct {
	instrument *Instrument
	key        attribute.Distinct
	set        *attribute.Set // where series are forgotten, for a Bound of one
	wire       wire.AttributeSet
	start      int64
	bits       uint64 // sum or last value
	emitted    uint64 // what was emitted last, of an observed sum under delta
	round      uint32 // the last in which an observed sum was observed
	shared     bool   // more than one observation of a round went into an observed sum
	// touched is set by a measurement and cleared when its effect is emitted.
	touched bool
	gone    bool  // forgotten: a Bound that refers to it looks it up again
	idle    uint8 // collections without a measurement, under delta

	histogram *histogram // nil for what is a number
}

// histogram is what a histogram has beside its sum: one of these.
type histogram struct {
	explicit explicit
	floats   *structure.Float64 // exponential, as is ints
	ints     *structure.Int64
}

// explicit is the state of a histogram with given bounds.
type explicit struct {
	counts   []uint64
	count    uint64
	min, max uint64 // bits, valid if count > 0
}

// fold adds a measurement.
func (s *Series) fold(e *Event) {
	s.touched, s.idle = true, 0
	bits, weight := e.Bits, e.weight()
	switch s.instrument.Fold {
	case FoldSum:
		s.bits = s.added(bits, weight)
	case FoldLast:
		s.bits = bits
	case FoldAbsolute:
		s.observe(bits, e.Round)
	case FoldExplicit:
		s.histogram.explicit.fold(s.instrument, bits, weight)
		s.bits = s.added(bits, weight)
	case FoldExponential:
		if s.histogram.ints != nil {
			s.histogram.ints.UpdateByIncr(int64(bits), weight)
		} else {
			s.histogram.floats.UpdateByIncr(math.Float64frombits(bits), weight)
		}
		s.bits = s.added(bits, weight)
	}
}

// observe replaces what earlier rounds observed, and adds to what the same round
// did: attribute sets that differ in what is not kept are one series, and its sum
// theirs, as in the SDK.
func (s *Series) observe(bits uint64, round uint32) {
	if round != s.round {
		s.bits, s.round = bits, round
		return
	}
	s.bits, s.shared = s.added(bits, 1), true
}

func (s *Series) added(bits, weight uint64) uint64 {
	if s.instrument.Integer {
		return s.bits + bits*weight
	}
	return math.Float64bits(math.Float64frombits(s.bits) + math.Float64frombits(bits)*float64(weight))
}

func (h *explicit) fold(i *Instrument, bits, weight uint64) {
	v := math.Float64frombits(bits)
	if i.Integer {
		v = float64(int64(bits))
	}
	h.counts[sort.SearchFloat64s(i.Bounds, v)] += weight
	if h.count == 0 || i.less(bits, h.min) {
		h.min = bits
	}
	if h.count == 0 || i.less(h.max, bits) {
		h.max = bits
	}
	h.count += weight
}

// less compares two measurements: integers as such, since not all of them are
// floats.
func (i *Instrument) less(a, b uint64) bool {
	if i.Integer {
		return int64(a) < int64(b)
	}
	return math.Float64frombits(a) < math.Float64frombits(b)
}

// point makes the point of s at the given time, with its distribution in d.
func (s *Series) point(at int64, d *wire.Distribution) wire.Point {
	i := s.instrument
	p := wire.Point{Metric: i.metric, Attributes: &s.wire, StartTime: min(s.start, at), Time: at, Bits: s.bits}
	if i.NoSum {
		p.Bits = 0 // also the bits of 0.0
	}
	switch i.Fold {
	case FoldAbsolute:
		if i.Delta {
			p.Bits = s.sinceEmitted()
		}
	case FoldExplicit:
		positive, negative := d.Positive.Counts[:0], d.Negative.Counts[:0] // of exponential ones, for the next
		*d = wire.Distribution{Count: s.histogram.explicit.count, Bounds: i.Bounds, BucketCounts: s.histogram.explicit.counts}
		d.Positive.Counts, d.Negative.Counts = positive, negative
		if !i.NoMinMax && s.histogram.explicit.count > 0 {
			d.Min = wire.Extremum{Bits: s.histogram.explicit.min, Defined: true}
			d.Max = wire.Extremum{Bits: s.histogram.explicit.max, Defined: true}
		}
		p.Distribution = d
	case FoldExponential:
		if s.histogram.ints != nil {
			exponential(d, s.histogram.ints, i)
		} else {
			exponential(d, s.histogram.floats, i)
		}
		p.Distribution = d
	}
	return p
}

func (s *Series) sinceEmitted() uint64 {
	if s.instrument.Integer {
		return s.bits - s.emitted
	}
	return math.Float64bits(math.Float64frombits(s.bits) - math.Float64frombits(s.emitted))
}

// exponential copies h into d, reusing d's memory, at the instrument's largest
// scale or below.
func exponential[N structure.ValueType](d *wire.Distribution, h *structure.Histogram[N], i *Instrument) {
	positive, negative := d.Positive.Counts[:0], d.Negative.Counts[:0]
	*d = wire.Distribution{Count: h.Count(), Scale: h.Scale(), ZeroCount: h.ZeroCount()}
	d.Positive = buckets(positive, h.Positive())
	d.Negative = buckets(negative, h.Negative())
	for d.Scale > i.MaxScale {
		d.Downscale()
	}
	if !i.NoMinMax && d.Count > 0 {
		d.Min = wire.Extremum{Bits: bitsOf(h.Min()), Defined: true}
		d.Max = wire.Extremum{Bits: bitsOf(h.Max()), Defined: true}
	}
}

func buckets(counts []uint64, b *structure.Buckets) wire.Buckets {
	for i := range b.Len() {
		counts = append(counts, b.At(i))
	}
	if len(counts) == 0 {
		return wire.Buckets{Counts: counts}
	}
	return wire.Buckets{Offset: b.Offset(), Counts: counts}
}

// settle does what follows the emission of s: under delta the state begins
// anew.
func (s *Series) settle(at int64) {
	s.touched = false
	if !s.instrument.Delta {
		return
	}
	s.start = at
	s.emitted = s.bits
	switch s.instrument.Fold {
	case FoldSum:
		s.bits = 0
	case FoldExplicit:
		clear(s.histogram.explicit.counts)
		s.histogram.explicit.count, s.bits = 0, 0
	case FoldExponential:
		s.bits = 0
		if s.histogram.ints != nil {
			s.histogram.ints.Clear()
		} else {
			s.histogram.floats.Clear()
		}
	}
}
