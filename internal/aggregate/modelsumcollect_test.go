package aggregate

import "testing"

// collect is a step of the collector: Collector.Collect, Stream.collect, Series.collect
// and Series.read.
func (m *sumModel) collect(s *sumState) []sumState {
	c := &s.collector
	e := &s.series[int(c.on)%len(s.series)]
	switch c.at {
	case sumOver:
		return nil
	case sumRest: // between two collections; Collect: c.registry.closed.Store(true)
		return m.begin(s)
	case sumWait: // for the callers, before the collection that shows what is left
		for i := range m.callers {
			if s.callers[i].at != sumBegin || s.callers[i].calls > 0 {
				return nil
			}
		}
		c.at, c.end, c.born = sumLook, s.made, s.made
	case sumLook: // Series.collect: e.flags.Load()&measured != 0 || !s.passing() || c.closing
		switch {
		case c.on >= c.end || c.on == s.made:
			m.end(s)
		case e.gone:
			c.on++
		case e.flags&measured != 0 || !m.delta || s.closed:
			c.at = sumClear
		case m.expiry && c.on < c.born:
			e.dying, c.at = true, sumClear
		default:
			c.on++
		}
	case sumClear: // clear: e.flags.And(^flags)
		if m.mutant != sumClearsMeasuredAfterwards {
			e.flags &^= m.cleared()
		}
		c.at = sumTotal
	case sumKill: // sum.collect: r.kill()
		e.flags |= dead
		c.at, c.again = sumTotal, true
		if m.mutant == sumTotalsOnceWhereItDies {
			c.at = sumClearAdmitted
		}
	case sumClearAdmitted: // clear: e.flags.And(^admitted)
		e.flags &^= admitted
		if c.at = sumExtra; !e.dying {
			m.push(s)
		}
	case sumExtra: // remove: e.state.drop()
		if e.charged {
			e.owed--
			e.charged = false
		}
		m.push(s)
	case sumClearLate: // the mutant's e.flags.And(^flags)
		e.flags &^= m.cleared()
		m.push(s)
	default:
		m.total(s)
	}
	return to(*s)
}

// cleared returns the flags that a collection clears.
func (m *sumModel) cleared() uint8 {
	if m.delta {
		return measured | admitted
	}
	return measured
}

// begin begins a collection, or ends the run. Each sees a series that is made meanwhile if
// its slot comes later in the table. It does not if the slot comes earlier, or if the table
// was built anew.
func (m *sumModel) begin(s *sumState) []sumState {
	c := &s.collector
	switch {
	case c.last:
		c.at = sumOver
		return to(*s)
	case c.rounds > 0:
		c.rounds--
	case m.closing:
		s.closed, c.last = true, true
	default:
		c.at, c.last = sumWait, true
		return to(*s)
	}
	c.at, c.end, c.born, c.begun = sumLook, s.made, s.made, 0
	if !m.delta {
		for i := range m.callers {
			c.begun += m.calls - s.callers[i].calls
			if s.callers[i].at != sumBegin {
				c.begun--
			}
		}
	}
	other := *s
	other.collector.end = uint8(len(s.series))
	return []sumState{*s, other}
}

// total is sum.total, for the first or the second time.
func (m *sumModel) total(s *sumState) {
	c := &s.collector
	e := &s.series[c.on]
	take := m.delta || s.closed || e.dying
	switch c.at {
	case sumTotal: // read(&s.value): Load or Swap(0)
		c.v += e.value
		c.at = sumTotalCells
		if take && m.mutant == sumTakesByLoadAndStore {
			c.at = sumTotalStore
		} else if take {
			e.value = 0
		}
	case sumTotalStore:
		e.value, c.at = 0, sumTotalCells
	case sumTotalCells: // s.cells.Load()
		c.at = sumTotalFirst
		if !e.grown || m.mutant == sumForgetsCells {
			m.totalled(s)
		}
	case sumTotalFirst: // read(&(*cells)[0].value)
		c.v += e.cells[0]
		if take {
			e.cells[0] = 0
		}
		c.at = sumTotalSecond
	case sumTotalSecond: // read(&(*cells)[1].value)
		c.v += e.cells[1]
		if take {
			e.cells[1] = 0
		}
		m.totalled(s)
	}
}

// totalled is what follows a total.
func (m *sumModel) totalled(s *sumState) {
	c := &s.collector
	switch {
	case (s.series[c.on].dying || s.closed) && !c.again:
		c.at = sumKill
	case c.again:
		c.at = sumClearAdmitted
	case m.mutant == sumClearsMeasuredAfterwards:
		c.at = sumClearLate
	default:
		m.push(s)
	}
}

// push is the rest of Series.read, in which nothing is shared.
func (m *sumModel) push(s *sumState) {
	c := &s.collector
	e := &s.series[c.on]
	e.gone = e.dying
	if m.delta {
		s.delivered += c.v
	} else {
		c.point += c.v
	}
	c.v, c.again = 0, false
	c.on, c.at = c.on+1, sumLook
}

// end ends a collection. The point of a cumulative series has all measurements whose calls
// had ended when the collection began, and is never less than the point before.
func (m *sumModel) end(s *sumState) {
	c := &s.collector
	if !m.delta {
		s.shrunk = c.point < c.begun || c.point < s.delivered
		s.delivered = c.point
	}
	c.on, c.end, c.born, c.point, c.begun, c.at = 0, 0, 0, 0, 0, sumRest
}

