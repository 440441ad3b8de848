package receiver

import (
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Stats are the receiver's books.
type Stats struct {
	// Books are the sums over all sessions there ever were.
	Books
	// Sessions are those of which something was heard in the last ten minutes,
	// the one heard of last first; at most 4096. Beyond that, one of fewer than
	// eight packets makes room before others do.
	Sessions []Session
	// Forgotten counts the sessions that left the table: silent for ten
	// minutes, or pushed out by newer ones. One that is heard of again takes up
	// its books where they were closed.
	Forgotten uint64
	// Rejected counts the packets that were not taken, by cause.
	Rejected Rejected
	// KernelDrops counts the packets that the kernel dropped because the
	// receive buffer was full, where the platform tells (Linux). They are part
	// of what is lost.
	KernelDrops uint64
	// BufferAsked and BufferEffective are the size of the socket's receive
	// buffer, in bytes: as asked for, and as the kernel granted it.
	BufferAsked, BufferEffective int
}

// Books are the books of one session or of all, in packets (reports included)
// and in points. Once nothing moves and two seconds have passed,
//
//	Sent = Received + Lost        Received = Handed + Rejected + Overrun
type Books struct{ Packets, Points Counts }

// Counts are the terms of the books.
type Counts struct {
	Sent     uint64 // by the sender's own account
	Received uint64 // arrived for the first time and in time
	Lost     uint64 // missing for a second, or up to two, and more
	Handed   uint64 // given to the handler
	Rejected uint64 // arrived, but could not be decoded, or not without what did not arrive
	Overrun  uint64 // had no place in the queue

	Duplicate uint64 // arrived again; in no other term
	Late      uint64 // arrived too late to tell whether again; in no other term but, perhaps, Lost
}

func (c *Counts) add(o Counts) {
	c.Sent += o.Sent
	c.Received += o.Received
	c.Lost += o.Lost
	c.Handed += o.Handed
	c.Rejected += o.Rejected
	c.Overrun += o.Overrun
	c.Duplicate += o.Duplicate
	c.Late += o.Late
}

func (b *Books) add(o Books) {
	b.Packets.add(o.Packets)
	b.Points.add(o.Points)
}

// Session is one socket of one sender.
type Session struct {
	Books
	// ID is the random number in every packet of the session.
	ID uint64
	// Source is the address the newest packet came from.
	Source netip.AddrPort
	// FirstSeen and LastSeen are when its packets came, by the local clock.
	FirstSeen, LastSeen time.Time
	// Began is when the session did, by the sender's account of its age; zero until
	// its first report, which comes within a second of traffic or ten of silence.
	Began time.Time
	// Joined says that the session was under way before the receiver could count its
	// packets: the books begin with the first one seen. Until its first report that
	// is so for any session, since nobody knows whether what came before was lost.
	Joined bool
	// Closed says that the sender said goodbye.
	Closed bool
	// Dropped is what the sender says it dropped since it started, in points
	// by reason, as of its last report; reasons without points are left out.
	Dropped map[string]uint64
}

// NetworkLost is how many packets got lost before they reached this host's
// socket: those lost, less those that the kernel dropped at the socket. What the
// senders dropped themselves is in neither, see [Session]. Where packets without
// a session are among the kernel's drops, it is the lower bound.
func (s Stats) NetworkLost() uint64 {
	if s.KernelDrops > s.Packets.Lost {
		return 0
	}
	return s.Packets.Lost - s.KernelDrops
}

// Rejected counts packets that were not taken, by cause. Malformed, OverBudget and
// Incomplete packets belong to a session and are in its books; of the others nobody
// knows where they came from.
type Rejected struct {
	ForeignSource  uint64 // from a network that is not allowed
	TooShort       uint64 // cannot hold a header
	UnknownVersion uint64 // another version or format
	UnknownFlag    uint64 // a critical flag or a key that is unknown
	BadChecksum    uint64 // damaged, or no otelgram
	Malformed      uint64 // right checksum, wrong content
	OverBudget     uint64 // beyond a bound of the format (expansion, attributes, resources), or too many kinds of long lists
	// Incomplete packets are fragments of a body of which others did not come within
	// two seconds, or made room for newer ones: fragments of incomplete bodies take 8
	// MiB at most. The points of the body are rejected with its last fragment, and
	// lost where that is.
	Incomplete uint64
}

// Stats returns the books as they stand.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.totals()
	s.Sessions = make([]Session, 0, len(r.table.sessions))
	for _, session := range r.table.all() {
		s.Sessions = append(s.Sessions, session.public())
	}
	return s
}

// totals returns the books without those of each session, with the lock held.
func (r *Receiver) totals() Stats {
	s := Stats{}
	s.BufferAsked, s.BufferEffective = r.listener.ReceiveBuffer()
	s.KernelDrops, _ = r.listener.Drops()
	now := time.Now()
	r.expire(now)
	s.Books = r.table.retired
	s.Forgotten = r.table.forgotten
	for _, e := range r.table.sessions {
		session := e.Value.(*session)
		session.turn(now)
		s.add(session.books())
	}
	// Counted over all sessions: those that left the table may still have
	// packets in a queue.
	s.Books.Packets.Handed, s.Books.Points.Handed = r.handedPackets.Load(), r.handedPoints.Load()
	s.Books.Packets.Rejected, s.Books.Points.Rejected = r.rejectedPackets.Load(), r.rejectedPoints.Load()
	s.Rejected = r.byCause()
	return s
}

func (r *Receiver) byCause() Rejected {
	n := func(c wire.Cause) uint64 { return r.causes[c].Load() }
	return Rejected{
		ForeignSource: r.foreign.Load(),
		TooShort:      n(wire.TooShort), UnknownVersion: n(wire.UnknownVersion), UnknownFlag: n(wire.UnknownFlag),
		BadChecksum: n(wire.BadChecksum), Malformed: n(wire.Malformed), OverBudget: n(wire.OverBudget),
		Incomplete: r.incomplete.Load(),
	}
}

func (s *session) public() Session {
	p := Session{
		Books: s.books(), ID: s.id, Source: s.source,
		FirstSeen: s.started, LastSeen: s.lastSeen, Began: s.began, Joined: s.joined || s.provisional, Closed: s.closed,
		Dropped: map[string]uint64{},
	}
	for i, n := range s.dropped {
		if n > 0 {
			p.Dropped[wire.DropReason(i).String()] = n
		}
	}
	return p
}
