package aggregate

import (
	"fmt"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// idleCollections is after how many collections without a measurement a series dies, if
// only what was measured is sent.
const idleCollections = 8

// collected is a stream, whatever the type of its numbers.
type collected interface{ collect(c *Collector) }

// collect reads all series of the stream.
func (s *Stream[N]) collect(c *Collector) {
	s.beyond = s.registry.limit > 0 && s.living.Load() > int64(s.registry.limit)
	gone, all := 0, 0
	s.series.Each(func(e *Series[N]) {
		all++
		if !e.isDead() { // a dead one is empty, or in waiting or left
			e.collect(c)
		}
		if e.isDead() {
			gone++
		}
	})
	if e := s.overflow.Load(); e != nil {
		e.collect(c)
	}
	if s.config.Delta {
		s.start.Store(c.at)
	}
	if 2*gone > all {
		s.series.Rebuild(s.series.Slots())
	}
}

// collect reads a series, or lets it die if it was not measured for long. The overflow
// series does not die.
func (e *Series[N]) collect(c *Collector) {
	s := e.stream
	switch {
	case s.config.Events != nil:
		e.sweep()
	case e.flags.Load()&measured != 0 || !s.passing() || c.closing:
		e.idle = 0
		e.read(c)
	default:
		e.start = c.at
		e.idle = min(e.idle+1, idleCollections)
		if e.idles() {
			e.dying = true
			e.read(c)
		}
	}
}

// idles reports whether a series that was not measured dies. After idleCollections it does.
// A series that callbacks observe dies at once, unless a callback failed that might have
// observed it. If there are more series than the limit allows, each of them dies at once.
func (e *Series[N]) idles() bool {
	s := e.stream
	long := e.idle == idleCollections
	if s.config.Observed {
		long = !s.partial
	}
	return (long || s.beyond) && !e.overflow
}

// sweep lets a series of event mode die. Nothing is kept of its measurements, except the
// total of a series that adds up without end.
func (e *Series[N]) sweep() {
	if !e.stream.passing() || e.clear(measured|admitted)&measured != 0 {
		e.idle = 0
		return
	}
	if e.idle = min(e.idle+1, idleCollections); e.idles() {
		e.flags.Or(dead)
		e.clear(admitted) // a caller may have set it just now
		e.remove()
	}
}

// remove gives back what a dead and empty series took.
func (e *Series[N]) remove() {
	e.stream.living.Add(-1)
	e.stream.registry.memory.Give(e.stream.cost(e) + e.state.drop())
}

// read hands the point of a series to the sink, or counts it as dropped.
func (e *Series[N]) read(c *Collector) {
	s, p, r := e.stream, &c.point, &c.reading
	reason := wire.Deadline
	if !c.tooLate() {
		reason = e.identify(c.Identifier)
	}
	if reason == intern.Sendable && !c.sink.Await(c.ctx, s.config.distributed()) {
		if !c.closing {
			e.miss(c)
			return
		}
		reason = wire.Deadline
	}
	*p = wire.Point{Metric: s.metric, Attributes: e.labels.attributes(), StartTime: s.start.Load(), Time: c.at}
	if s.config.Delta {
		p.StartTime = e.start
	}
	r.take, r.dying = s.config.Delta || c.closing || e.dying, nil
	if c.closing || e.dying {
		r.dying = &e.flags
	}
	flags := uint32(measured)
	if s.passing() {
		flags |= admitted
	}
	r.measured, r.outside = e.clear(flags)&measured != 0, false
	o := e.state.collect(&s.config, r, p)
	if r.dying != nil {
		e.clear(admitted)
	}
	if o == busy {
		if r.measured {
			e.flags.Or(measured)
		}
		e.postpone(c)
		return
	}
	if r.outside && !s.saidOutside {
		s.saidOutside = c.report(fmt.Errorf("otelgram: histogram %q of scope %q: measurements are too far apart for a maximum size of %d: some are in the sum and in no bucket",
			s.config.Name, s.config.Scope.Name, s.config.MaxSize))
	}
	e.start = c.at
	e.known = e.known || r.measured
	switch {
	case o == withheld || o == nothing && !r.measured && (s.passing() || !e.known):
	case reason != intern.Sendable:
		c.sink.Refuse(reason)
	default:
		c.sink.Push(p)
	}
	if o == part {
		e.flags.Or(measured) // the rest is for the next collection
		e.leave(c)
	} else if e.dying {
		e.remove()
	}
}

// tooLate reports whether the last collection makes no more points.
func (c *Collector) tooLate() bool {
	if !c.closing || c.ctx.Err() == nil {
		return false
	}
	c.late++
	return c.late > maxLate
}

// miss is called when there is no room for the point in time. Under delta the point is made
// at the next collection.
func (e *Series[N]) miss(c *Collector) {
	e.state.giveUp()
	if e.isDead() {
		c.left = append(c.left, e)
		return
	}
	e.dying = false
	s := e.stream
	switch {
	case s.config.Delta:
	case s.passing():
		if e.clear(measured|admitted)&measured != 0 {
			c.sink.Refuse(wire.Deadline)
		}
	case e.known || e.flags.Load()&measured != 0:
		c.sink.Refuse(wire.Deadline)
	}
}

// postpone puts off a series in which a caller is in the middle of a measurement. The
// collector waits for the caller, or leaves the series to the next collection.
func (e *Series[N]) postpone(c *Collector) {
	if c.reading.last {
		e.leave(c)
		return
	}
	c.waiting = append(c.waiting, e)
}

// leave leaves to the next collection what callers still hold. After the last collection
// that is lost. A dead series is in no table, so the collector remembers it.
func (e *Series[N]) leave(c *Collector) {
	switch {
	case c.closing:
		c.sink.Refuse(wire.Deadline)
	case e.dying:
		c.left = append(c.left, e)
	}
}
