package aggregate

import (
	"hash/maphash"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/table"
	"github.com/otelgram/otelgram/wire"
)

// Stream is what a view makes of an instrument: an aggregation with a series for each
// attribute set. For now each instrument is one stream. A Stream is safe for concurrent
// use. A caller that records never waits, neither for another caller nor for the collector.
type Stream[N Number] struct {
	base
	series   table.Table[Series[N]]
	overflow atomic.Pointer[Series[N]]
}

// base is what a stream has whatever the type of its numbers.
type base struct {
	config   Config
	registry *Registry
	seed     maphash.Seed
	// admitted is how many series have the flag admitted. It may be more for a moment.
	admitted atomic.Int64
	living   atomic.Int64 // the series in the table that are not removed
	created  int64        // in Unix nanoseconds
	start    atomic.Int64 // of series that are made later, in Unix nanoseconds

	round uint32 // the number of the round whose observations came last, under the round's lock

	// What follows is the collector's.
	metric  *wire.Metric    // the metric of the points, once one was made
	reason  wire.DropReason // why no point can be sent, or intern.Sendable
	partial bool            // observations are missing in the collection under way
	beyond  bool            // there are more series than the limit allows
	// saidOutside is set once it was reported that measurements are in no bucket.
	saidOutside bool
}

var (
	sealedInt   = deadSeries[int64]()
	sealedFloat = deadSeries[float64]()

	overflowSet = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))
)

// deadSeries returns a series that no search finds.
func deadSeries[N Number]() *Series[N] {
	e := &Series[N]{}
	e.flags.Store(dead)
	return e
}

func newStream[N Number](r *Registry, c Config, start int64) *Stream[N] {
	s := &Stream[N]{base: base{config: c, registry: r, seed: r.seed, created: start}}
	s.start.Store(start)
	sealed, ok := any(sealedInt).(*Series[N])
	if !ok {
		sealed = any(sealedFloat).(*Series[N])
	}
	s.series.Init(sealed, func(e *Series[N]) uint64 { return maphash.Comparable(s.seed, e.key) }, (*Series[N]).isDead)
	return s
}

// Observed is a stream that callbacks observe, whatever the type of its numbers.
type Observed interface {
	Config() *Config
	SetPartial(partial bool)
}

// SetPartial says whether observations are missing in the next collection, since a callback
// has failed. Then what was not observed is neither sent nor forgotten, since it is not
// known whether it is gone. Only the goroutine that calls the collector may call it.
func (s *base) SetPartial(partial bool) { s.partial = partial }

// Config returns what describes the stream.
func (s *base) Config() *Config { return &s.config }

// passing reports whether a series is sent, and counts towards the limit, only if it was
// measured since the last collection.
func (s *base) passing() bool {
	c := &s.config
	return c.Delta || c.Observed || c.Events != nil && c.Kind != Sum
}

// Record takes a measurement, and reports whether it did. It counts a measurement that it
// does not take as dropped. It keeps nothing of set.
func (s *Stream[N]) Record(set attribute.Set, v N) bool {
	_, ok := s.record(s.find(set.Equivalent()), set, v)
	return ok
}

// record records on e or, if it may not, on the series that set has now. It returns the
// series on which it recorded last.
func (s *Stream[N]) record(e *Series[N], set attribute.Set, v N) (*Series[N], bool) {
	for {
		// A series that was not measured yet may have been made after the last collection.
		// admit finds that out.
		if e == nil || e.flags.Load() != current {
			var reason wire.DropReason
			if e, reason = s.admit(set); e == nil {
				return nil, s.lose(reason)
			}
		}
		var r result
		if v, r = e.record(v); r != late {
			return e, r == taken
		}
		e = nil
	}
}

// find returns the series of a set, or nil if no living series has it.
func (s *Stream[N]) find(key attribute.Distinct) *Series[N] {
	slots := s.series.Slots()
	for place := maphash.Comparable(s.seed, key); ; place++ {
		e := slots.At(place)
		if e != nil && e.key == key && e.flags.Load()&dead == 0 {
			return e
		}
		if slots.Ends(e) {
			return nil
		}
	}
}

