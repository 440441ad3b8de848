package receiver

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// lateAfter is how late a packet may be before it counts as lost.
const lateAfter = time.Second

// session keeps the books of one session. The goroutine that reads the socket
// writes them, with the receiver's lock held; only the atomic fields are
// written by the one that decodes.
type session struct {
	id       uint64
	source   netip.AddrPort
	started  time.Time
	lastSeen time.Time
	began    time.Time // by its sender's account of its age; zero: no report yet
	// provisional says that packets came before the first one seen, and that nobody
	// knows yet whether they were lost or sent before there was a receiver. The
	// books begin with the first one until a report tells.
	provisional bool
	joined      bool // it was under way before: the books begin with the first packet seen
	resumed     bool // its books go on where they were closed before
	closed      bool // said goodbye
	proven      bool // not forged, as far as one can tell
	dropped     [wire.DropReasons]uint64

	// missed is for a session that left the table while it was provisional: what it had
	// sent before its first packet seen. It moves to lost if a report says that all of
	// it was sent to this receiver.
	missed  mark
	lost    mark
	origin  uint64 // the packet at which the window begins
	base    mark   // where the books begin
	newest  mark   // the end of the newest packet
	window  window
	settled tally // received up to older
	waiting tally // received from there up to newer
	current tally // received from there on
	older   mark
	newer   mark
	turned  time.Time // when newer was set

	duplicatePackets, duplicatePoints uint64
	latePackets, latePoints           uint64
	overrunPackets, overrunPoints     uint64

	handedPackets, handedPoints     atomic.Uint64
	rejectedPackets, rejectedPoints atomic.Uint64
}

// mark is a place in a session: how many packets and points are before it.
type mark struct{ packets, points uint64 }

// tally is what was received.
type tally struct{ packets, points uint64 }

func (t *tally) add(o tally) {
	t.packets += o.packets
	t.points += o.points
}

// roomBefore is how many packets before the first one seen find a place in a
// window that does not reach back to the begin of the session.
const roomBefore = 1024

// newSession begins the books with the packet at hand. Their begin is provisional
// unless that is the first packet of the session.
func newSession(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	s := &session{id: h.Session, source: source, started: now, turned: now}
	if h.Sequence == 0 {
		return s
	}
	s.provisional = true
	if h.Sequence >= windowSize {
		s.origin = (h.Sequence - roomBefore) &^ 63
	}
	s.begin(mark{h.Sequence, uint64(h.PointsBefore)})
	return s
}

// resume begins the books where they were closed before.
func (s *session) resume(d departed) {
	s.provisional, s.joined, s.missed = d.provisional, d.joined, d.missed
	s.origin = d.newest.packets
	s.begin(d.newest)
	s.resumed = true
}

// departed is what is remembered of a session that has left the table.
type departed struct {
	newest, missed      mark
	provisional, joined bool
}

func (s *session) depart() departed {
	d := departed{newest: s.newest, missed: s.missed, provisional: s.provisional, joined: s.joined}
	if s.provisional && !s.resumed {
		d.missed = s.base
	}
	return d
}

func (s *session) begin(m mark) {
	s.base, s.newest, s.older, s.newer = m, m, m, m
}

// rebase moves the begin of the books back to m. What is missing from m on counts as
// lost once it is late.
func (s *session) rebase(m mark) {
	if s.older == s.base {
		s.older = m
	}
	if s.newer == s.base {
		s.newer = m
	}
	s.base = m
}

// learn takes the age of the session from a report. The age says whether the session
// began before known. If it did, its first packets were not sent to this receiver, or
// were counted and forgotten. An age of 0 says nothing.
func (s *session) learn(age uint64, now, known time.Time) {
	if age == 0 {
		return
	}
	s.began = now.Add(-time.Duration(min(age, math.MaxInt64)))
	if !s.provisional {
		return
	}
	s.provisional = false
	switch s.joined = s.began.Before(known); {
	case s.joined:
	case s.resumed:
		s.lost = s.missed
	default:
		s.rebase(mark{})
	}
}

