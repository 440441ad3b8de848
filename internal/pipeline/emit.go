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
	instruments []*Instrument
	instrument  int
	series      int
}

// begin starts a collection.
func (f *folder) begin(now time.Time) {
	f.emission = emission{active: true, time: now.UnixNano(), instruments: f.registry.all()}
	for _, i := range f.emission.instruments {
		i.fresh = 0
	}
}

// next returns the series whose point is to be emitted next, nil at the end of
// the collection.
func (f *folder) next() *Series {
	e := &f.emission
	for ; e.instrument < len(e.instruments); e.instrument++ {
		i := e.instruments[e.instrument]
		for e.series < len(i.list) {
			s := i.list[e.series]
			if s.touched || (!i.Delta && !i.OnlyObserved && !f.every) {
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

// advance moves behind the series that next returned.
func (f *folder) advance() { f.emission.series++ }

// forget counts a collection without a measurement for the series at the given
// place, and takes it out after too many; one that was not observed, at once, as
// the SDK does.
func (f *folder) forget(i *Instrument, at int) bool {
	s := i.list[at]
	s.idle++
	if s.idle < idleCollections && !i.OnlyObserved && len(i.list) < cardinalityLimit {
		return false
	}
	s.gone = true
	delete(i.series, s.key)
	last := len(i.list) - 1
	i.list[at], i.list[last] = i.list[last], nil
	i.list = i.list[:last]
	f.memory.give(i.cost(s))
	return true
}

// abandon counts the points that touched series would have made, when the pump
// stops before they were collected.
func (f *folder) abandon() {
	for _, i := range f.registry.all() {
		for _, s := range i.list {
			if s.touched {
				f.counters.offered.Add(1)
				f.counters.drop(wire.Shutdown, 1)
			}
		}
	}
}
