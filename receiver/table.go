package receiver

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/wire"
)

const (
	// maxSessions bounds the table. The session not heard of for longest makes
	// room for a new one.
	maxSessions = 4096
	// sessionIdle is how long a silent session stays in the table.
	sessionIdle = 10 * time.Minute
)

// table holds the sessions, the one heard of last in front.
type table struct {
	sessions map[uint64]*list.Element // of *session
	recent   *list.List
	// past holds how far the sessions came that left, so that the books of one
	// that returns go on where they were closed. older holds those before, and
	// once some are forgotten for good, unsure is set.
	past, older map[uint64]mark
	unsure      bool
	retired     Books // of the sessions that left, but for what is handed and rejected
	forgotten   uint64
}

func newTable() table {
	return table{
		sessions: map[uint64]*list.Element{}, recent: list.New(),
		past: map[uint64]mark{}, older: map[uint64]mark{},
	}
}

// session returns the session of a packet, a new one where it is unknown.
func (t *table) session(h *wire.Header, source netip.AddrPort, now time.Time) *session {
	if e, ok := t.sessions[h.Session]; ok {
		t.recent.MoveToFront(e)
		return e.Value.(*session)
	}
	if len(t.sessions) >= maxSessions {
		t.forget(t.recent.Back())
	}
	s := newSession(h, source, now)
	if m, ok := t.left(h.Session); ok {
		s.resume(m)
	} else if t.unsure && h.Sequence > 0 {
		s.join(h)
	}
	t.sessions[h.Session] = t.recent.PushFront(s)
	return s
}

// expire forgets the sessions that have been silent for too long.
func (t *table) expire(now time.Time) {
	for e := t.recent.Back(); e != nil && now.Sub(e.Value.(*session).lastSeen) >= sessionIdle; e = t.recent.Back() {
		t.forget(e)
	}
}

// forget closes the books of a session and takes it out. What is missing by
// then is lost.
func (t *table) forget(e *list.Element) {
	s := e.Value.(*session)
	s.shift()
	s.shift()
	t.retired.add(s.books())
	t.forgotten++
	delete(t.sessions, s.id)
	t.recent.Remove(e)
	if len(t.past) >= maxSessions {
		t.unsure = t.unsure || len(t.older) > 0
		clear(t.older)
		t.past, t.older = t.older, t.past
	}
	t.past[s.id] = s.newest
}

// left returns how far a session came that left the table.
func (t *table) left(id uint64) (mark, bool) {
	m, ok := t.past[id]
	if !ok {
		m, ok = t.older[id]
	}
	return m, ok
}
