package aggregate

import "testing"

// gaugeModel is last values with their series: the store, the flags, expiry, the last
// collection, and the store on the new series. If a series passes, it dies after one
// collection without a measurement that began when the series existed. Otherwise it dies at
// the last collection. Two facts matter. Others see a new series in the table before it has
// a value, so it is not sent before it was measured. And the step that kills a series tells
// whether the series was measured since the flag was cleared: otherwise the value of a call
// that comes between the two, and returns, would be lost.
type gaugeModel struct {
	mutant  gaugeMutant
	calls   [3]uint8
	rounds  uint8
	passing bool
	closing bool // the collection after these is the last, and callers still run
}

// gaugeMutant is a deliberate mistake.
type gaugeMutant uint8

const (
	gaugeIsRight gaugeMutant = iota
	gaugeClearsMeasuredAfterwards
	gaugeIsNotStoredAgain
	gaugeKeepsTheOlder
	gaugeIsNotSettled
	gaugeIsMadeMeasured
	gaugeIsSentUnmeasured
	gaugeDiesMeasured
	gaugeIsNotChecked
	gaugeIsClosedEarly
)

// gaugeState is what the processes share. The value of a call is its number, from 1.
type gaugeState struct {
	series    [4]gaugeSeries
	made      uint8
	callers   [3]gaugeCaller
	collector gaugeCollector
	ended     uint8    // the calls that have returned, as bits
	before    [6]uint8 // the calls that had returned when a call began
	begun     uint8    // the number of calls that have begun
	reported  uint8    // the last value in a point
	stale     bool     // a point had a value that was replaced before
	unknown   bool     // a point had a value that no call had measured
	closed    bool
}

type gaugeSeries struct {
	flags       uint8
	dying, gone bool
	known       bool
	value       uint8
}

type gaugeCaller struct {
	at             gaugeStep
	calls          uint8 // still to come
	on, slot, call uint8
	old            uint8
}

type gaugeCollector struct {
	at             gaugeStep
	rounds         uint8 // still to come
	on, was, value uint8
	ended, born    uint8 // the calls that had returned, and the series, when the collection began
	last           bool
}

// gaugeStep is the next step of a process.
type gaugeStep uint8

// The steps of a caller, followed by those of the collector.
const (
	gaugeBegin gaugeStep = iota
	gaugeClosedEarly
	gaugeFind
	gaugeClosed // the next step follows if it is not closed
	gaugeFound
	gaugeReload
	gaugeAdmit
	gaugeClosedNew // here, too
	gaugeAdd
	gaugeCheck
	gaugeKillNew
	gaugeStore
	gaugeFlags
	gaugeSettle

	gaugeRest
	gaugeLook
	gaugeClear
	gaugeKill
	gaugeLoad
	gaugeClearAdmitted
	gaugeClearLate
	gaugeOver
)

func (m *gaugeModel) model() model[gaugeState] {
	s := gaugeState{collector: gaugeCollector{at: gaugeRest, rounds: m.rounds}}
	for i, n := range m.calls {
		s.callers[i].calls = n
	}
	return model[gaugeState]{
		start: s, processes: 4,
		tidy: func(s *gaugeState) {
			sorted(&s.callers, func(c *gaugeCaller) uint64 {
				return uint64(c.at)<<40 | uint64(c.calls)<<32 | uint64(c.on)<<24 | uint64(c.slot)<<16 | uint64(c.call)<<8 | uint64(c.old)
			})
		},
		step: func(s gaugeState, process int) []gaugeState {
			if process == 3 {
				return m.collect(&s)
			}
			return m.record(&s, &s.callers[process])
		},
		wrong: func(s *gaugeState) string {
			if s.stale {
				return "a point has a value that another call had replaced"
			}
			if s.unknown {
				return "a point has a value that nobody measured"
			}
			return ""
		},
		lacking: func(s *gaugeState) string {
			if s.collector.at != gaugeOver || s.replaced(s.reported, s.ended) {
				return "the last value was lost"
			}
			return ""
		},
	}
}

// replaced reports whether a value is of a call that had returned before one of the other
// calls began.
func (s *gaugeState) replaced(value, others uint8) bool {
	for call := range s.begun {
		if others>>call&1 != 0 && (value == 0 || s.before[call]>>(value-1)&1 != 0) {
			return true
		}
	}
	return false
}

