package aggregate

import "testing"

// collect is a step of the collector: explicit.collect, stripe.gather and stripe.tryTake.
func (m *stripeModel) collect(s *stripeState) []stripeState {
	c := &s.collector
	e := &s.stripes[c.on]
	switch c.at {
	case stripeOver:
		return nil
	case stripeRest: // between two reads of the series
		return m.begin(s)
	case stripeKill: // explicit.collect: r.kill()
		s.dead = true
		c.at = stripeWant
	case stripeWant: // tryTake: s.lock.Or(wanted)&held != 0
		was := e.lock
		if e.lock |= uint8(wanted); m.mutant == stripeTakenAtOnce {
			e.lock = was
		}
		switch {
		case was&uint8(held) == 0 || m.mutant == stripeTakenWhereWanted && c.on > 0:
			c.at = stripeTake
		default:
			m.refused(s)
		}
	case stripeTake: // tryTake: s.lock.Store(held)
		m.taken(s)
	case stripeGiveUp: // giveUp: s.lock.And(^wanted)
		e.lock &^= uint8(wanted)
		if m.mutant == stripeGivenUpByStore {
			e.lock = uint8(free)
		}
		m.passed(s)
	default:
		m.move(s)
	}
	return to(*s)
}

// begin begins to read the series. When the callers have ended, nothing is refused.
func (m *stripeModel) begin(s *stripeState) []stripeState {
	c := &s.collector
	switch {
	case c.settled:
		c.at = stripeOver
		return to(*s)
	case int(c.read) == len(m.reads):
		for i := range m.callers {
			if s.callers[i].at != stripeBegin || s.callers[i].calls > 0 {
				return nil
			}
		}
		c.settled = true
	}
	c.at = stripeWant
	if m.dying {
		c.at = stripeKill
	}
	return to(*s)
}

// last is the argument of gather.
func (m *stripeModel) last(c *stripeCollector) bool {
	return int(c.read) < len(m.reads) && m.reads[c.read]
}

// taken is what follows if tryTake returns true.
func (m *stripeModel) taken(s *stripeState) {
	c := &s.collector
	e := &s.stripes[c.on]
	e.asked, e.lock = false, uint8(held)
	if c.at = stripeMoveCount; c.on == 0 {
		c.at = stripeFollow
	}
}

// refused is what follows if tryTake returns false.
func (m *stripeModel) refused(s *stripeState) {
	c := &s.collector
	if c.settled {
		s.bad = stripeBusyAtRest
	}
	if m.last(c) {
		s.stripes[c.on].asked = false
		c.at = stripeGiveUp
		return
	}
	// A caller that takes it before it was marked does not hold it any longer afterwards.
	s.stripes[c.on].asked = true
	m.passed(s)
}

// passed is what follows a stripe that was refused.
func (m *stripeModel) passed(s *stripeState) {
	c := &s.collector
	if c.on == 0 { // gather returns refused
		m.end(s)
		return
	}
	c.incomplete, c.at = true, stripeFollow
}

// end ends a read.
func (m *stripeModel) end(s *stripeState) {
	c := &s.collector
	c.on, c.incomplete, c.at = 0, false, stripeRest
	if !c.settled {
		c.read++
	}
}

// move is what gather and explicit.collect do with stripes that the collector holds.
func (m *stripeModel) move(s *stripeState) {
	c := &s.collector
	e, first := &s.stripes[c.on], &s.stripes[0]
	switch c.at {
	case stripeMoveCount: // move: the counts
		first.count += e.count
		e.count, c.at = 0, stripeMoveSum
		if m.mutant == stripeMovedWithoutTheLock {
			e.lock &^= uint8(held)
		}
	case stripeMoveSum: // move: the sum
		first.sum += e.sum
		e.sum, c.at = 0, stripeMoved
	case stripeMoved: // release: s.lock.And(^held)
		e.lock &^= uint8(held)
		c.at = stripeFollow
	case stripeFollow: // gather: n.next.Load()
		switch {
		case c.on+1 < s.made:
			c.on, c.at = c.on+1, stripeWant
		case c.incomplete && !m.last(c): // and s.release()
			first.lock &^= uint8(held)
			m.end(s)
		default:
			c.on, c.at = 0, stripeReadCount
		}
	case stripeReadCount: // collect: distributionOf and reset, the counts
		s.delivered += first.count
		if first.count != first.sum {
			s.bad = stripeTorn
		}
		first.count, c.at = 0, stripeReadSum
	case stripeReadSum: // and the sum
		first.sum, c.at = 0, stripeDone
	case stripeDone: // collect: h.first.release()
		if m.mutant != stripeLeftHeld {
			first.lock &^= uint8(held)
		}
		gone := m.dying && !c.incomplete // Series.read: e.remove()
		if m.end(s); gone {
			c.at, s.removed = stripeRefundAll, true
			if m.mutant == stripeRemovedKeepsMemory {
				c.at = stripeOver
			}
		}
	case stripeRefundAll: // dropAll: n.charged.Swap(0)
		s.refund(e)
		c.at = stripeRefundNext
	case stripeRefundNext: // dropAll: n.next.Load()
		if c.at = stripeOver; c.on+1 < s.made {
			c.on, c.at = c.on+1, stripeRefundAll
		}
	}
}

// TestModelStripesMutants: the explorer finds each mistake.
func TestModelStripesMutants(t *testing.T) {
	for name, mutant := range map[string]stripeMutant{
		"release stores":                      stripeReleasedByStore,
		"tryHold loads and stores":            stripeHeldByLoadAndStore,
		"a fresh stripe is born free":         stripeBornFree,
		"dead is read before the lock":        stripeDeadBeforeTheLock,
		"the collector takes what it wants":   stripeTakenWhereWanted,
		"giveUp stores":                       stripeGivenUpByStore,
		"the first stripe is left held":       stripeLeftHeld,
		"a stripe is moved after its release": stripeMovedWithoutTheLock,
		"the collector does not want first":   stripeTakenAtOnce,
		"who is late gives nothing back":      stripeLateKeepsMemory,
		"who is late loads and stores":        stripeLateGivesTwice,
		"the collector gives nothing back":    stripeRemovedKeepsMemory,
	} {
		t.Run(name, func(t *testing.T) {
			var most uint8
			m := stripeModel{mutant: mutant, callers: 3, calls: 2, reads: []bool{false, true}, dying: mutant == stripeDeadBeforeTheLock || mutant >= stripeLateKeepsMemory}
			breaks(t, m.model(&most))
		})
	}
}
