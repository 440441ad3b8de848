package receiver

import (
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

const (
	// sessionIdle is how long a silent session stays in the table.
	sessionIdle = 10 * time.Minute
	// sessionQuiet is how long a proven session may be silent before it makes room for
	// another that has proven itself. A sender sends a report every ten seconds.
	sessionQuiet = 30 * time.Second
	// provenAfter is how many packets prove a session.
	provenAfter = 8
	// stride is how many sessions are looked at while the receiver's lock is held.
	// forgetAtOnce is how many are forgotten, which takes longer.
	stride       = 64
	forgetAtOnce = 16
)

// table holds the sessions. When it is full, a session that said goodbye makes room first,
// then a session that has not proven itself, and within these classes the one that was
// silent for longest. So forged sessions push out each other. A fraction of the table is
// never proven, so that a new session always finds room.
type table struct {
	max    int
	byID   map[uint64]*session
	plain  map[uint64]*session // of Plain senders, by the id that the receiver made up
	clones map[cloneKey]*session
	slots  []*session // each session has a slot of its own; nil: vacant
	vacant []int
	// The sessions by class. The one with the latest packet is in front.
	closed, fresh, proven sessionList
	pending               sessionList // with something that is not settled; the one that turned longest ago is in front
	// leftProven and leftFresh remember the sessions that left, so that the books of a
	// session that returns go on where they were closed.
	leftProven, leftFresh departures
	// known is when the receiver began or last forgot some sessions for good. A session
	// that began after known is new or still remembered.
	known time.Time

	totals                      account
	duplicates, lates, overruns tally
	forgotten, cloned           uint64
}

// cloneKey tells a clone from the session whose numbers it sends again.
type cloneKey struct {
	id     uint64
	source netip.AddrPort
}

func newTable(maxSessions int, now time.Time) table {
	return table{
		max: maxSessions, byID: map[uint64]*session{}, plain: map[uint64]*session{}, clones: map[cloneKey]*session{}, known: now,
		leftProven: newDepartures(maxSessions), leftFresh: newDepartures(maxSessions),
	}
}

func (t *table) len() int { return len(t.slots) - len(t.vacant) }

// see enters a packet in the books of its session, and says whether it is new.
func (t *table) see(h *wire.Header, source netip.AddrPort, now time.Time) (*session, window.Verdict) {
	s := t.session(h, source, now)
	v := s.judge(h, now)
	if v != window.Fresh && !s.repeatsGoodbye(h) {
		if !s.plain && s.repeats(h, v) {
			t.classify(s, now) // s may have come back to the table just now
			t.enter(s)
			s = t.addClone(h, source, now)
			v = s.see(h, now)
		} else {
			t.count(s, h, v)
		}
	}
	s.lastSeen, s.source = now, source
	t.classify(s, now)
	t.enter(s)
	return s, v
}

// session returns the session of a packet, and makes a new one if it is not known.
func (t *table) session(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	isPlain := h.Format == plain.Format
	if len(t.clones) > 0 && !isPlain {
		if s := t.clones[cloneKey{h.Session, source}]; s != nil {
			return s
		}
	}
	known := t.sessionsOf(isPlain)
	if s := known[h.Session]; s != nil {
		return s
	}
	s := newSession(h, source, now)
	if d, ok := t.takeDeparted(s.key()); ok {
		s.resume(d)
		s.proven = d.proven && t.roomForProven(now)
	}
	t.add(s, now)
	known[s.id] = s
	return s
}

// sessionsOf returns the sessions of one encoding by id, without clones.
func (t *table) sessionsOf(isPlain bool) map[uint64]*session {
	if isPlain {
		return t.plain
	}
	return t.byID
}

// addClone makes a session of its own for a sender that sends numbers again that another
// has sent: a machine that was copied, or put back to an earlier state.
func (t *table) addClone(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	key := cloneKey{h.Session, source}
	if before := t.clones[key]; before != nil {
		t.forget(before, now) // it was put back once more
	}
	s := newSession(h, source, now)
	s.provisional, s.joined, s.clone = false, true, true
	t.add(s, now)
	t.clones[key] = s
	t.cloned++
	return s
}

// add gives a session a slot in the table.
func (t *table) add(s *session, now time.Time) {
	if t.len() >= t.max {
		t.forget(t.leastUseful(), now)
	}
	if n := len(t.vacant); n > 0 {
		s.slot = t.vacant[n-1]
		t.vacant = t.vacant[:n-1]
		t.slots[s.slot] = s
		return
	}
	s.slot = len(t.slots)
	t.slots = append(t.slots, s)
}

// classify moves a session whose packet has just come to the front of its class.
func (t *table) classify(s *session, now time.Time) {
	if !s.proven && s.received().packets >= provenAfter {
		s.proven = t.roomForProven(now)
	}
	switch {
	case s.closed:
		t.closed.pushFront(&s.place)
	case s.proven:
		t.proven.pushFront(&s.place)
	default:
		t.fresh.pushFront(&s.place)
	}
}

// roomForProven reports whether one more session may be proven. The proven session that was
// silent for longest makes room, if it was silent for sessionQuiet.
func (t *table) roomForProven(now time.Time) bool {
	if t.proven.len < t.max-max(1, t.max/16) {
		return true
	}
	last := t.proven.back
	if last == nil || now.Sub(last.session.lastSeen) < sessionQuiet {
		return false
	}
	last.session.proven = false
	t.fresh.pushBack(last) // it is the next to make room, though others there are silent for longer
	return true
}

func (t *table) leastUseful() *session {
	for _, l := range []*sessionList{&t.closed, &t.fresh, &t.proven} {
		if l.back != nil {
			return l.back.session
		}
	}
	return nil
}

// expire forgets sessions that have been silent for too long, a few at a time.
func (t *table) expire(now time.Time) {
	n := 0
	for _, l := range []*sessionList{&t.closed, &t.fresh, &t.proven} {
		for e := l.back; e != nil && n < forgetAtOnce && now.Sub(e.session.lastSeen) >= sessionIdle; e = l.back {
			t.forget(e.session, now)
			n++
		}
	}
}

// settle brings sessions up to date of which something is not settled, at most stride of
// them, and reports whether more are due.
func (t *table) settle(now time.Time) (more bool) {
	for range stride {
		e := t.pending.front
		if e == nil || now.Sub(e.session.turned) < lateAfter {
			return false
		}
		e.session.turn(now)
		t.enter(e.session)
	}
	return true
}

// enter enters in the totals what changed in the books of a session.
func (t *table) enter(s *session) {
	a := s.account()
	t.totals.sent.replace(s.entered.sent, a.sent)
	t.totals.received.replace(s.entered.received, a.received)
	t.totals.lost.replace(s.entered.lost, a.lost)
	s.entered = a
	switch {
	case !s.unsettled():
		s.pending.leave()
	case s.pending.in == nil || s.turned.After(s.pendingFrom):
		s.pendingFrom = s.turned
		t.pending.pushBack(&s.pending)
	}
}

// replace takes before out of t, and puts now in. The counts may wrap in between.
func (t *tally) replace(before, now tally) {
	t.packets += now.packets - before.packets
	t.points += now.points - before.points
}

// count counts a packet that is not new.
func (t *table) count(s *session, h *wire.Header, v window.Verdict) {
	one := tally{1, uint64(h.Points)}
	if v == window.Duplicate {
		s.duplicates.add(one)
		t.duplicates.add(one)
		return
	}
	s.lates.add(one)
	t.lates.add(one)
}

// overrun counts a body that found no place in the queue.
func (t *table) overrun(b *body) {
	b.session.overruns.add(b.tally())
	t.overruns.add(b.tally())
}

// forget closes the books of a session and takes it out of the table. What is missing by
// then is lost.
func (t *table) forget(s *session, now time.Time) {
	s.shift()
	s.shift()
	t.enter(s)
	s.pending.leave()
	s.place.leave()
	t.slots[s.slot] = nil
	t.vacant = append(t.vacant, s.slot)
	t.forgotten++
	s.window = window.Window{} // bodies in the queues keep the session in memory, though no more packets come to it
	if s.clone {
		delete(t.clones, cloneKey{s.id, s.source})
		return
	}
	delete(t.sessionsOf(s.plain), s.id)
	left := &t.leftFresh
	if s.proven {
		left = &t.leftProven
	}
	if left.add(s.key(), s.depart()) {
		t.known = now
	}
}

// takeDeparted returns what is remembered of a session that left the table, and forgets it.
func (t *table) takeDeparted(key sessionKey) (departed, bool) {
	if d, ok := t.leftProven.take(key); ok {
		return d, true
	}
	return t.leftFresh.take(key)
}
