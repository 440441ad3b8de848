package receiver

import (
	"container/list"
	"net/netip"
	"slices"
	"time"

	"github.com/otelgram/otelgram/wire"
)

const (
	// maxSessions bounds the table. A session makes room for a new one.
	maxSessions = 4096
	// sessionIdle is how long a silent session stays in the table.
	sessionIdle = 10 * time.Minute
)

// provenAfter is after how many packets a session has proven to be one. Those
// that have not make room first, so that forged ones push out each other.
const provenAfter = 8

// table holds the sessions, in two lists with the one heard of last in front.
type table struct {
	sessions      map[uint64]*list.Element // of *session
	fresh, proven *list.List
	// past holds how far the sessions came that left, so that the books of one
	// that returns go on where they were closed. older holds those before.
	past, older map[uint64]departed
	// known is when the receiver began, or forgot some sessions for good. Every
	// session that began after it is new, or still in past or older.
	known     time.Time
	retired   Books // of the sessions that left, but for what is handed and rejected
	forgotten uint64
}

func newTable(now time.Time) table {
	return table{
		sessions: map[uint64]*list.Element{}, fresh: list.New(), proven: list.New(),
		past: map[uint64]departed{}, older: map[uint64]departed{}, known: now,
	}
}

// session returns the session of a packet, a new one where it is unknown.
func (t *table) session(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	if e, ok := t.sessions[h.Session]; ok {
		return t.touch(e)
	}
	if len(t.sessions) >= maxSessions {
		t.forget(t.leastUseful(), now)
	}
	s := newSession(h, source, now)
	if m, ok := t.left(h.Session); ok {
		s.resume(m)
	}
	t.sessions[h.Session] = t.fresh.PushFront(s)
	return s
}

// touch moves a session to the front, and among the proven once it is.
func (t *table) touch(e *list.Element) *session {
	s := e.Value.(*session)
	switch {
	case s.proven:
		t.proven.MoveToFront(e)
	case s.received().packets >= provenAfter:
		s.proven = true
		t.fresh.Remove(e)
		t.sessions[s.id] = t.proven.PushFront(s)
	default:
		t.fresh.MoveToFront(e)
	}
	return s
}

func (t *table) leastUseful() *list.Element {
	if e := t.fresh.Back(); e != nil {
		return e
	}
	return t.proven.Back()
}

// expire forgets the sessions that have been silent for too long.
func (t *table) expire(now time.Time) {
	for _, l := range []*list.List{t.fresh, t.proven} {
		for e := l.Back(); e != nil && now.Sub(e.Value.(*session).lastSeen) >= sessionIdle; e = l.Back() {
			t.forget(e, now)
		}
	}
}

// all returns the sessions, the one heard of last in front.
func (t *table) all() []*session {
	all := make([]*session, 0, len(t.sessions))
	for _, e := range t.sessions {
		all = append(all, e.Value.(*session))
	}
	slices.SortFunc(all, func(a, b *session) int { return b.lastSeen.Compare(a.lastSeen) })
	return all
}

// forget closes the books of a session and takes it out. What is missing by
// then is lost.
func (t *table) forget(e *list.Element, now time.Time) {
	s := e.Value.(*session)
	s.shift()
	s.shift()
	t.retired.add(s.books())
	t.forgotten++
	delete(t.sessions, s.id)
	if s.proven {
		t.proven.Remove(e)
	} else {
		t.fresh.Remove(e)
	}
	if len(t.past) >= maxSessions {
		if len(t.older) > 0 {
			t.known = now
		}
		clear(t.older)
		t.past, t.older = t.older, t.past
	}
	t.past[s.id] = s.depart()
	s.window = window{} // bodies on their way hold the session, which sees no more packets
}

// left returns how far a session came that left the table.
func (t *table) left(id uint64) (departed, bool) {
	m, ok := t.past[id]
	if !ok {
		m, ok = t.older[id]
	}
	return m, ok
}
