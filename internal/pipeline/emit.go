package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// idleCollections is after how many collections without a measurement a series
// is forgotten, under delta temporality.
const idleCollections = 8

// emission is where a collection stands: the pump emits the points of all
// series, as fast as there are packets for them, and folds on in between.
type emission struct {
	active      bool
	time        int64 // the points' time
	previous    int64 // the time of the collection before
	instruments []*Instrument
	instrument  int
	series      int
}

// begin starts a collection.
func (f *folder) begin(now time.Time) {
	instruments, missing := f.registry.snapshot()
	f.emission = emission{active: true, time: now.UnixNano(), previous: f.emission.time, instruments: instruments}
	for _, i := range instruments {
		i.fresh, i.missing = 0, false
	}
	for _, i := range missing {
		i.missing = true
	}
}

// busy reports whether there is something left of a collection or a run of
// observations.
func (f *folder) busy() bool { return f.emission.active || f.observed != nil }

// next returns the series whose point is to be emitted next, nil at the end of
// the collection.
func (f *folder) next() *Series {
	e := &f.emission
	for ; e.instrument < len(e.instruments); e.instrument++ {
		i := e.instruments[e.instrument]
		for e.series < len(i.list) {
			s := i.list[e.series]
			if i.missing && s.shared {
				s.touched = false // a part of the sum may be missing; the next round observes it anew
			}
			if s.touched || (!i.Delta && !i.OnlyObserved && !f.every) {
				f.begun(s)
				return s
			}
			if i.onlyMeasured() && f.forget(i, e.series) {
				continue // another series stands here now
			}
			e.series++
		}
		e.series = 0
	}
	e.active = false
	return nil
}

// begun sets when the measurements of a series began under delta: with the
// collection before, as for all series of the instrument, also where it was idle
// then. An observed sum knows when it was emitted last, an event of its own when
// the one before came.
func (f *folder) begun(s *Series) {
	if i := s.instrument; i.Delta && i.Fold != FoldAbsolute && !f.every {
		s.start = max(i.started, f.emission.previous)
	}
}

// advance moves behind the series that next returned.
func (f *folder) advance() { f.emission.series++ }

// forget counts a collection without a measurement for the series at the given
// place, and takes it out after too many; one that was not observed at once, as
// the SDK does, but not when observations are missing.
func (f *folder) forget(i *Instrument, at int) bool {
	s := i.list[at]
	s.idle++
	if i.OnlyObserved {
		if i.missing && len(i.list) <= cardinalityLimit {
			return false
		}
	} else if s.idle < idleCollections && len(i.list) < cardinalityLimit {
		return false
	}
	s.gone = true
	delete(i.series, s.key)
	last := len(i.list) - 1
	i.list[at], i.list[last] = i.list[last], nil
	i.list = i.list[:last]
	f.memory.give(i.cost(&s.wire))
	return true
}

// abandon counts the points that touched series would have made, when the pump
// stops before they were collected.
func (f *folder) abandon() {
	all, _ := f.registry.snapshot()
	for _, i := range all {
		for _, s := range i.list {
			if s.touched {
				f.counters.offered.Add(1)
				f.counters.drop(wire.Shutdown, 1)
			}
		}
	}
}
