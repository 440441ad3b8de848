package pipeline

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// idleCollections is after how many collections without a measurement a series
// is forgotten, under delta temporality.
const idleCollections = 8

// emission is where a collection stands: the pump emits the points of all
// series, as fast as there are packets for them, and folds on in between.
type emission struct {
	active      bool
	at          int64 // the points' time
	instruments []*Instrument
	instrument  int
	series      int
}

// begin starts a collection.
func (f *folder) begin(now time.Time) {
	f.at = emission{active: true, at: now.UnixNano(), instruments: f.registry.all()}
	for _, i := range f.at.instruments {
		i.fresh = 0
	}
}

// next returns the series whose point is to be emitted next, nil at the end of
// the collection.
func (f *folder) next() *Series {
	e := &f.at
	for ; e.instrument < len(e.instruments); e.instrument++ {
		i := e.instruments[e.instrument]
		for e.series < len(i.list) {
			s := i.list[e.series]
			if s.touched || (!i.Delta && !i.Stale && !f.every) {
				return s
			}
			if i.passing() && f.forget(i, e.series) {
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
func (f *folder) advance() { f.at.series++ }

// forget counts a collection without a measurement for the series at the given
// place, and takes it out after too many; one that was not observed, at once, as
// the SDK does.
func (f *folder) forget(i *Instrument, at int) bool {
	s := i.list[at]
	s.idle++
	if s.idle < idleCollections && !i.Stale && len(i.list) < cardinalityLimit {
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

// drain folds one run of events and reports whether there were any.
func (f *folder) drain(limit int) bool {
	n := f.lane.ring.TryPopBatch(f.run[:limit])
	f.counters.inPump.Add(int64(n))
	f.lane.pressed.Store(f.lane.ring.Len() >= f.lane.half)
	folded := 0
	for i := range f.run[:n] {
		if s := f.resolve(&f.run[i]); s != nil {
			s.fold(f.run[i].Bits, f.run[i].weight())
			folded++
		}
	}
	f.counters.folded.Add(uint64(folded))
	f.counters.inPump.Add(-int64(folded))
	return n > 0
}

// resolve returns the series of an event, nil if the event was dropped.
func (f *folder) resolve(e *Event) *Series {
	b := e.Bound
	if b != nil && b.series != nil && !b.series.gone {
		return b.series
	}
	i, set := e.Instrument, e.Attributes
	if b != nil {
		i, set = b.instrument, *b.attributes()
	}
	s, reason := f.lookup(i, set)
	if s == nil {
		f.counters.drop(reason, 1)
		f.counters.inPump.Add(-1)
		return nil
	}
	if b != nil {
		b.resolved(s)
	}
	return s
}

// attributes returns what b is bound to.
func (b *Bound) attributes() *attribute.Set {
	if b.set == nil {
		return b.series.set // of the series that was forgotten
	}
	return b.set
}

// resolved notes the series of b. The attributes are not needed any more, unless
// the series is that of others, too.
func (b *Bound) resolved(s *Series) {
	if s.key == b.attributes().Equivalent() {
		b.set = nil
	}
	b.series = s
}

// pop takes one event out of the lane.
func (f *folder) pop() bool {
	if !f.lane.ring.TryPop(&f.run[0]) {
		return false
	}
	f.counters.inPump.Add(1)
	f.lane.pressed.Store(f.lane.ring.Len() >= f.lane.half)
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

// discardWait bounds how long discard waits for callers in the middle of a push.
// They have nothing left to wait for, and need only be scheduled.
const discardWait = time.Second

// discard drops the events that are left when the pump stops, in a ring that is
// closed.
func (f *folder) discard() {
	ring := f.lane.ring
	for end := time.Now().Add(discardWait); ring.Popped() != ring.Pushed() && time.Now().Before(end); {
		if !f.pop() {
			time.Sleep(halfPushed)
			continue
		}
		f.counters.drop(wire.Shutdown, 1)
		f.counters.inPump.Add(-1)
	}
}
