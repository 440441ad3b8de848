package aggregate

import "testing"

// leftModel is a histogram under delta whose points a collection postpones:
// Collector.Collect and wait, Stream.collect, and Series.read with miss, postpone, leave
// and remove. The stripes are one number, and which caller holds one of them; stripeModel
// has their steps. The series dies if it was not measured, or at the last collection. A
// dead series is read until nothing is held, and then removed, once. If the table was built
// anew, the dead series is in no table.
type leftModel struct {
	mutant         leftMutant
	callers, calls uint8
	rounds         uint8 // collections while the callers run
	closing        bool  // the collection after these is the last, and callers still run
}

// leftMutant is a deliberate mistake.
type leftMutant uint8

const (
	leftIsRight leftMutant = iota
	leftReadTwice
	leftMissedByFlags
	leftForgottenWithoutRoom
	leftForgottenWithARest
	leftRemovedWithARest
	leftBusyNotCounted
)

type leftState struct {
	flags                  uint8 // measured and dead
	dying, gone, busy      bool
	listed                 bool // it is in the table
	value                  uint8
	callers                [3]leftCaller
	collector              leftCollector
	delivered, elsewhere   uint8
	removed, refused, left uint8 // how often
}

type leftCaller struct {
	at    leftStep
	calls uint8 // still to come
}

type leftCollector struct {
	at       leftStep
	rounds   uint8 // still to come
	again    uint8 // to be read now
	waiting  uint8 // to be read after that
	final    bool  // reading.last
	measured bool
	missed   bool // there is no room: its point counts as deadline
	closing  bool
	settled  bool // the callers have ended
	part     bool
}

// leftStep is the next step of a process.
type leftStep uint8

// The steps of a caller, followed by those of the collector.
const (
	leftBegin leftStep = iota
	leftDead           // here and at the next two steps it holds a stripe
	leftCount
	leftRelease
	leftFlags
	leftSettle

	leftRest
	leftEach
	leftAwait
	leftMiss
	leftClear
	leftKill
	leftGather
	leftMark
	leftWait
	leftOver
)

func (m *leftModel) model() model[leftState] {
	s := leftState{listed: true, collector: leftCollector{at: leftRest, rounds: m.rounds}}
	for i := range m.callers {
		s.callers[i].calls = m.calls
	}
	return model[leftState]{
		start: s, processes: int(m.callers) + 1, lacking: m.lacking,
		tidy: func(s *leftState) {
			sorted(&s.callers, func(c *leftCaller) uint64 { return uint64(c.at)<<8 | uint64(c.calls) })
		},
		wrong: func(s *leftState) string {
			switch {
			case s.removed > 1:
				return "it is removed twice"
			case s.refused > 2: // a part of its last point, and the rest
				return "its last point is dropped too often"
			case s.left+s.collector.again+s.collector.waiting > 1:
				return "it is remembered twice"
			}
			return ""
		},
		step: func(s leftState, process int) []leftState {
			if process == int(m.callers) {
				return m.collect(&s)
			}
			return m.record(&s, &s.callers[process])
		},
	}
}

// lacking checks that everything that is lost is counted.
func (m *leftModel) lacking(s *leftState) string {
	switch {
	case s.collector.at != leftOver:
		return "the collector waits for nobody"
	case s.delivered+s.elsewhere+s.value != m.callers*m.calls:
		return "a measurement was delivered twice"
	case s.value > 0 && s.refused == 0:
		return "a measurement is lost without a word"
	}
	return ""
}

// record is a step of a caller: explicit.record and Series.record, with admitted set.
func (m *leftModel) record(s *leftState, c *leftCaller) []leftState {
	switch c.at {
	case leftBegin: // record: s.tryHold
		if c.calls == 0 {
			return nil
		}
		c.calls--
		c.at = leftDead
	case leftDead: // record: flags.Load()&dead != 0; where it is, release and go elsewhere
		if c.at = leftCount; s.flags&dead != 0 {
			s.elsewhere++
			c.at = leftBegin
		}
	case leftCount: // record: s.state.counts[b]++
		s.value++
		c.at = leftRelease
	case leftRelease: // record: s.release
		c.at = leftFlags
	case leftFlags: // Series.record: e.flags.Load() == current
		if c.at = leftSettle; s.flags == measured {
			c.at = leftBegin
		}
	case leftSettle: // settle: e.flags.Or(measured); takeBack finds nothing
		s.flags |= measured
		c.at = leftBegin
	}
	return to(*s)
}

// TestModelLeft examines all interleavings of callers that hold stripes with a collector
// that postpones, misses and leaves what they hold.
func TestModelLeft(t *testing.T) {
	for _, x := range []struct {
		name   string
		model  leftModel
		atMost longest
	}{
		{"one call", leftModel{callers: 3, calls: 1, rounds: 3}, longest{18, 50}},
		{"two calls", leftModel{callers: 2, calls: 2, rounds: 3}, longest{24, 50}},
		{"closes", leftModel{callers: 3, calls: 1, rounds: 2, closing: true}, longest{18, 42}},
		{"closes, two calls", leftModel{callers: 2, calls: 2, rounds: 2, closing: true}, longest{24, 42}},
	} {
		t.Run(x.name, func(t *testing.T) { holds(t, x.model.model(), x.atMost) })
	}
}

// TestModelLeftMutants: the explorer finds each mistake.
func TestModelLeftMutants(t *testing.T) {
	for _, x := range []struct {
		name    string
		mutant  leftMutant
		closing bool
	}{
		{"what is left is read in the table, too", leftReadTwice, false},
		{"what is left is read in the table, too, at the end", leftReadTwice, true},
		{"the last point is missed by its flags", leftMissedByFlags, true},
		{"a dead series without room is forgotten", leftForgottenWithoutRoom, false},
		{"a dead series with a rest is forgotten", leftForgottenWithARest, false},
		{"a dead series with a rest is removed", leftRemovedWithARest, false},
		{"what is held at the end is not counted", leftBusyNotCounted, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := leftModel{mutant: x.mutant, callers: 2, calls: 2, rounds: 3, closing: x.closing}
			breaks(t, m.model())
		})
	}
}
