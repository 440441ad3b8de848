package aggregate

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// limitModel is the limit of the series of a stream: Stream.admit and reserve, the flags,
// Series.clear, and Stream.collect. Callers choose a key for each call. A search of the
// table is one step here; sumModel has its steps.
//
// In every state fewer series have the flag admitted than the limit allows. A collection
// may have more points than that, for two reasons. A series that is cleared makes room for
// another, which the same collection may reach later: that is one point for each series
// that is admitted while the collection runs. And a call in the middle may mark its series
// after that was cleared: that is one point of a later collection for each series that was
// cleared with a call in the middle.
type limitModel struct {
	mutant               limitMutant
	callers, calls, keys uint8
	limit                int8
	rounds               uint8
	delta                bool
	expiry               bool // a series dies if it was not measured
	events               bool // each measurement is a point of its own
}

// limitMutant is a deliberate mistake.
type limitMutant uint8

const (
	limitIsRight limitMutant = iota
	limitByLoadAndStore
	limitNotGivenBack
	limitGivenBackTwice
	limitAdmitsWithoutReserve
	limitAdmitsTheDead
	limitForgottenAtOnce
	limitClearedWithoutLook
	limitDeadKeepsItsPlace
)

// limitState is what the processes share.
type limitState struct {
	series    [5]limitSeries
	made      uint8
	admitted  int8
	callers   [3]limitCaller
	collector limitCollector
	early     bool // a series was measured that was neither admitted nor late
}

type limitSeries struct {
	key, flags  uint8
	dying, gone bool
	late        bool // a call was in the middle when it was cleared
}

type limitCaller struct {
	at       limitStep
	calls    uint8 // still to come
	key, on  uint8
	found    bool
	overflow bool
	old      int8
}

func (c *limitCaller) sorting() uint64 {
	key := uint64(c.at)<<40 | uint64(c.calls)<<32 | uint64(c.key)<<24 | uint64(c.on)<<16 | uint64(uint8(c.old))<<8
	if c.found {
		key |= 2
	}
	if c.overflow {
		key |= 1
	}
	return key
}

type limitCollector struct {
	at       limitStep
	rounds   uint8 // still to come
	on, born uint8
	measured bool
	points   int8 // of series that were admitted
	late     int8 // of other series
	gained   int8 // the series that were admitted during the collection
}

// limitStep is the next step of a process.
type limitStep uint8

// The steps of a caller, followed by those of the collector.
const (
	limitBegin limitStep = iota
	limitFlags
	limitFind
	limitFound
	limitReserve
	limitReserveStore
	limitAdd
	limitReload
	limitAdmit
	limitGiveBack
	limitRecord // here and at the next step it is in the middle
	limitSettle

	limitRest
	limitLook
	limitClear
	limitMakeRoom
	limitKill
	limitClearDead
	limitMakeRoomDead
	limitOver
)

func (m *limitModel) model(excess *int8) model[limitState] {
	s := limitState{collector: limitCollector{at: limitRest, rounds: m.rounds}}
	for i := range m.callers {
		s.callers[i].calls = m.calls
	}
	return model[limitState]{
		start: s, processes: int(m.callers) + 1, lacking: m.lacking,
		wrong: func(s *limitState) string { return m.wrong(s, excess) },
		tidy:  func(s *limitState) { sorted(&s.callers, (*limitCaller).sorting) },
		step: func(s limitState, process int) []limitState {
			if process == int(m.callers) {
				return m.collect(&s)
			}
			return m.record(&s, &s.callers[process])
		},
	}
}

// inUse returns how many series have the flag admitted.
func (s *limitState) inUse() (n int8) {
	for _, e := range s.series {
		if e.flags&admitted != 0 {
			n++
		}
	}
	return n
}

// wrong checks how many series are admitted, and how many points a collection has so far.
func (m *limitModel) wrong(s *limitState, excess *int8) string {
	c := &s.collector
	*excess = max(*excess, c.points+c.late-(m.limit-1))
	switch {
	case s.inUse() > m.limit-1:
		return "more series are admitted than the limit allows"
	case m.delta && c.points > m.limit-1+c.gained:
		return "more points than the limit and the series that were admitted meanwhile"
	case s.early:
		return "a series was measured that was neither admitted nor late"
	}
	return ""
}

// lacking checks that what was reserved and is not used, or no longer used, was given back.
func (m *limitModel) lacking(s *limitState) string {
	for _, e := range s.series {
		if e.gone && e.flags&admitted != 0 {
			return "a series that is gone keeps its place"
		}
	}
	if s.admitted != s.inUse() {
		return "the count is not that of the series"
	}
	return ""
}

// find is Stream.find.
func (s *limitState) find(c *limitCaller) {
	c.on, c.found = 0, false
	for i := range s.made {
		if e := &s.series[i]; e.key == c.key && e.flags&dead == 0 {
			c.on, c.found = i, true
			return
		}
	}
}

