package aggregate

import "testing"

// flagsModel is the flags measured and admitted under delta, from Series.record to
// Series.read: which process sets them, which clears them, and when the state is read. The
// state is one number. A collection may find it busy at any time, may get a part of it, or
// may have no room for its point. A call that finds the series without admitted sets
// admitted first.
type flagsModel struct {
	mutant        flagsMutant
	calls, rounds uint8
}

// flagsMutant is a deliberate mistake.
type flagsMutant uint8

const (
	flagsAreRight flagsMutant = iota
	flagsClearedAfterTheRead
	flagsReadBeforeTheMeasurement
	flagsNotRestoredWhereBusy
	flagsNotSetForTheRest
	flagsNotSettled
	flagsSettledWithoutAdmission
)

type flagsState struct {
	flags     uint8
	value     uint8 // that is not collected yet
	callers   [3]flagsCaller
	collector flagsCollector
	delivered uint8
}

type flagsCaller struct {
	at    flagsStep
	calls uint8 // still to come
	old   uint8
}

type flagsCollector struct {
	at           flagsStep
	rounds       uint8 // still to come
	was          uint8
	last, reread bool
}

// flagsStep is the next step of a process.
type flagsStep uint8

// The steps of a caller, followed by those of the collector.
const (
	flagsBegin flagsStep = iota
	flagsFound
	flagsReload
	flagsAdmit
	flagsEarly
	flagsRecord
	flagsLoad
	flagsSettle

	flagsRest
	flagsLook
	flagsClear
	flagsStore
	flagsCollect
	flagsBusy
	flagsPart
	flagsOver
)

func (m *flagsModel) model() model[flagsState] {
	s := flagsState{collector: flagsCollector{at: flagsRest, rounds: m.rounds}}
	for i := range s.callers {
		s.callers[i].calls = m.calls
	}
	return model[flagsState]{
		start: s, processes: 4, lacking: m.lacking, wrong: m.wrong,
		tidy: func(s *flagsState) {
			sorted(&s.callers, func(c *flagsCaller) uint64 { return uint64(c.at)<<16 | uint64(c.calls)<<8 | uint64(c.old) })
		},
		step: func(s flagsState, process int) []flagsState {
			if process == 3 {
				return m.collect(&s)
			}
			return m.record(&s, &s.callers[process])
		},
	}
}

// wrong checks that, if no process is in the middle of anything, a value has the flag that
// tells the next collection about it.
func (m *flagsModel) wrong(s *flagsState) string {
	for _, c := range s.callers {
		if c.at != flagsBegin {
			return ""
		}
	}
	if s.collector.at <= flagsLook && s.value > 0 && s.flags&measured == 0 {
		return "a measurement is forgotten"
	}
	return ""
}

func (m *flagsModel) lacking(s *flagsState) string {
	if s.collector.at != flagsOver || s.delivered != 3*m.calls {
		return "a measurement was not delivered, or twice"
	}
	return ""
}

// record is a step of a caller.
func (m *flagsModel) record(s *flagsState, c *flagsCaller) []flagsState {
	first, then := flagsRecord, flagsLoad
	if m.mutant == flagsReadBeforeTheMeasurement {
		first, then = flagsEarly, flagsBegin
	}
	switch c.at {
	case flagsBegin: // Stream.record: e.flags.Load() != current
		if c.calls == 0 {
			return nil
		}
		c.calls--
		c.at = flagsFound
		if s.flags == current {
			c.at = first
		}
	case flagsFound: // admit: e.flags.Load()&admitted != 0
		c.at = flagsReload
		if s.flags&admitted != 0 {
			c.at = first
		}
	case flagsReload: // admit: e.flags.Load()
		if c.old, c.at = s.flags, flagsAdmit; s.flags&admitted != 0 {
			c.old, c.at = 0, flagsFound
		}
	case flagsAdmit: // admit: e.flags.CompareAndSwap(flags, flags|admitted)
		c.at = flagsFound
		if s.flags == c.old {
			s.flags, c.at = s.flags|admitted, first
		}
		c.old = 0
	case flagsEarly: // the mutant's e.flags.Or(measured), before it records
		s.flags |= measured
		c.at = flagsRecord
	case flagsRecord: // record of the state
		s.value++
		c.at = then
		if m.mutant == flagsNotSettled {
			c.at = flagsBegin
		}
	case flagsLoad: // Series.record: e.flags.Load() == current
		c.at = flagsSettle
		if s.flags == current || m.mutant == flagsSettledWithoutAdmission && s.flags&admitted != 0 {
			c.at = flagsBegin
		}
	case flagsSettle: // settle: e.flags.Or(measured)
		s.flags |= measured
		c.at = flagsBegin
	}
	return to(*s)
}