// admit returns the series of set, or the overflow series, for a measurement that counts
// towards the limit. If it returns nil, it says why.
func (s *Stream[N]) admit(set attribute.Set) (*Series[N], wire.DropReason) {
	key := set.Equivalent()
	for {
		e := s.find(key)
		// This comes after find: a series that was made after the last collection must not
		// be used.
		if s.registry.closed.Load() {
			return nil, wire.Shutdown
		}
		if e != nil && e.flags.Load()&admitted != 0 {
			return e, 0
		}
		if e == nil {
			if other, changed := intern.Dedup(set); changed {
				set, key = other, other.Equivalent()
				continue
			}
		}
		switch {
		case key == overflowSet.Equivalent():
			return s.overflowing()
		case !s.reserve():
			if e = s.find(key); e != nil && e.flags.Load()&admitted != 0 {
				return e, 0 // another caller of the same set was faster
			}
			return s.overflowing()
		case e != nil:
			if e.setAdmitted() {
				return e, 0
			}
		default:
			if e = s.make(set); e == nil {
				s.admitted.Add(-1)
				return nil, wire.Memory
			}
			if in := s.series.Add(e, func(x *Series[N]) bool { return x.key == key }); in == e {
				s.living.Add(1)
				s.check(e)
				return e, 0
			}
			s.registry.memory.Give(s.cost(e))
		}
		s.admitted.Add(-1) // another caller was faster
	}
}

// reserve counts a series towards the limit, unless the limit is reached.
func (s *base) reserve() bool {
	limit := int64(s.registry.limit)
	for {
		n := s.admitted.Load()
		if limit > 0 && n+1 >= limit {
			break
		}
		if s.admitted.CompareAndSwap(n, n+1) {
			return true
		}
	}
	if !s.registry.overflowed.Load() {
		s.registry.overflowed.Store(true)
	}
	return false
}

// check kills a series that was made while the provider was closed, since the last
// collection may not have seen it.
func (s *Stream[N]) check(e *Series[N]) {
	if s.registry.closed.Load() {
		e.flags.Or(dead)
	}
}

// overflowing returns the overflow series, for what is beyond the limit.
func (s *Stream[N]) overflowing() (*Series[N], wire.DropReason) {
	e := s.overflow.Load()
	if e == nil {
		made := s.make(overflowSet)
		if made == nil {
			return nil, wire.Memory
		}
		made.overflow = true
		if s.overflow.CompareAndSwap(nil, made) {
			e = made
			s.check(e)
		} else {
			s.registry.memory.Give(s.cost(made))
			e = s.overflow.Load()
		}
	}
	if s.registry.closed.Load() {
		return nil, wire.Shutdown
	}
	e.flags.Or(admitted)
	return e, 0
}

// make returns a series that is admitted, or nil if there is no memory for it.
func (s *Stream[N]) make(set attribute.Set) *Series[N] {
	size := intern.SetSize(set)
	if !s.registry.memory.Need(seriesCost + size + s.config.stripeCost()) {
		return nil
	}
	e := s.madeOf()
	e.stream, e.key, e.start = s, set.Equivalent(), s.start.Load()
	e.size, e.labels = uint32(size), labels{pending: own(set)}
	e.flags.Store(admitted)
	return e
}

// cost returns for how much a series was charged, in bytes.
func (s *Stream[N]) cost(e *Series[N]) int64 {
	return seriesCost + int64(e.size) + s.config.stripeCost()
}

// lose counts a measurement that a series did not take.
func (s *base) lose(reason wire.DropReason) bool {
	s.registry.books.Refuse(reason)
	return false
}

// beside is a series and its state in one allocation.
type beside[N Number, S any] struct {
	Series[N]
	own S
}

// madeOf makes a series and its state.
func (s *Stream[N]) madeOf() *Series[N] {
	if s.config.Events != nil {
		x := &beside[N, single[N]]{}
		x.own.series = &x.Series
		x.state = &x.own
		return &x.Series
	}
	switch s.config.Kind {
	case LastValue:
		x := &beside[N, lastValue[N]]{}
		x.state = &x.own
		return &x.Series
	case Precomputed:
		x := &beside[N, precomputed[N]]{own: precomputed[N]{stream: &s.base}}
		x.state = &x.own
		return &x.Series
	case Explicit:
		x := &beside[N, explicit[N]]{}
		x.own.first.state = emptyBuckets[N](&s.config)
		x.state = &x.own
		return &x.Series
	case Exponential:
		x := &beside[N, exponential[N]]{}
		x.own.first.state = emptyScaled[N](&s.config)
		x.state = &x.own
		return &x.Series
	}
	x := &beside[N, sum[N]]{}
	x.state = &x.own
	return &x.Series
}
