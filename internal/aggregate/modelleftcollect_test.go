package aggregate

// collect is a step of the collector.
func (m *leftModel) collect(s *leftState) []leftState {
	c := &s.collector
	switch c.at {
	case leftOver:
		return nil
	case leftRest: // between two collections
		return m.begin(s)
	case leftEach: // Stream.collect and Series.collect: e.flags.Load()&measured != 0 || c.closing
		switch {
		case s.gone || !s.listed || s.dying && m.mutant != leftReadTwice:
			c.at = leftWait
		default:
			s.dying = s.dying || s.flags&measured == 0 && !c.closing
			c.at = leftAwait
		}
	case leftAwait: // read: c.sink.Await
		return m.await(s)
	case leftMiss: // miss: e.flags.Load()
		m.miss(s)
	case leftClear: // clear: e.flags.And(^(measured|admitted))
		c.measured = s.flags&measured != 0
		s.flags &^= measured
		if c.at = leftGather; s.dying || c.closing {
			c.at = leftKill
		}
	case leftKill: // kill: e.flags.Or(dead)
		c.measured = c.measured || s.flags&measured != 0
		s.flags |= dead
		c.at = leftGather
	case leftGather: // explicit.collect: gather
		return m.gather(s)
	case leftMark: // read: e.flags.Or(measured), and leave or postpone
		s.flags |= measured
		m.leave(s)
	case leftWait: // wait: again := c.waiting
		return m.wait(s)
	}
	return to(*s)
}

// begin begins a collection, or ends the run.
func (m *leftModel) begin(s *leftState) []leftState {
	c := &s.collector
	switch {
	case c.closing || c.settled:
		c.at = leftOver
		return to(*s)
	case c.rounds > 0:
		c.rounds--
	case m.closing:
		c.closing = true
	default:
		for i := range m.callers {
			if s.callers[i].at != leftBegin || s.callers[i].calls > 0 {
				return nil
			}
		}
		c.settled = true
	}
	c.waiting, s.left = s.left, 0
	c.at = leftEach
	if !s.listed || s.flags&dead == 0 {
		return to(*s)
	}
	anew := *s // another process has built the table anew
	anew.listed = false
	return []leftState{*s, anew}
}

// await has room for the point, or not. Without room the last point is read all the same,
// and dropped.
func (m *leftModel) await(s *leftState) []leftState {
	c := &s.collector
	room, none := *s, *s
	room.collector.at = leftClear
	if c.settled {
		return to(room)
	}
	none.collector.at = leftMiss
	if c.closing && m.mutant != leftMissedByFlags {
		none.collector.at, none.collector.missed = leftClear, true
	}
	return []leftState{room, none}
}

// miss is Series.miss.
func (m *leftModel) miss(s *leftState) {
	c := &s.collector
	switch {
	case c.closing: // the mutant's e.flags.Or(dead)
		if s.flags&measured != 0 || s.busy {
			s.refused++
		}
		s.flags |= dead
	case s.flags&dead != 0:
		if m.mutant != leftForgottenWithoutRoom {
			s.left++
		}
	default:
		s.dying = false
	}
	c.read()
}

// gather returns what the collector may find. A caller that holds a stripe keeps the
// collector from some of what there is, or from all of it.
func (m *leftModel) gather(s *leftState) []leftState {
	c := &s.collector
	s.busy = false
	all, busy := *s, *s
	all.deliver(s.value)
	held, counting := false, false
	for i := range m.callers {
		at := s.callers[i].at
		held = held || at >= leftDead && at <= leftRelease
		counting = counting || at == leftCount || at == leftRelease
	}
	if s.dying && m.mutant != leftForgottenWithARest {
		all.gone = true
		all.removed++
	}
	all.collector.read()
	if !held {
		return to(all)
	}
	busy.busy = true
	if busy.collector.at = leftMark; !c.measured {
		m.leave(&busy)
	}
	next := []leftState{busy}
	if !counting {
		next = append(next, all) // the caller that holds a stripe was not seen, or is late
	}
	for n := uint8(1); c.final && n <= s.value; n++ { // outcome part
		part := *s
		part.deliver(n)
		part.collector.at, part.collector.part = leftMark, true
		next = append(next, part)
	}
	return next
}

// deliver hands a point over, or drops it if there is no room.
func (s *leftState) deliver(n uint8) {
	switch {
	case !s.collector.missed:
		s.delivered += n
		s.value -= n
	case n > 0 || s.collector.measured:
		s.refused++
	}
}

// leave is postpone and leave.
func (m *leftModel) leave(s *leftState) {
	c := &s.collector
	switch {
	case !c.part && !c.final: // postpone
		c.waiting++
	case c.closing:
		if m.mutant != leftBusyNotCounted {
			s.refused++
		}
	case s.dying && c.part && m.mutant == leftRemovedWithARest:
		s.gone = true
		s.removed++
	case s.dying && m.mutant != leftForgottenWithARest:
		s.left++
	}
	c.read()
}

// read ends a read.
func (c *leftCollector) read() {
	c.at, c.measured, c.missed, c.part = leftWait, false, false, false
}

// wait reads the next series that was busy, for the last time if the time is over.
func (m *leftModel) wait(s *leftState) []leftState {
	c := &s.collector
	switch {
	case c.again > 0:
		c.again--
		c.at = leftAwait
	case c.waiting > 0:
		c.again, c.waiting = c.waiting, 0
		last := *s
		last.collector.final = true
		if c.settled {
			return to(last)
		}
		if !c.final {
			return []leftState{last}
		}
	default:
		c.final, c.at = false, leftRest
	}
	return to(*s)
}
