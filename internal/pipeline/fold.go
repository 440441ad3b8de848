package pipeline

import (
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
	// histogramCost is about what an exponential histogram adds to that beside
	// its buckets, and bucketCost what a bucket takes at most: go-expohisto grows
	// each side up to the maximum size, and the counters up to 64 bits; an eighth
	// is what the allocator rounds up.
	histogramCost = 320
	bucketCost    = 9
)

var overflowSet = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// folder turns events into the states of series, and those into points. It
// belongs to the pump.
type folder struct {
	lane     *directLane
	registry *registry
	counters *counters
	notices  *notices
	sets     *attributeSets
	memory   *budget
	every    bool    // every event is a point of its own
	run      []Event // one run of events
	toFold   int     // events to be folded before the next rest
	// observed are the observations at hand, from nextObserved on still to be made points
	// of; nil: none.
	observed     *observations
	nextObserved int
	emission     emission
	scratch      wire.Distribution
}

// lookup returns the series of set, a new one where it is unknown, the overflow
// series where there are too many, and nil and the reason where it cannot.
func (f *folder) lookup(i *Instrument, set attribute.Set) (*Series, wire.DropReason) {
	if i.unsendable {
		return nil, i.reason
	}
	s, known := i.series[set.Equivalent()] // as in the SDK, the hash is the set
	if known && f.counts(s) {
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
	lent, ok := f.sets.lend(set)
	if !ok {
		f.notices.unsendable(i.metric, &set)
		return nil, wire.Encode
	}
	if !f.memory.need(i.cost(lent)) { // before anything of it is kept
		return nil, wire.Memory
	}
	s = &Series{instrument: i, key: set.Equivalent(), start: i.started}
	if i.Delta {
		s.start = max(s.start, f.emission.time) // nothing of it was there at the last collection
	}
	if i.onlyMeasured() {
		own := set // so that only this escapes
		s.set = &own
	}
	s.wire.Grow(set.Len())
	f.sets.compile(&s.wire, set, f.sets.keep) // as it was lent
	i.fresh++
	i.prepare(s)
	i.series[s.key] = s
	i.list = append(i.list, s)
	return s, 0
}

// counts reports whether s counts towards the limit already: if not, a measurement
// may meet the overflow.
func (f *folder) counts(s *Series) bool {
	return s.touched || f.every || !s.instrument.onlyMeasured()
}

// cost is about what a series of i with such attributes takes, in bytes.
func (i *Instrument) cost(s *wire.AttributeSet) int64 {
	cost := seriesCost + attributeCost*s.Len() + s.Weight()
	switch i.Fold {
	case FoldExplicit:
		cost += 8 * len(i.Bounds)
	case FoldExponential:
		cost += histogramCost + 2*bucketCost*min(int(i.MaxSize), structure.MaximumMaxSize)
	}
	return int64(cost)
}

func (i *Instrument) prepare(s *Series) {
	switch i.Fold {
	case FoldExplicit:
		s.histogram = &histogram{explicit: explicit{counts: make([]uint64, len(i.Bounds)+1)}}
	case FoldExponential:
		config := structure.NewConfig(structure.WithMaxSize(i.MaxSize))
		if i.Integer {
			s.histogram = &histogram{ints: structure.NewInt64(config)}
		} else {
			s.histogram = &histogram{floats: structure.NewFloat64(config)}
		}
	}
}
