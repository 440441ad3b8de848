package aggregate

import "fmt"

// sumModel is sums with their series, from Stream.record to Series.read: the value and the
// cells, the flags, expiry, and the change to a new series. A series dies after one
// collection without a measurement that began when the series existed. A sum grows cells
// when callers have met once. There is always room below the limit, which is the subject of
// limitModel.
type sumModel struct {
	mutant         sumMutant
	callers, calls uint8
	rounds         uint8 // collections while the callers run
	delta          bool
	expiry         bool // series die
	closing        bool // the collection after these is the last, and callers still run
	growth         bool // callers that meet make cells
	idle           bool // the first series was not measured since a collection
}

// sumMutant is a deliberate mistake.
type sumMutant uint8

const (
	sumIsRight sumMutant = iota
	sumNeverTakesBack
	sumTakesBackByLoadAndStore
	sumTakesByLoadAndStore
	sumTotalsOnceWhereItDies
	sumMeetsByLoadAndStore
	sumReadsFlagsFirst
	sumClearsMeasuredAfterwards
	sumForgetsCells
	sumTakesBackWithoutCells
	sumChecksNothing
	sumDeadKeepsCells
	sumRefundsByLoadAndStore
)

// sumState is what the processes share. A measurement is 1.
type sumState struct {
	series    [4]sumSeries
	made      uint8 // how many of them are in the table
	callers   [3]sumCaller
	collector sumCollector
	closed    bool
	delivered uint8 // in all points under delta, otherwise in the last point
	dropped   uint8 // measurements; the code counts once what may stand for several
	shrunk    bool  // a point had less than it had to
}

type sumSeries struct {
	flags       uint8
	dying, gone bool
	value       uint8
	grown, met  bool
	cells       [2]uint8
	charged     bool // for its cells
	owed        int8 // what was taken from the budget, and not given back
}

type sumCaller struct {
	at    sumStep
	calls uint8 // still to come
	on    uint8 // the series
	slot  uint8
	left  uint8 // to be recorded
	old   uint8
}

func (c *sumCaller) key() uint64 {
	return uint64(c.at)<<40 | uint64(c.calls)<<32 | uint64(c.on)<<24 | uint64(c.slot)<<16 | uint64(c.left)<<8 | uint64(c.old)
}

type sumCollector struct {
	at     sumStep
	rounds uint8 // still to come
	on     uint8
	end    uint8 // Each looks at the slots below
	born   uint8 // how many series there were when the collection began
	again  bool  // the series is dead, and its total is taken once more
	last   bool
	v      uint8
	point  uint8 // of all series, under cumulative
	begun  uint8 // measurements whose call had ended when the collection began
}

// sumStep is the next step of a process.
type sumStep uint8

// The steps of a caller, followed by those of the collector.
const (
	sumBegin sumStep = iota
	sumFind
	sumClosed // the next step follows if it is not closed
	sumFound
	sumReload
	sumAdmitted
	sumClosedNew // here, too
	sumAdd
	sumCheck
	sumKillNew
	sumEarly
	sumCells
	sumLoad
	sumSwap
	sumMeet
	sumMeetStore
	sumMet
	sumMetDead
	sumCharge
	sumGrow
	sumGrownDead
	sumRefund
	sumRefundStore
	sumCell
	sumFlags
	sumSettle
	sumBack
	sumBackStore
	sumBackCells
	sumBackFirst
	sumBackSecond

	sumRest
	sumWait
	sumLook
	sumClear
	sumTotal
	sumTotalStore
	sumTotalCells
	sumTotalFirst
	sumTotalSecond
	sumKill
	sumClearAdmitted
	sumExtra
	sumClearLate
	sumOver
)

func (m *sumModel) model() model[sumState] {
	s := sumState{made: 1}
	if s.series[0].flags = current; m.idle {
		s.series[0].flags = 0
	}
	for i := range m.callers {
		s.callers[i].calls = m.calls
	}
	s.collector = sumCollector{at: sumRest, rounds: m.rounds}
	return model[sumState]{
		start: s, processes: int(m.callers) + 1, step: m.step, lacking: m.lacking,
		tidy: func(s *sumState) { sorted(&s.callers, (*sumCaller).key) },
		wrong: func(s *sumState) string {
			if s.shrunk {
				return "a point without a measurement that was there before"
			}
			return ""
		},
	}
}

// lacking checks that each measurement was delivered or dropped, and none of them twice.
func (m *sumModel) lacking(s *sumState) string {
	if s.collector.at != sumOver {
		return "the collector waits for nobody"
	}
	for _, e := range s.series {
		if e.gone && e.owed != 0 {
			return "a series that is gone owes memory, or gave it back twice"
		}
	}
	all := m.callers * m.calls
	if s.delivered+s.dropped != all || !m.closing && s.dropped != 0 {
		return fmt.Sprintf("delivered %d, dropped %d of %d", s.delivered, s.dropped, all)
	}
	return ""
}

func (m *sumModel) step(s sumState, process int) []sumState {
	if process == int(m.callers) {
		return m.collect(&s)
	}
	c := &s.callers[process]
	switch {
	case c.at < sumEarly:
		return m.admit(&s, c)
	case c.at < sumFlags:
		return m.record(&s, c)
	}
	return m.settle(&s, c)
}

