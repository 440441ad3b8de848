package aggregate

import "testing"

// collect is a step of the collector: Stream.collect, Series.collect, sweep and read. A
// series that was not measured dies at once, if it existed when the collection began.
func (m *limitModel) collect(s *limitState) []limitState {
	c := &s.collector
	e := &s.series[int(c.on)%len(s.series)]
	switch c.at {
	case limitOver:
		return nil
	case limitRest: // between two collections
		c.points, c.late, c.gained = 0, 0, 0
		if c.at = limitOver; c.rounds == 0 {
			break
		}
		c.rounds--
		c.at, c.born = limitLook, s.made
		if m.mutant == limitForgottenAtOnce { // s.admitted.Store(0)
			s.admitted = 0
		}
	case limitLook: // Series.collect: e.flags.Load()&measured != 0 || !s.passing()
		switch {
		case c.on == s.made:
			c.on, c.born, c.at = 0, 0, limitRest
		case e.gone:
			c.on++
		case m.events || e.flags&measured != 0 || !m.delta:
			c.at = limitClear
		case m.expiry && c.on < c.born:
			e.dying, c.at = true, limitClear
		default:
			c.on++
		}
	case limitClear: // clear: e.flags.And(^flags)
		m.clear(s)
	case limitMakeRoom: // clear: e.stream.admitted.Add(-1)
		s.admitted--
		m.cleared(s)
	case limitKill: // kill: e.flags.Or(dead)
		if e.flags&measured != 0 && !c.measured && !m.events {
			s.count(e, e.flags)
		}
		e.flags |= dead
		if c.at = limitClearDead; m.mutant == limitDeadKeepsItsPlace {
			s.remove(e)
		}
	case limitClearDead: // read, after the state was read: clear: e.flags.And(^admitted)
		was := e.flags
		e.flags &^= admitted
		if c.at = limitMakeRoomDead; was&admitted == 0 {
			s.remove(e)
		}
	case limitMakeRoomDead: // clear: e.stream.admitted.Add(-1)
		s.admitted--
		s.remove(e)
	}
	return to(*s)
}

// clear is the first step of Series.clear.
func (m *limitModel) clear(s *limitState) {
	c := &s.collector
	e := &s.series[c.on]
	was := e.flags
	e.flags &^= measured
	c.measured = was&measured != 0
	if c.measured && !m.events {
		s.count(e, was)
	}
	if !m.delta {
		m.cleared(s)
		return
	}
	e.flags &^= admitted
	e.late = false
	for _, x := range s.callers {
		e.late = e.late || x.at >= limitRecord && x.on == c.on
	}
	if m.mutant == limitForgottenAtOnce || was&admitted == 0 && m.mutant != limitClearedWithoutLook {
		m.cleared(s)
		return
	}
	c.at = limitMakeRoom
}

// count counts a point of a series that had these flags.
func (s *limitState) count(e *limitSeries, flags uint8) {
	if flags&admitted != 0 {
		s.collector.points++
		return
	}
	s.collector.late++
	s.early = s.early || !e.late
}

// cleared is what follows Series.clear.
func (m *limitModel) cleared(s *limitState) {
	c := &s.collector
	e := &s.series[c.on]
	if e.dying || m.events && !c.measured && m.expiry && c.on < c.born {
		c.at = limitKill
		return
	}
	s.next()
}

func (s *limitState) next() {
	c := &s.collector
	c.measured, c.on, c.at = false, c.on+1, limitLook
}

// remove is Series.remove.
func (s *limitState) remove(e *limitSeries) {
	e.gone = true
	s.next()
}

// TestModelLimitMutants: the explorer finds each mistake.
func TestModelLimitMutants(t *testing.T) {
	for _, x := range []struct {
		name  string
		model limitModel
	}{
		{"reserve loads and stores", limitModel{mutant: limitByLoadAndStore, callers: 3, calls: 2, keys: 4, limit: 3}},
		{"what is reserved in vain is kept", limitModel{mutant: limitNotGivenBack, callers: 3, calls: 2, keys: 4, limit: 3}},
		{"it is given back twice", limitModel{mutant: limitGivenBackTwice, callers: 3, calls: 2, keys: 4, limit: 3}},
		{"a series is admitted without a place", limitModel{mutant: limitAdmitsWithoutReserve, callers: 2, calls: 2, keys: 3, limit: 2, rounds: 1, delta: true}},
		{"a dead series is admitted", limitModel{mutant: limitAdmitsTheDead, callers: 2, calls: 2, keys: 2, limit: 2, rounds: 2, delta: true, expiry: true}},
		{"all are forgotten at once", limitModel{mutant: limitForgottenAtOnce, callers: 2, calls: 2, keys: 3, limit: 2, rounds: 1, delta: true}},
		{"a place is given back that was none", limitModel{mutant: limitClearedWithoutLook, callers: 2, calls: 2, keys: 2, limit: 2, rounds: 2, delta: true}},
		{"a dead series keeps its place", limitModel{mutant: limitDeadKeepsItsPlace, callers: 2, calls: 2, keys: 2, limit: 2, rounds: 2, delta: true, expiry: true}},
		{"a swept series keeps its place", limitModel{mutant: limitDeadKeepsItsPlace, callers: 2, calls: 2, keys: 2, limit: 2, rounds: 2, delta: true, expiry: true, events: true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var excess int8
			breaks(t, x.model.model(&excess))
		})
	}
}
