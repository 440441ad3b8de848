package receiver

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

const (
	// lateAfter is how late a packet may be before it counts as lost.
	lateAfter = time.Second
	// packetTime is the least time that a sender takes for a packet. A session that claims
	// to have sent more packets in its life is not believed.
	packetTime = 50 * time.Nanosecond
	// packetsAtOnce is how many packets a session may have sent whatever its age.
	packetsAtOnce = 1 << 16
)

// session keeps the books of one session. The goroutines that read the sockets write them,
// and hold the receiver's lock. The goroutine that decodes writes the atomic fields. The
// line belongs to the queue.
type session struct {
	id       uint64
	source   netip.AddrPort
	started  time.Time
	lastSeen time.Time
	began    time.Time // when the session began, by the age that its sender reports; zero: no report yet
	// provisional says that packets came before the first one seen, and that nobody knows
	// yet whether they were lost or sent before there was a receiver. Until a report tells,
	// the books begin with the first packet seen.
	provisional bool
	joined      bool // it is older than the receiver: the books begin with the first packet seen
	resumed     bool // it came back to the table: the books go on where they were closed
	closed      bool // the sender said goodbye
	proven      bool // not forged, as far as anybody can tell
	clone       bool // sent the numbers of another session again
	plain       bool // of Plain packets from one source address
	dropped     *drops
	renewed     *renewal // nil: the sender never began anew

	// missed is for a session that left the table while it was provisional: what it had
	// sent before its first packet seen. It becomes lost if a report says that all of it
	// was sent to this receiver.
	missed mark
	lost   mark
	base   mark  // where the books begin
	newest mark  // the end of the newest packet
	latest int64 // the latest header time
	window window.Window
	claims []wire.Header // packets far ahead of the others, not believed yet
	// countDoubted says that the newest packet's count of points before it differs from the
	// books by countOff, which is more than one packet alone is believed.
	countDoubted bool
	countOff     int64

	apart   tally // received, of packets whose claim of a jump was not confirmed
	settled tally // received up to older
	waiting tally // received from older up to newer
	current tally // received from newer on
	older   mark
	newer   mark
	turned  time.Time // when newer was set

	duplicates, lates, overruns tally
	delivered, rejected         atomicTally

	entered account // what the table's totals contain of this session
	line    line

	slot    int   // in the table
	place   entry // among the sessions of its class, by when each last sent a packet
	pending entry // among the sessions of which something is not settled, by when each turned
	// pendingFrom is the value of turned when the session got its place in pending.
	pendingFrom time.Time
}

// drops is what a sender says it dropped, by reason.
type drops [wire.DropReasons]uint64

// mark is a place in a session: how many packets and points are before it.
type mark struct{ packets, points uint64 }

// tally is a number of packets and of the points in them.
type tally struct{ packets, points uint64 }

func (t *tally) add(o tally) {
	t.packets += o.packets
	t.points += o.points
}

func (t *tally) sub(o tally) {
	t.packets -= o.packets
	t.points -= o.points
}

// atomicTally is a tally that other goroutines read.
type atomicTally struct{ packets, points atomic.Uint64 }

func (t *atomicTally) add(o tally) {
	t.packets.Add(o.packets)
	t.points.Add(o.points)
}

func (t *atomicTally) load() tally { return tally{t.packets.Load(), t.points.Load()} }

// account is the part of a session's books that changes when a packet comes or time passes.
type account struct{ sent, received, lost tally }

// newSession begins the books with the packet at hand. Their begin is provisional, unless
// that is the first packet of the session.
func newSession(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	s := &session{id: h.Session, source: source, started: now, lastSeen: now, turned: now, plain: h.Format == plain.Format}
	s.place.session, s.pending.session = s, s
	if s.plain && !source.IsValid() {
		return s // see seePlain
	}
	s.start(h)
	return s
}

// start makes a packet the first one seen.
func (s *session) start(h *wire.Header) {
	s.window = window.Window{}
	s.provisional = h.Sequence > 0
	m := mark{}
	if s.provisional {
		s.window.StartAt(h.Sequence)
		m = mark{h.Sequence, min(uint64(h.PointsBefore), mostPoints(h.Sequence))}
	}
	s.begin(m)
}

// resume begins the books where they were closed before.
func (s *session) resume(d departed) {
	s.provisional, s.joined, s.closed, s.missed = d.provisional, d.joined, d.closed, d.missed
	s.window = window.Window{}
	s.window.StartAt(d.newest.packets)
	s.begin(d.newest)
	s.latest = d.latest
	s.resumed = true
}

func (s *session) depart() departed {
	d := departed{newest: s.newest, missed: s.missed, latest: s.latest, provisional: s.provisional, joined: s.joined, closed: s.closed, proven: s.proven}
	if s.provisional && !s.resumed {
		d.missed = s.base
	}
	return d
}

func (s *session) begin(m mark) {
	s.base, s.newest, s.older, s.newer = m, m, m, m
}

// rebase moves the begin of the books back to m. What is missing from m on counts as lost
// once it is late.
func (s *session) rebase(m mark) {
	if s.older == s.base {
		s.older = m
	}
	if s.newer == s.base {
		s.newer = m
	}
	s.base = m
}

// learn takes the age of the session from a report. If the session began before known, its
// first packets were not sent to this receiver, or were counted and forgotten. The same
// holds for a session that claims to have sent more packets than any sender can in that
// time. An age of 0 says nothing. The word of a single packet is not enough to count many
// others as lost.
func (s *session) learn(age uint64, now, known time.Time) {
	if age == 0 {
		return
	}
	age = min(age, math.MaxInt64)
	s.began = now.Add(-time.Duration(age))
	if !s.provisional || s.base.packets > window.Min/2 && s.received().packets < 2 {
		return
	}
	s.provisional = false
	s.joined = s.began.Before(known) || s.base.packets > packetsAtOnce+age/uint64(packetTime)
	switch {
	case s.joined:
	case s.resumed:
		s.lost = s.missed
	default:
		s.rebase(mark{})
	}
}