// admit is Stream.record and Stream.admit, up to where there is a series to record on.
func (m *sumModel) admit(s *sumState, c *sumCaller) []sumState {
	e := &s.series[c.on]
	switch c.at {
	case sumBegin: // Stream.record: e.flags.Load() != current
		if c.calls == 0 {
			return nil
		}
		c.calls--
		c.left = 1
		c.at = sumFind
		if e.flags == current {
			c.at = m.first()
		}
	case sumClosed, sumClosedNew: // admit: s.registry.closed.Load()
		c.at++
		if s.closed {
			s.dropped += c.left
			c.left, c.at = 0, sumBegin
		}
	case sumFind: // find: slots.At, and e.flags.Load()&dead of what is there
		switch {
		case c.slot == s.made:
			c.at, c.slot = sumClosedNew, 0
		case s.series[c.slot].flags&dead != 0:
			c.slot++
		default:
			c.on, c.slot, c.at = c.slot, 0, sumClosed
		}
	case sumFound: // admit: e.flags.Load()&admitted != 0; else reserve has room
		c.at = sumReload
		if e.flags&admitted != 0 {
			c.at = m.first()
		}
	case sumReload: // admit: e.flags.Load()
		c.old, c.at = e.flags, sumAdmitted
		if e.flags&(admitted|dead) != 0 {
			c.old, c.at = 0, sumFind
		}
	case sumAdmitted: // admit: e.flags.CompareAndSwap(flags, flags|admitted)
		c.at = sumFind
		if e.flags == c.old {
			e.flags |= admitted
			c.at = m.first()
		}
		c.old = 0
	case sumAdd: // Table.addTo: a slot, and the compare-and-swap where it is empty
		switch {
		case c.slot == s.made:
			s.series[c.slot].flags = admitted
			s.made++
			c.on, c.slot, c.at = c.slot, 0, sumCheck
		case s.series[c.slot].flags&dead != 0:
			c.slot++
		default:
			c.slot, c.at = 0, sumFind
		}
	case sumCheck: // check: s.registry.closed.Load()
		c.at = m.first()
		if s.closed && m.mutant != sumChecksNothing {
			c.at = sumKillNew
		}
	case sumKillNew: // check: e.flags.Or(dead)
		e.flags |= dead
		c.at = m.first()
	}
	return to(*s)
}

// first is the first step of Series.record.
func (m *sumModel) first() sumStep {
	if m.mutant == sumReadsFlagsFirst {
		return sumEarly
	}
	return sumCells
}

// record is sum.record.
func (m *sumModel) record(s *sumState, c *sumCaller) []sumState {
	e := &s.series[c.on]
	then := sumFlags
	if m.mutant == sumReadsFlagsFirst {
		then = sumBegin
	}
	switch c.at {
	case sumEarly: // the mutant's e.flags.Load()&dead, before it records
		c.at = sumCells
		if e.flags&dead != 0 {
			c.at = sumFind
		}
	case sumCells: // record: s.cells.Load()
		c.at = sumLoad
		if e.grown {
			c.at = sumCell
		}
	case sumLoad: // record: s.value.Load()
		c.old, c.at = e.value, sumSwap
	case sumSwap: // record: s.value.CompareAndSwap(old, ...)
		c.at = sumMeet
		if e.value == c.old {
			e.value += c.left
			c.left, c.at = 0, then
		}
		c.old = 0
	case sumMeet: // meet: add(&s.value, v)
		if m.mutant == sumMeetsByLoadAndStore {
			c.old, c.at = e.value, sumMeetStore
			break
		}
		e.value += c.left
		c.left, c.at = 0, sumMet
	case sumMeetStore:
		e.value = c.old + c.left
		c.old, c.left, c.at = 0, 0, sumMet
	case sumMet: // meet: s.met.Add(1) != meetings
		c.at = then
		if !e.met && m.growth {
			c.at = sumMetDead
		}
		e.met = true
	case sumMetDead, sumCharge, sumGrow, sumGrownDead, sumRefund, sumRefundStore:
		m.grow(e, c, then)
	case sumCell: // record: add to one of the cells
		v, on := c.left, c.on
		c.left, c.at = 0, then
		one, other := *s, *s
		one.series[on].cells[0] += v
		other.series[on].cells[1] += v
		return []sumState{one, other}
	}
	return to(*s)
}

// settle is the end of Series.record, and Series.settle.
func (m *sumModel) settle(s *sumState, c *sumCaller) []sumState {
	e := &s.series[c.on]
	switch c.at {
	case sumFlags: // Series.record: e.flags.Load() == current
		c.at = sumSettle
		if e.flags == current {
			c.at = sumBegin
		}
	case sumSettle: // settle: e.flags.Or(measured)&dead == 0
		c.at = sumBegin
		if e.flags&dead != 0 && m.mutant != sumNeverTakesBack {
			c.at = sumBack
		}
		e.flags |= measured
	case sumBack: // total(true): s.value.Swap(0)
		c.left = e.value
		if c.at = sumBackCells; m.mutant == sumTakesBackByLoadAndStore {
			c.at = sumBackStore
			break
		}
		e.value = 0
	case sumBackStore:
		e.value, c.at = 0, sumBackCells
	case sumBackCells: // total(true): s.cells.Load()
		c.at = sumBackFirst
		if !e.grown || m.mutant == sumTakesBackWithoutCells {
			c.goOn()
		}
	case sumBackFirst: // total(true): the first cell's value.Swap(0)
		c.left += e.cells[0]
		e.cells[0], c.at = 0, sumBackSecond
	case sumBackSecond: // and the second one's
		c.left += e.cells[1]
		e.cells[1] = 0
		c.goOn()
	}
	return to(*s)
}

// goOn is what follows takeBack. If that found something, the series is late, and
// Stream.record goes on with what it found.
func (c *sumCaller) goOn() {
	c.at = sumBegin
	if c.left != 0 {
		c.at = sumFind
	}
}