// record is a step of a caller.
func (m *limitModel) record(s *limitState, c *limitCaller) []limitState {
	e := &s.series[c.on]
	switch c.at {
	case limitBegin: // Stream.Record: find
		return m.begin(s, c)
	case limitFlags: // Stream.record: e.flags.Load() != current
		c.at = limitFind
		if e.flags == current {
			c.at = limitRecord
		}
	case limitFind: // admit: find
		s.find(c)
		if c.at = limitReserve; c.found {
			c.at = limitFound
		}
	case limitFound: // admit: e.flags.Load()&admitted != 0
		if c.at = limitReserve; e.flags&admitted != 0 {
			c.at = limitRecord
		} else if m.mutant == limitAdmitsWithoutReserve {
			c.at = limitReload
		}
	case limitRecord: // Series.record: e.flags.Load() == current
		c.at = limitSettle
		if e.flags == current {
			c.end()
		}
	case limitSettle: // settle: e.flags.Or(measured)&dead == 0; what is late is recorded anew
		e.flags |= measured
		if c.at = limitFind; e.flags&dead == 0 || m.events {
			c.end()
		}
	default:
		m.admit(s, c)
	}
	return to(*s)
}

// admit is the rest of Stream.admit.
func (m *limitModel) admit(s *limitState, c *limitCaller) {
	e := &s.series[c.on]
	switch c.at {
	case limitReserve: // reserve: s.admitted.Add(1) < limit
		c.old = s.admitted
		if c.at = limitReserveStore; m.mutant != limitByLoadAndStore {
			s.admitted++
			m.reserved(c)
		}
	case limitReserveStore:
		s.admitted = c.old + 1
		m.reserved(c)
	case limitAdd: // Table.Add
		if s.find(c); c.found {
			c.at = limitGiveBack
			break
		}
		s.series[s.made] = limitSeries{key: c.key, flags: admitted}
		c.on, c.found = s.made, true
		s.made++
		s.admit(c)
	case limitReload: // admit: e.flags.Load()
		c.old, c.at = int8(e.flags), limitAdmit
		if e.flags&admitted != 0 || e.flags&dead != 0 && m.mutant != limitAdmitsTheDead {
			c.old, c.at = 0, limitGiveBack
		}
	case limitAdmit: // admit: e.flags.CompareAndSwap(flags, flags|admitted)
		was := uint8(c.old)
		if c.old, c.at = 0, limitGiveBack; e.flags == was {
			e.flags |= admitted
			s.admit(c)
		}
	case limitGiveBack: // admit and reserve: s.admitted.Add(-1)
		if m.mutant != limitNotGivenBack {
			s.admitted--
		}
		if m.mutant == limitGivenBackTwice {
			s.admitted--
		}
		if c.at = limitFind; c.overflow {
			c.end()
		}
	}
}

// admit is what follows if a series was admitted.
func (s *limitState) admit(c *limitCaller) {
	if c.at = limitRecord; s.collector.at != limitRest && s.collector.at != limitOver {
		s.collector.gained++
	}
}

func (m *limitModel) begin(s *limitState, c *limitCaller) (next []limitState) {
	if c.calls == 0 {
		return nil
	}
	c.calls--
	for key := range m.keys {
		c.key = key
		s.find(c)
		if c.at = limitFind; c.found {
			c.at = limitFlags
		}
		next = append(next, *s)
	}
	return next
}

// reserved is what follows s.admitted.Add(1).
func (m *limitModel) reserved(c *limitCaller) {
	switch {
	case c.old+1 >= m.limit:
		c.overflow, c.at = true, limitGiveBack
	case c.found:
		c.at = limitReload
	default:
		c.at = limitAdd
	}
	c.old = 0
}

func (c *limitCaller) end() { *c = limitCaller{calls: c.calls} }

// TestModelLimit looks at all interleavings of callers that make and admit series with a
// collector.
func TestModelLimit(t *testing.T) {
	for _, x := range []struct {
		name   string
		model  limitModel
		excess int8
		atMost longest
	}{
		{"cumulative", limitModel{callers: 3, calls: 1, keys: 3, limit: 2, rounds: 2}, 0, longest{18, 9}},
		{"delta", limitModel{callers: 3, calls: 1, keys: 3, limit: 2, rounds: 1, delta: true}, 2, longest{29, 12}},
		{"delta, two calls", limitModel{callers: 2, calls: 2, keys: 3, limit: 2, rounds: 2, delta: true}, 2, longest{41, 19}},
		{"delta, one caller", limitModel{callers: 1, calls: 4, keys: 4, limit: 2, rounds: 2, delta: true}, 3, longest{31, 21}},
		{"delta dies", limitModel{callers: 3, calls: 1, keys: 2, limit: 2, rounds: 2, delta: true, expiry: true}, 2, longest{78, 31}},
		{"events", limitModel{callers: 2, calls: 2, keys: 2, limit: 2, rounds: 2, delta: true, expiry: true, events: true}, -1, longest{79, 28}},
	} {
		t.Run(x.name, func(t *testing.T) {
			excess := -x.model.limit
			holds(t, x.model.model(&excess), x.atMost)
			t.Log("excess", excess)
			assert.Equal(t, x.excess, excess)
		})
	}
}