// judge calls see, or seePlain for a Plain session.
func (s *session) judge(h *wire.Header, now time.Time) window.Verdict {
	if s.plain {
		return s.seePlain(h, now)
	}
	return s.see(h, now)
}

// see enters the number of a packet, and its points if the packet is new. It returns
// whether the packet is new.
func (s *session) see(h *wire.Header, now time.Time) (v window.Verdict) {
	s.turn(now)
	if s.isFar(h.Sequence) {
		v = s.judgeClaim(h, now)
	} else {
		v = s.accept(h)
	}
	switch v {
	case window.Fresh:
		s.latest = max(s.latest, h.Time)
	case window.Duplicate:
		s.confirmCount(h)
	}
	return v
}

// repeatsGoodbye reports whether a packet that is not new repeats a goodbye: a sender says
// goodbye three times.
func (s *session) repeatsGoodbye(h *wire.Header) bool { return h.Goodbye && s.closed }

// repeats reports whether a packet that is not new has a later time than all packets of the
// session. No packet of an honest sender does: a packet that arrives twice has the same
// time twice. If nobody knows whether the number was seen, the time must be later by more
// than lateAfter, since the sender's clock may have been put back while the packet was on
// the network.
func (s *session) repeats(h *wire.Header, v window.Verdict) bool {
	return v == window.Duplicate && h.Time > s.latest || v == window.Late && h.Time-s.latest > int64(lateAfter)
}

// accept enters a packet whose number is believed.
func (s *session) accept(h *wire.Header) window.Verdict {
	if !s.reaches(h) {
		return window.Late
	}
	limit := window.LimitFor(s.waiting.packets + s.current.packets)
	if v := s.window.See(h.Sequence, limit); v != window.Fresh {
		return v
	}
	one := tally{1, uint64(h.Points)}
	switch {
	case h.Sequence < s.older.packets:
		s.settled.add(one)
	case h.Sequence < s.newer.packets:
		s.waiting.add(one)
	default:
		s.current.add(one)
	}
	if h.Sequence >= s.newest.packets {
		s.newest = mark{h.Sequence + 1, s.before(h) + one.points}
		s.closed = h.Goodbye // the last word counts
	}
	// If a sender lies about what it sent, it has at least sent what arrived.
	s.newest.points = max(s.newest.points, s.base.points+s.heard().points)
	s.lower()
	s.meetClaims()
	return window.Fresh
}

// reaches reports whether a packet belongs to the books. While the begin of the books is
// provisional, an earlier packet moves it back.
func (s *session) reaches(h *wire.Header) bool {
	if h.Sequence < s.window.Low() {
		return false // the window does not reach back so far
	}
	if h.Sequence >= s.base.packets {
		return true
	}
	if !s.provisional || s.resumed {
		return false
	}
	m := mark{h.Sequence, s.base.points}
	if less := uint32(m.points) - h.PointsBefore; int32(less) > 0 && uint64(less) <= m.points {
		m.points -= uint64(less)
	}
	s.rebase(m)
	return true
}

// setDropped notes what the sender says it dropped.
func (s *session) setDropped(n *drops) {
	if s.dropped == nil && *n != (drops{}) {
		s.dropped = new(drops)
	}
	if s.dropped != nil {
		*s.dropped = *n
	}
}

// heard is what was received in packets whose numbers are believed.
func (s *session) heard() tally {
	t := s.settled
	t.add(s.waiting)
	t.add(s.current)
	return t
}

func (s *session) received() tally {
	t := s.heard()
	t.add(s.apart)
	return t
}

// turn moves the marks on once a second. What is missing before older is at least a second
// late, and counts as lost. turn is called before each packet. So after two seconds without
// a turn the newest packet is a second old, too.
func (s *session) turn(now time.Time) {
	gone := now.Sub(s.turned)
	if gone < lateAfter && s.unsettled() {
		return
	}
	s.shift()
	if gone >= 2*lateAfter {
		s.shift()
	}
	s.turned = now
	s.window.Shrink(window.LimitFor(s.waiting.packets + s.current.packets))
}

func (s *session) shift() {
	s.older, s.newer = s.newer, s.newest
	s.settled.add(s.waiting)
	s.waiting, s.current = s.current, tally{}
}

// unsettled reports whether the books will change as time passes, without a packet.
func (s *session) unsettled() bool {
	return s.older != s.newest || s.waiting.packets+s.current.packets > 0
}

// account returns the part of the books that changes when a packet comes or time passes.
func (s *session) account() account {
	a := account{
		sent:     tally{s.newest.packets - s.base.packets + s.lost.packets, s.newest.points - s.base.points + s.lost.points},
		received: s.received(),
		lost: tally{
			missing(s.older.packets-s.base.packets, s.settled.packets) + s.lost.packets,
			missing(s.older.points-s.base.points, s.settled.points) + s.lost.points,
		},
	}
	a.sent.add(s.apart)
	if s.plain { // nobody knows how many points were sent
		a.sent.points, a.lost.points = a.received.points, 0
	}
	return a
}

// books returns the books as of now.
func (s *session) books() Books {
	a := s.account()
	return newBooks(a, s.duplicates, s.lates, s.overruns, s.delivered.load(), s.rejected.load())
}

// missing is sent - received, and 0 if a sender lies about what it sent.
func missing(sent, received uint64) uint64 {
	if received > sent {
		return 0
	}
	return sent - received
}