// see enters a packet and reports whether it is new.
func (s *session) see(h *wire.Header, source netip.AddrPort, now time.Time) bool {
	s.turn(now)
	s.lastSeen, s.source = now, source
	points := uint64(h.Points)
	v := late
	if s.reaches(h) {
		v = s.window.see(h.Sequence - s.origin)
	}
	switch v {
	case duplicate:
		if h.Goodbye && s.closed {
			return false // it is said three times
		}
		s.duplicatePackets++
		s.duplicatePoints += points
		return false
	case late:
		s.latePackets++
		s.latePoints += points
		return false
	}
	one := tally{1, points}
	switch {
	case h.Sequence < s.older.packets:
		s.settled.add(one)
	case h.Sequence < s.newer.packets:
		s.waiting.add(one)
	default:
		s.current.add(one)
	}
	if h.Sequence >= s.newest.packets {
		s.newest = mark{h.Sequence + 1, s.before(h) + points}
	}
	// A sender that lies about what it sent has sent what arrived.
	s.newest.points = max(s.newest.points, s.base.points+s.received().points)
	s.closed = s.closed || h.Goodbye
	return true
}

// reaches reports whether a packet belongs to the books. While their begin is
// provisional it is moved back to a packet from before it.
func (s *session) reaches(h *wire.Header) bool {
	if h.Sequence < s.origin {
		return false // the window does not reach back to it
	}
	if h.Sequence >= s.base.packets {
		return true
	}
	if !s.provisional {
		return false
	}
	m := mark{h.Sequence, s.base.points}
	if less := uint32(m.points) - h.PointsBefore; int32(less) > 0 && uint64(less) <= m.points {
		m.points -= uint64(less)
	}
	s.rebase(m)
	return true
}

// before is the header's 32-bit count of points before this packet in 64 bits,
// for a packet newer than all others: the count can only have grown.
func (s *session) before(h *wire.Header) uint64 {
	grown := h.PointsBefore - uint32(s.newest.points)
	if s.newest != s.base && int32(grown) < 0 {
		grown = 0 // it has shrunk, as no honest sender's does
	}
	return s.newest.points + uint64(grown)
}

func (s *session) received() tally {
	t := s.settled
	t.add(s.waiting)
	t.add(s.current)
	return t
}

// turn moves the marks on once a second. What is missing before older is at
// least that late, and counts as lost. It is called before each packet, so
// that after two seconds without a turn the newest packet is a second old too.
func (s *session) turn(now time.Time) {
	gone := now.Sub(s.turned)
	if gone < lateAfter {
		return
	}
	s.shift()
	if gone >= 2*lateAfter {
		s.shift()
	}
	s.turned = now
}

func (s *session) shift() {
	s.older, s.newer = s.newer, s.newest
	s.settled.add(s.waiting)
	s.waiting, s.current = s.current, tally{}
}

// books returns the books as they stand.
func (s *session) books() Books {
	received := s.received()
	return Books{
		Packets: Counts{
			Sent: s.newest.packets - s.base.packets + s.lost.packets, Received: received.packets,
			Lost:      missing(s.older.packets-s.base.packets, s.settled.packets) + s.lost.packets,
			Duplicate: s.duplicatePackets, Late: s.latePackets, Overrun: s.overrunPackets,
			Rejected: s.rejectedPackets.Load(), Handed: s.handedPackets.Load(),
		},
		Points: Counts{
			Sent: s.newest.points - s.base.points + s.lost.points, Received: received.points,
			Lost:      missing(s.older.points-s.base.points, s.settled.points) + s.lost.points,
			Duplicate: s.duplicatePoints, Late: s.latePoints, Overrun: s.overrunPoints,
			Rejected: s.rejectedPoints.Load(), Handed: s.handedPoints.Load(),
		},
	}
}

// missing is sent - received, where a sender may lie about what it sent.
func missing(sent, received uint64) uint64 {
	if received > sent {
		return 0
	}
	return sent - received
}
