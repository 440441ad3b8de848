package pipeline

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// accept takes a run of observations in; there is none at present.
func (f *folder) accept(o *observations) {
	f.counters.offered.Add(uint64(len(o.events)))
	f.counters.inPump.Add(int64(len(o.events)))
	f.observed, f.nextObserved = o, 0
}

// release gives the observations back, all of which are done with.
func (f *folder) release() {
	f.observed.done <- struct{}{}
	f.observed = nil
}

// drain folds the observations there are and one run of events. came reports whether
// there were any, more whether more are due.
func (f *folder) drain(limit int) (came, more bool) {
	observed := f.observed != nil
	if observed {
		f.foldAll(f.observed.events)
		f.release()
	}
	n := f.lane.ring.TryPopBatch(f.run[:limit])
	f.counters.inPump.Add(int64(n))
	f.lane.relieve()
	f.foldAll(f.run[:n])
	f.toFold -= n
	return observed || n > 0, n > 0 && f.toFold > 0
}

func (f *folder) foldAll(events []Event) {
	folded := 0
	for i := range events {
		if s := f.resolve(&events[i]); s != nil {
			s.fold(&events[i])
			folded++
		}
	}
	f.counters.folded.Add(uint64(folded))
	f.counters.inPump.Add(-int64(folded))
}

// resolve returns the series of an event, nil if the event was dropped.
func (f *folder) resolve(e *Event) *Series {
	b := e.Bound
	if s := b.series; s != nil && !s.gone && f.counts(s) {
		return s
	}
	set, bound := e.Attributes, b != b.instrument.Unbound()
	if bound {
		set = *b.attributes()
	}
	s, reason := f.lookup(b.instrument, set)
	if s == nil {
		f.counters.lose(reason, 1)
		return nil
	}
	if bound {
		b.resolved(s)
	}
	return s
}

// attributes returns what b is bound to.
func (b *Bound) attributes() *attribute.Set {
	if b.set == nil {
		return b.series.set
	}
	return b.set
}

// resolved notes the series of b, with which the attributes are kept: but not
// that of the overflow, which is b's for the moment only.
func (b *Bound) resolved(s *Series) {
	if s.key == b.attributes().Equivalent() {
		b.series, b.set = s, nil
	}
}

// take returns the next event, valid until the next call: observations first, as
// somebody waits for them. It returns nil if there is none.
func (f *folder) take() *Event {
	if o := f.observed; o != nil {
		if f.nextObserved < len(o.events) {
			f.nextObserved++
			return &o.events[f.nextObserved-1]
		}
		f.release()
	}
	if f.pop() {
		return &f.run[0]
	}
	return nil
}

// pop takes one event out of the lane.
func (f *folder) pop() bool {
	popped := f.lane.ring.TryPop(&f.run[0])
	if popped {
		f.counters.inPump.Add(1)
	}
	f.lane.relieve()
	return popped
}

// discardWait bounds how long discard waits for callers in the middle of a push.
// They have nothing left to wait for, and need only be scheduled.
const discardWait = time.Second

// discard drops the observations and events that are left when the pump stops, in
// a ring that is closed.
func (f *folder) discard() {
	if f.observed != nil {
		f.counters.lose(wire.Shutdown, len(f.observed.events)-f.nextObserved)
		f.release()
	}
	ring := f.lane.ring
	for end := time.Now().Add(discardWait); ring.Popped() != ring.Pushed() && time.Now().Before(end); {
		if !f.pop() {
			time.Sleep(halfPushed)
			continue
		}
		f.counters.lose(wire.Shutdown, 1)
	}
}