// record is a step of a caller: Stream.record, Stream.admit, lastValue.record and
// Series.settle.
func (m *gaugeModel) record(s *gaugeState, c *gaugeCaller) []gaugeState {
	e := &s.series[c.on]
	switch c.at {
	case gaugeBegin: // Stream.record: e.flags.Load() != current
		if c.calls == 0 {
			return nil
		}
		c.calls--
		s.before[s.begun] = s.ended
		s.begun++
		c.call, c.at = s.begun, m.search()
		if e.flags == current {
			c.at = gaugeStore
		}
	case gaugeStore: // lastValue.record: l.value.Store
		if m.mutant != gaugeKeepsTheOlder || e.value == 0 {
			e.value = c.call
		}
		c.at = gaugeFlags
	case gaugeFlags: // Series.record: e.flags.Load() == current
		c.at = gaugeSettle
		if e.flags == current || m.mutant == gaugeIsNotSettled {
			s.end(c)
		}
	case gaugeSettle: // settle: e.flags.Or(measured)&dead == 0
		was := e.flags
		e.flags |= measured
		if c.at = m.search(); was&dead == 0 || m.mutant == gaugeIsNotStoredAgain {
			s.end(c)
		}
	default:
		m.admit(s, c)
	}
	return to(*s)
}

// search is the first step of Stream.admit.
func (m *gaugeModel) search() gaugeStep {
	if m.mutant == gaugeIsClosedEarly {
		return gaugeClosedEarly
	}
	return gaugeFind
}

// admit is a step of a caller: Stream.admit.
func (m *gaugeModel) admit(s *gaugeState, c *gaugeCaller) {
	e := &s.series[c.on]
	switch c.at {
	case gaugeClosedEarly: // the mutant's s.registry.closed.Load()
		if c.at = gaugeFind; s.closed {
			c.call, c.at = 0, gaugeBegin
		}
	case gaugeClosed, gaugeClosedNew: // admit: s.registry.closed.Load(); what is not taken counts as shutdown
		if c.at++; s.closed && m.mutant != gaugeIsClosedEarly {
			c.call, c.at = 0, gaugeBegin
		}
	case gaugeFind: // find: slots.At, and e.flags.Load()&dead of what is there
		switch {
		case c.slot == s.made:
			c.at, c.slot = gaugeClosedNew, 0
		case s.series[c.slot].flags&dead != 0:
			c.slot++
		default:
			c.on, c.slot, c.at = c.slot, 0, gaugeClosed
		}
	case gaugeFound: // admit: e.flags.Load()&admitted != 0; else reserve has room
		if c.at = gaugeReload; e.flags&admitted != 0 {
			c.at = gaugeStore
		}
	case gaugeReload: // admit: e.flags.Load()
		if c.old, c.at = e.flags, gaugeAdmit; e.flags&(admitted|dead) != 0 {
			c.old, c.at = 0, m.search()
		}
	case gaugeAdmit: // admit: e.flags.CompareAndSwap(flags, flags|admitted)
		c.at = m.search()
		if e.flags == c.old {
			e.flags, c.at = e.flags|admitted, gaugeStore
		}
		c.old = 0
	case gaugeAdd: // Table.addTo: a slot, and the compare-and-swap where it is empty
		switch {
		case c.slot == s.made:
			s.series[c.slot].flags = admitted
			if m.mutant == gaugeIsMadeMeasured {
				s.series[c.slot].flags = current
			}
			s.made++
			c.on, c.slot, c.at = c.slot, 0, gaugeCheck
		case s.series[c.slot].flags&dead != 0:
			c.slot++
		default:
			c.slot, c.at = 0, m.search()
		}
	case gaugeCheck: // check: s.registry.closed.Load()
		if c.at = gaugeStore; s.closed && m.mutant != gaugeIsNotChecked {
			c.at = gaugeKillNew
		}
	case gaugeKillNew: // check: e.flags.Or(dead)
		e.flags |= dead
		c.at = gaugeStore
	}
}

func (s *gaugeState) end(c *gaugeCaller) {
	s.ended |= 1 << (c.call - 1)
	c.call, c.at = 0, gaugeBegin
}

