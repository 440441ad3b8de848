package aggregate

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// stripeModel is the stripes of a histogram under delta, from explicit.record and
// stripe.hold to stripe.gather. A measurement is two words, as count and sum are. If the
// series dies, the measurement goes to the series that has taken its place, which is one
// number here. Each stripe except the first is charged to the memory budget. It is given
// back once when the series is removed: by the collector, or by a caller that was late.
type stripeModel struct {
	mutant         stripeMutant
	callers, calls uint8
	reads          []bool // while the callers run: whether each read is the last of its collection
	dying          bool
}

// stripeMutant is a deliberate mistake.
type stripeMutant uint8

const (
	stripesAreRight stripeMutant = iota
	stripeReleasedByStore
	stripeHeldByLoadAndStore
	stripeBornFree
	stripeDeadBeforeTheLock
	stripeTakenWhereWanted
	stripeGivenUpByStore
	stripeLeftHeld
	stripeMovedWithoutTheLock
	stripeTakenAtOnce
	stripeLateKeepsMemory
	stripeLateGivesTwice
	stripeRemovedKeepsMemory
)

// stripeState is what the processes share. A stripe is linked to the one behind it.
type stripeState struct {
	stripes   [7]stripeWords
	made      uint8
	dead      bool
	callers   [3]stripeCaller
	collector stripeCollector
	delivered uint8
	elsewhere uint8 // on the series that has taken the place
	owed      int8  // bytes that were charged, and not given back: 1 for a stripe
	removed   bool
	bad       stripeBad
}

type stripeWords struct {
	lock       uint8
	asked      bool // the collector has marked it and will come again
	count, sum uint8
	charged    bool
}

type stripeCaller struct {
	at    stripeStep
	calls uint8 // still to come
	on    uint8
	late  bool
}

type stripeCollector struct {
	at         stripeStep
	read       uint8 // how many reads there were
	on         uint8
	incomplete bool
	settled    bool // the callers have ended
}

// stripeBad is what went wrong.
type stripeBad uint8

const (
	stripeFine stripeBad = iota
	stripeTorn
	stripeStolen
	stripeBusyAtRest
)

// stripeStep is the next step of a process.
type stripeStep uint8

// The steps of a caller, followed by those of the collector.
const (
	stripeBegin stripeStep = iota
	stripeDeadEarly
	stripeFirst
	stripeTry
	stripeHoldStore
	stripeNext
	stripeAppend
	stripeDead // from here on it holds the stripe
	stripeCount
	stripeSum
	stripeRelease
	stripeRefund // from here on it does not hold the stripe
	stripeRefundStore

	stripeRest
	stripeKill
	stripeWant
	stripeGiveUp
	stripeTake      // from here on it holds the stripe
	stripeMoveCount // here and at the next two steps it is a further stripe
	stripeMoveSum
	stripeMoved
	stripeFollow
	stripeReadCount
	stripeReadSum
	stripeDone
	stripeRefundAll
	stripeRefundNext
	stripeOver
)

func (m *stripeModel) model(most *uint8) model[stripeState] {
	s := stripeState{made: 1, collector: stripeCollector{at: stripeRest}}
	for i := range m.callers {
		s.callers[i].calls = m.calls
	}
	return model[stripeState]{
		start: s, processes: int(m.callers) + 1, lacking: m.lacking,
		tidy: func(s *stripeState) {
			sorted(&s.callers, func(c *stripeCaller) uint64 {
				key := uint64(c.at)<<24 | uint64(c.calls)<<16 | uint64(c.on)<<8
				if c.late {
					key++
				}
				return key
			})
		},
		wrong: func(s *stripeState) string {
			*most = max(*most, s.made)
			return m.wrong(s)
		},
		step: func(s stripeState, process int) []stripeState {
			if process == int(m.callers) {
				return m.collect(&s)
			}
			return m.record(&s, &s.callers[process])
		},
	}
}

// wrong checks that no stripe has two holders.
func (m *stripeModel) wrong(s *stripeState) string {
	var holders [len(s.stripes)]uint8
	for _, c := range s.callers {
		if c.at >= stripeDead && c.at < stripeRefund {
			holders[c.on]++
		}
	}
	c := &s.collector
	if c.at >= stripeTake && c.at <= stripeMoved {
		holders[c.on]++
	}
	if c.at > stripeKill && c.at < stripeRefundAll && c.on > 0 || c.at >= stripeReadCount && c.at <= stripeDone {
		holders[0]++
	}
	for i, n := range holders {
		if n > 1 || n == 1 && s.stripes[i].lock == uint8(free) {
			return "two hold a stripe"
		}
	}
	return [...]string{"", "a measurement is torn", "a caller holds what the collector wants", "refused without a caller"}[s.bad]
}

func (m *stripeModel) lacking(s *stripeState) string {
	for _, c := range s.callers {
		if c.at != stripeBegin {
			return "a caller waits"
		}
	}
	if s.collector.at != stripeOver || s.delivered+s.elsewhere != m.callers*m.calls {
		return "a measurement was not delivered, or twice"
	}
	if s.removed && s.owed != 0 {
		return "a series that is removed owes memory, or gave it back twice"
	}
	return ""
}