// collect is a step of the collector.
func (m *flagsModel) collect(s *flagsState) []flagsState {
	c := &s.collector
	switch c.at {
	case flagsOver:
		return nil
	case flagsRest: // between two collections
		switch {
		case c.last:
			c.at = flagsOver
		case c.rounds > 0:
			c.rounds--
			c.at = flagsLook
		default: // the collection that shows what is left
			for _, x := range s.callers {
				if x.at != flagsBegin || x.calls > 0 {
					return nil
				}
			}
			c.last, c.at = true, flagsLook
		}
	case flagsLook: // Series.collect: e.flags.Load()&measured != 0
		c.at = flagsRest
		if s.flags&measured != 0 {
			missed := *s // no room: miss does nothing
			c.at = flagsClear
			if !c.last {
				return []flagsState{*s, missed}
			}
		}
	case flagsClear: // clear: e.flags.And(^(measured|admitted))
		c.was, c.at = s.flags&measured, flagsCollect
		if m.mutant != flagsClearedAfterTheRead {
			s.flags = 0
		}
	case flagsStore: // of the mutant, after the read
		s.flags = 0
		c.end()
	case flagsCollect: // state.collect
		return m.outcomes(s)
	case flagsBusy: // read: e.flags.Or(measured) where it was measured, and postpone or leave
		if m.mutant != flagsNotRestoredWhereBusy {
			s.flags |= c.was
		}
		c.was = 0
		again := *s
		c.end()
		if again.collector.reread {
			return to(*s)
		}
		again.collector.at, again.collector.reread = flagsClear, true
		return []flagsState{*s, again}
	case flagsPart: // read: e.flags.Or(measured)
		if m.mutant != flagsNotSetForTheRest {
			s.flags |= measured
		}
		c.end()
	}
	return to(*s)
}

// outcomes returns what a collection may find. The last collection finds everything.
func (m *flagsModel) outcomes(s *flagsState) []flagsState {
	busy, rest := *s, *s
	s.delivered += s.value
	s.value = 0
	if s.collector.end(); m.mutant == flagsClearedAfterTheRead {
		s.collector.at = flagsStore
	}
	if s.collector.last {
		return to(*s)
	}
	busy.collector.at = flagsBusy
	taken := rest.value / 2
	rest.value -= taken
	rest.delivered += taken
	rest.collector.at = flagsPart
	return []flagsState{*s, busy, rest}
}

// end ends the reading of the series.
func (c *flagsCollector) end() { c.at, c.was, c.reread = flagsRest, 0, false }

// TestModelFlags looks at all interleavings of callers that mark a series as measured with
// a collector that clears the mark.
func TestModelFlags(t *testing.T) {
	m := flagsModel{calls: 2, rounds: 3}
	holds(t, m.model(), longest{142, 29})
}

// TestModelFlagsMutants: the explorer finds each mistake.
func TestModelFlagsMutants(t *testing.T) {
	for name, mutant := range map[string]flagsMutant{
		"measured is cleared after the read":      flagsClearedAfterTheRead,
		"measured is set before the measurement":  flagsReadBeforeTheMeasurement,
		"a busy series is not marked again":       flagsNotRestoredWhereBusy,
		"a series with a rest is not marked":      flagsNotSetForTheRest,
		"who has met the collector does not mark": flagsNotSettled,
		"who finds it admitted does not mark":     flagsSettledWithoutAdmission,
	} {
		t.Run(name, func(t *testing.T) {
			m := flagsModel{mutant: mutant, calls: 2, rounds: 2}
			breaks(t, m.model())
		})
	}
}