// collect is a step of the collector: Series.collect, Series.read and lastValue.collect.
func (m *gaugeModel) collect(s *gaugeState) []gaugeState {
	c := &s.collector
	e := &s.series[int(c.on)%len(s.series)]
	switch c.at {
	case gaugeOver:
		return nil
	case gaugeRest: // between two collections
		switch {
		case c.last:
			c.at = gaugeOver
			return to(*s)
		case c.rounds > 0:
			c.rounds--
		case m.closing: // Collect: c.registry.closed.Store(true)
			s.closed, c.last = true, true
		default: // the collection that shows what is left
			for _, x := range s.callers {
				if x.at != gaugeBegin || x.calls > 0 {
					return nil
				}
			}
			c.last = true
		}
		c.at, c.on, c.ended, c.born = gaugeLook, 0, s.ended, s.made
	case gaugeLook: // Series.collect: e.flags.Load()&measured != 0 || !s.passing() || c.closing
		switch {
		case c.on == s.made:
			c.at, c.ended, c.born, c.on = gaugeRest, 0, 0, 0
		case e.gone:
			c.on++
		case e.flags&measured != 0 || !m.passing || s.closed:
			c.at = gaugeClear
		case c.on < c.born:
			e.dying, c.at = true, gaugeClear
		default:
			c.on++
		}
	case gaugeClear: // clear: e.flags.And(^flags)
		c.was = e.flags & measured
		c.at = gaugeLoad
		if m.mutant != gaugeClearsMeasuredAfterwards {
			e.flags &^= m.cleared()
		}
		if e.dying || s.closed {
			c.at = gaugeKill
		}
	case gaugeKill: // kill: r.dying.Or(dead)&measured != 0
		if m.mutant != gaugeDiesMeasured {
			c.was |= e.flags & measured
		}
		e.flags |= dead
		c.at = gaugeLoad
	case gaugeLoad: // lastValue.collect: l.value.Load()
		c.value = e.value
		if c.at = gaugeClearAdmitted; !e.dying && !s.closed {
			m.push(s)
		}
	case gaugeClearAdmitted: // clear: e.flags.And(^admitted)
		e.flags &^= admitted
		m.push(s)
	case gaugeClearLate: // the mutant's e.flags.And(^flags)
		e.flags &^= m.cleared()
		c.on, c.at = c.on+1, gaugeLook
	}
	return to(*s)
}

// cleared returns the flags that a collection clears.
func (m *gaugeModel) cleared() uint8 {
	if m.passing {
		return measured | admitted
	}
	return measured
}

// push is the rest of Series.read, in which nothing is shared.
func (m *gaugeModel) push(s *gaugeState) {
	c := &s.collector
	e := &s.series[c.on]
	e.known = e.known || c.was != 0
	if c.was != 0 || !m.passing && (e.known || m.mutant == gaugeIsSentUnmeasured) {
		s.unknown = c.value == 0
		s.stale = s.replaced(c.value, c.ended)
		s.reported = c.value
	}
	e.gone = e.dying
	c.value, c.was = 0, 0
	if m.mutant == gaugeClearsMeasuredAfterwards {
		c.at = gaugeClearLate
		return
	}
	c.on, c.at = c.on+1, gaugeLook
}

// TestModelGauge looks at all interleavings of callers that record a last value with a
// collector.
func TestModelGauge(t *testing.T) {
	for name, x := range map[string]struct {
		model  gaugeModel
		atMost longest
	}{
		"passes":             {gaugeModel{calls: [3]uint8{1, 1, 1}, rounds: 1, passing: true}, longest{76, 19}},
		"passes again":       {gaugeModel{calls: [3]uint8{2, 1}, rounds: 1, passing: true}, longest{60, 19}},
		"passes, and closes": {gaugeModel{calls: [3]uint8{1, 1}, rounds: 1, passing: true, closing: true}, longest{52, 24}},
		"stays":              {gaugeModel{calls: [3]uint8{1, 1, 1}, rounds: 2}, longest{28, 16}},
		"stays, and closes":  {gaugeModel{calls: [3]uint8{2, 1}, rounds: 1, closing: true}, longest{33, 18}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "passes" {
				inTheLongForm(t)
			}
			holds(t, x.model.model(), x.atMost)
		})
	}
}

// TestModelGaugeMutants: the explorer finds each mistake.
func TestModelGaugeMutants(t *testing.T) {
	for _, x := range []struct {
		name  string
		model gaugeModel
	}{
		{"measured is cleared after the read", gaugeModel{mutant: gaugeClearsMeasuredAfterwards, passing: true}},
		{"what comes late is not stored again", gaugeModel{mutant: gaugeIsNotStoredAgain, passing: true}},
		{"the older value stays", gaugeModel{mutant: gaugeKeepsTheOlder}},
		{"who has met the collector does not mark", gaugeModel{mutant: gaugeIsNotSettled, passing: true}},
		{"a new series is made measured", gaugeModel{mutant: gaugeIsMadeMeasured}},
		{"a new series that passes is made measured", gaugeModel{mutant: gaugeIsMadeMeasured, passing: true}},
		{"what was never measured is sent", gaugeModel{mutant: gaugeIsSentUnmeasured}},
		{"a series dies that was just measured", gaugeModel{mutant: gaugeDiesMeasured, passing: true}},
		{"the last collection misses what was just measured", gaugeModel{mutant: gaugeDiesMeasured, closing: true}},
		{"closed is read before the series is found", gaugeModel{mutant: gaugeIsClosedEarly, closing: true}},
		{"a new series is not checked", gaugeModel{mutant: gaugeIsNotChecked, closing: true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.model.calls, x.model.rounds = [3]uint8{2, 1, 1}, 2; x.model.closing {
				x.model.calls, x.model.rounds = [3]uint8{2, 1}, 1
			}
			breaks(t, x.model.model())
		})
	}
}