// record is a step of a caller: explicit.record and stripe.hold.
func (m *stripeModel) record(s *stripeState, c *stripeCaller) []stripeState {
	e := &s.stripes[c.on]
	inside := stripeDead
	if m.mutant == stripeDeadBeforeTheLock {
		inside = stripeCount
	}
	switch c.at {
	case stripeBegin:
		if c.calls == 0 {
			return nil
		}
		c.calls--
		c.at = stripeFirst
		if m.mutant == stripeDeadBeforeTheLock && s.dead { // the mutant's flags.Load()&dead
			s.elsewhere++
			c.at = stripeBegin
		}
	case stripeFirst, stripeTry: // record and hold: s.lock.CompareAndSwap(free, held)
		switch {
		case e.lock != uint8(free) && c.at == stripeFirst:
			c.at = stripeTry
		case e.lock != uint8(free):
			c.at = stripeNext
		case m.mutant == stripeHeldByLoadAndStore:
			c.at = stripeHoldStore
		default:
			s.hold(c, inside)
		}
	case stripeHoldStore:
		s.hold(c, inside)
	case stripeNext: // hold: s.next.Load()
		c.at = stripeAppend
		if c.on+1 < s.made {
			c.on, c.at = c.on+1, stripeTry
		}
	case stripeAppend: // hold: s.next.CompareAndSwap(nil, n); if it fails, s.next.Load()
		c.on++
		if c.on == s.made {
			s.made++
			s.owed++ // hold: memory.Need and n.charged.Store, while nobody else sees it
			s.stripes[c.on].charged = true
			s.hold(c, inside)
			if m.mutant == stripeBornFree {
				s.stripes[c.on].lock = uint8(free)
			}
		}
	default:
		m.inside(s, c)
	}
	return to(*s)
}

// inside is a step of a caller that holds a stripe, or has just held it: explicit.record.
func (m *stripeModel) inside(s *stripeState, c *stripeCaller) {
	e := &s.stripes[c.on]
	switch c.at {
	case stripeDead: // record: flags.Load()&dead
		c.at, c.late = stripeCount, false
		if s.dead {
			c.at, c.late = stripeRelease, true
		}
	case stripeCount: // record: s.state.counts[b]++
		e.count++
		c.at = stripeSum
	case stripeSum: // record: s.state.add(v)
		e.sum++
		c.at = stripeRelease
	case stripeRelease: // release: s.lock.And(^held)
		e.lock &^= uint8(held)
		if m.mutant == stripeReleasedByStore {
			e.lock = uint8(free)
		}
		if c.late && m.mutant != stripeLateKeepsMemory {
			c.at = stripeRefund
			break
		}
		s.end(c)
	case stripeRefund: // record: h.memory.Give(s.refund()), s.charged.Swap(0)
		if m.mutant == stripeLateGivesTwice && e.charged {
			c.at = stripeRefundStore
			break
		}
		s.refund(e)
		s.end(c)
	case stripeRefundStore:
		s.owed--
		e.charged = false
		s.end(c)
	}
}

// end ends a call.
func (s *stripeState) end(c *stripeCaller) {
	if c.late {
		s.elsewhere++
	}
	c.on, c.late, c.at = 0, false, stripeBegin
}

// refund gives back what a stripe still takes.
func (s *stripeState) refund(e *stripeWords) {
	if e.charged {
		s.owed--
		e.charged = false
	}
}

// hold makes a caller hold the stripe at which it is.
func (s *stripeState) hold(c *stripeCaller, inside stripeStep) {
	e := &s.stripes[c.on]
	if e.asked {
		s.bad = stripeStolen
	}
	e.lock = uint8(held)
	c.at = inside
}

// TestModelStripes examines all interleavings of callers that hold stripes with a collector
// that gathers them. There may be more stripes than callers: callers pass a stripe by that
// the collector wants, even if its holder has released it. So a single caller appends one
// stripe for each of its measurements, if the collector comes in the middle of each.
func TestModelStripes(t *testing.T) {
	for _, x := range []struct {
		name    string
		model   stripeModel
		stripes uint8
		atMost  longest
	}{
		{"comes again", stripeModel{callers: 3, calls: 1, reads: []bool{false, false, true}}, 4, longest{33, 101}},
		{"gives up", stripeModel{callers: 3, calls: 1, reads: []bool{true, true}}, 4, longest{33, 76}},
		{"two calls", stripeModel{callers: 2, calls: 2, reads: []bool{false, true}}, 5, longest{48, 94}},
		{"one caller", stripeModel{callers: 1, calls: 4, reads: []bool{false, false, false, true}}, 5, longest{48, 150}},
		{"dies", stripeModel{callers: 3, calls: 1, reads: []bool{false, true}, dying: true}, 4, longest{30, 76}},
		{"dies, two calls", stripeModel{callers: 2, calls: 2, reads: []bool{false, false, true}, dying: true}, 5, longest{44, 121}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var most uint8
			holds(t, x.model.model(&most), x.atMost)
			t.Log("at most", most, "stripes")
			assert.Equal(t, x.stripes, most)
		})
	}
}