// grow is the end of sum.meet.
func (m *sumModel) grow(e *sumSeries, c *sumCaller, then sumStep) {
	switch c.at {
	case sumMetDead: // meet: flags.Load()&dead != 0
		if c.at = sumCharge; e.flags&dead != 0 {
			c.at = then
		}
	case sumCharge: // meet: s.memory.Take, and s.charged.Store
		e.owed++
		e.charged, c.at = true, sumGrow
	case sumGrow: // meet: s.cells.Store(&cells)
		if e.grown, c.at = true, sumGrownDead; m.mutant == sumDeadKeepsCells {
			c.at = then
		}
	case sumGrownDead: // meet: flags.Load()&dead != 0, once more
		if c.at = sumRefund; e.flags&dead == 0 {
			c.at = then
		}
	case sumRefund: // meet: s.memory.Give(s.charged.Swap(0))
		c.at = then
		switch {
		case e.charged && m.mutant == sumRefundsByLoadAndStore:
			c.at = sumRefundStore
		case e.charged:
			e.owed--
			e.charged = false
		}
	case sumRefundStore:
		e.owed--
		e.charged, c.at = false, then
	}
}

// TestModelSum looks at all interleavings of callers that record on a sum with a
// collector.
func TestModelSum(t *testing.T) {
	for _, x := range []struct {
		name   string
		model  sumModel
		atMost longest
	}{
		{"delta", sumModel{callers: 2, calls: 2, rounds: 2, delta: true}, longest{61, 20}},
		{"delta grows", sumModel{callers: 3, calls: 1, rounds: 2, delta: true, growth: true}, longest{59, 26}},
		{"delta dies", sumModel{callers: 2, calls: 1, rounds: 3, delta: true, expiry: true}, longest{100, 52}},
		{"delta dies again", sumModel{callers: 2, calls: 2, rounds: 1, delta: true, idle: true, expiry: true}, longest{101, 29}},
		{"delta dies grown", sumModel{callers: 2, calls: 2, rounds: 1, delta: true, idle: true, expiry: true, growth: true}, longest{114, 39}},
		{"delta closes", sumModel{callers: 3, calls: 1, delta: true, closing: true}, longest{37, 11}},
		{"delta dies and closes", sumModel{callers: 2, calls: 1, rounds: 1, delta: true, idle: true, expiry: true, closing: true}, longest{75, 35}},
		{"cumulative", sumModel{callers: 3, calls: 1, rounds: 2, growth: true}, longest{35, 26}},
		{"cumulative closes", sumModel{callers: 2, calls: 2, closing: true}, longest{40, 11}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.name == "delta dies grown" {
				inTheLongForm(t)
			}
			holds(t, x.model.model(), x.atMost)
		})
	}
}

// TestModelSumMutants: the explorer finds each mistake.
func TestModelSumMutants(t *testing.T) {
	for _, x := range []struct {
		name  string
		model sumModel
	}{
		{"takeBack is missing", sumModel{mutant: sumNeverTakesBack, callers: 3, calls: 1, rounds: 2, delta: true, expiry: true}},
		{"takeBack loads and stores", sumModel{mutant: sumTakesBackByLoadAndStore, callers: 3, calls: 1, rounds: 2, delta: true, expiry: true}},
		{"takeBack forgets the cells", sumModel{mutant: sumTakesBackWithoutCells, callers: 3, calls: 2, rounds: 2, delta: true, expiry: true, growth: true}},
		{"the collector loads and stores", sumModel{mutant: sumTakesByLoadAndStore, callers: 3, calls: 1, rounds: 2, delta: true}},
		{"the collector forgets the cells", sumModel{mutant: sumForgetsCells, callers: 3, calls: 1, rounds: 2, growth: true}},
		{"one total where it dies", sumModel{mutant: sumTotalsOnceWhereItDies, callers: 3, calls: 1, rounds: 2, delta: true, expiry: true}},
		{"callers that meet load and store", sumModel{mutant: sumMeetsByLoadAndStore, callers: 3, calls: 1, rounds: 2, delta: true}},
		{"flags are read before the value is added", sumModel{mutant: sumReadsFlagsFirst, callers: 3, calls: 1, rounds: 2, delta: true}},
		{"measured is cleared after the value is read", sumModel{mutant: sumClearsMeasuredAfterwards, callers: 3, calls: 1, rounds: 2, delta: true}},
		{"a dead series keeps its cells", sumModel{mutant: sumDeadKeepsCells, callers: 2, calls: 2, rounds: 2, delta: true, expiry: true, growth: true}},
		{"cells are given back by load and store", sumModel{mutant: sumRefundsByLoadAndStore, callers: 2, calls: 2, rounds: 2, delta: true, expiry: true, growth: true}},
		{"a new series is not checked", sumModel{mutant: sumChecksNothing, callers: 2, calls: 1, rounds: 1, delta: true, idle: true, expiry: true, closing: true}},
	} {
		t.Run(x.name, func(t *testing.T) { breaks(t, x.model.model()) })
	}
}
