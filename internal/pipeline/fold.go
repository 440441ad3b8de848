package pipeline

import (
	"math"
	"sort"
	"sync/atomic"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

const (
	// cardinalityLimit is the most series an instrument has, as in the SDK.
	cardinalityLimit = 2000
	// instrumentCost is about what an instrument takes beside its strings, in
	// bytes.
	instrumentCost = 1024
	// seriesCost is about what a series takes beside its attributes, in bytes.
	seriesCost = 384
	// attributeCost is about what each of its attributes takes beside its text.
	attributeCost = 48
	// histogramCost is about what an exponential histogram adds to that.
	histogramCost = 512
)

var overflowSet = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// folder turns events into the states of series, and those into points. It
// belongs to the pump.
type folder struct {
	lane     *directLane
	registry *registry
	counters *counters
	sets     *attributeSets
	memory   *budget
	every    bool    // every event is a point of its own
	run      []Event // one run of events
	at       emission
	scratch  wire.Distribution
}

// lookup returns the series of set, a new one where it is unknown, the overflow
// series where there are too many, and nil and the reason where it cannot.
func (f *folder) lookup(i *Instrument, set attribute.Set) (*Series, wire.DropReason) {
	s, known := i.series[set.Equivalent()] // as in the SDK, the hash is the set
	if known && (s.touched || f.every || !i.passing()) {
		return s, 0
	}
	size := i.size()
	if f.every {
		size = len(i.series) // each event is settled at once: none stays fresh
	}
	if size >= cardinalityLimit-1 {
		set = overflowSet
		f.counters.overflow.Store(true)
		s, known = i.series[set.Equivalent()]
	}
	if known {
		i.fresh++
		return s, 0
	}
	if textLen(&set) > f.memory.left.Load() {
		return nil, wire.Memory // before its strings are kept
	}
	s = &Series{instrument: i, key: set.Equivalent(), start: i.started}
	if i.Delta {
		s.start = max(s.start, f.at.at) // nothing of it was there at the last collection
	}
	if i.passing() {
		own := set // so that only this escapes
		s.set = &own
	}
	s.wire.Grow(set.Len())
	if !f.sets.compile(&s.wire, set, f.sets.keep) {
		return nil, wire.Encode
	}
	if !f.memory.take(i.cost(s)) {
		return nil, wire.Memory
	}
	i.fresh++
	i.prepare(s)
	i.series[s.key] = s
	i.list = append(i.list, s)
	return s, 0
}

// textLen is the length of a set's keys and strings.
func textLen(set *attribute.Set) int64 {
	n := 0
	for it := set.Iter(); it.Next(); {
		kv := it.Attribute()
		n += len(kv.Key) + len(kv.Value.AsString())
	}
	return int64(n)
}

func (i *Instrument) cost(s *Series) int64 {
	cost := seriesCost + attributeCost*s.wire.Len() + s.wire.Weight()
	switch i.Fold {
	case FoldExplicit:
		cost += 8 * len(i.Bounds)
	case FoldExponential:
		cost += histogramCost
	}
	return int64(cost)
}

func (i *Instrument) prepare(s *Series) {
	switch i.Fold {
	case FoldExplicit:
		s.explicit = &explicit{counts: make([]uint64, len(i.Bounds)+1)}
	case FoldExponential:
		config := structure.NewConfig(structure.WithMaxSize(i.MaxSize))
		if i.Integer {
			s.ints = structure.NewInt64(config)
		} else {
			s.floats = structure.NewFloat64(config)
		}
	}
}

// fold adds a measurement that stands for weight of its like.
func (s *Series) fold(bits uint64, weight uint64) {
	s.touched, s.idle = true, 0
	switch s.instrument.Fold {
	case FoldSum:
		s.bits = s.added(bits, weight)
	case FoldLast, FoldAbsolute:
		s.bits = bits
	case FoldExplicit:
		s.explicit.fold(s.instrument, bits, weight)
		s.bits = s.added(bits, weight)
	case FoldExponential:
		if s.ints != nil {
			s.ints.UpdateByIncr(int64(bits), weight)
		} else {
			s.floats.UpdateByIncr(math.Float64frombits(bits), weight)
		}
		s.bits = s.added(bits, weight)
	}
}

func (s *Series) added(bits, weight uint64) uint64 {
	if s.instrument.Integer {
		return s.bits + bits*weight
	}
	return math.Float64bits(math.Float64frombits(s.bits) + math.Float64frombits(bits)*float64(weight))
}

func (h *explicit) fold(i *Instrument, bits, weight uint64) {
	v := asFloat(bits, i.Integer)
	h.counts[sort.SearchFloat64s(i.Bounds, v)] += weight
	if h.count == 0 || v < asFloat(h.min, i.Integer) {
		h.min = bits
	}
	if h.count == 0 || v > asFloat(h.max, i.Integer) {
		h.max = bits
	}
	h.count += weight
}

func asFloat(bits uint64, integer bool) float64 {
	if integer {
		return float64(int64(bits))
	}
	return math.Float64frombits(bits)
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
		*d = wire.Distribution{Count: s.explicit.count, Bounds: i.Bounds, BucketCounts: s.explicit.counts}
		if !i.NoMinMax && s.explicit.count > 0 {
			d.Min = wire.Extremum{Bits: s.explicit.min, Defined: true}
			d.Max = wire.Extremum{Bits: s.explicit.max, Defined: true}
		}
		p.Distribution = d
	case FoldExponential:
		if s.ints != nil {
			exponential(d, s.ints, i)
		} else {
			exponential(d, s.floats, i)
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
		d.Halve()
	}
	if !i.NoMinMax && d.Count > 0 {
		d.Min = wire.Extremum{Bits: bitsOfValue(h.Min()), Defined: true}
		d.Max = wire.Extremum{Bits: bitsOfValue(h.Max()), Defined: true}
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

func bitsOfValue[N structure.ValueType](v N) uint64 {
	switch v := any(v).(type) {
	case float64:
		return math.Float64bits(v)
	case int64:
		return uint64(v)
	}
	return 0
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
		clear(s.explicit.counts)
		s.explicit.count, s.bits = 0, 0
	case FoldExponential:
		s.bits = 0
		if s.ints != nil {
			s.ints.Clear()
		} else {
			s.floats.Clear()
		}
	}
}

// budget bounds the memory of the direct path's instruments, series and names.
type budget struct{ left atomic.Int64 } // bytes

// take takes bytes from the budget, if there are so many left.
func (b *budget) take(bytes int64) bool {
	if b.left.Add(-bytes) >= 0 {
		return true
	}
	b.left.Add(bytes)
	return false
}

func (b *budget) give(bytes int64) { b.left.Add(bytes) }
