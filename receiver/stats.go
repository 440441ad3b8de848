package receiver

import (
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Stats are the receiver's books.
type Stats struct {
	// Books are the sums over all sessions there ever were. They do not contain the points
	// that Plain senders have lost, see [Session].
	Books
	// Sessions are the sessions of which a packet came in the last ten minutes, the latest
	// first. There are at most as many as [WithMaxSessions] says.
	Sessions []Session
	// Forgotten counts the sessions that left the table because they were silent for ten
	// minutes or were pushed out by newer ones. If a packet of such a session comes, its
	// books go on where they were closed.
	Forgotten uint64
	// Clones counts the sessions that sent the numbers of another session again, see
	// [Session].
	Clones uint64
	// Rejected counts the packets that were not taken, by cause.
	Rejected Rejected
	// KernelDrops counts the packets that the kernel dropped because a receive buffer was
	// full. It is known on Linux only. These packets are part of what is lost. With
	// ReceiveOffload it is a lower bound: what the kernel would have handed over as one counts
	// once.
	KernelDrops uint64
	// ReceiveOffload says whether the kernel may hand over several packets as one, see
	// [WithoutReceiveOffload].
	ReceiveOffload udp.Offload
	// Queued is how many packets wait to be decoded, in all queues. QueueSize is how many
	// places each queue has, see [WithQueueSize].
	Queued, QueueSize int
	// Sockets is how many sockets there are, see [WithReaders]. BufferAsked and
	// BufferEffective are the size of the receive buffer of each, in bytes: as it was asked
	// for, and as the kernel granted it.
	Sockets, BufferAsked, BufferEffective int
}

// Session is one socket of one sender, or a source address of Plain packets.
type Session struct {
	// Books are the books of the session. How many points a Plain sender has sent is not
	// known: its Points.Sent is Points.Received, and its Points.Lost is 0, whatever
	// Packets.Lost says.
	Books
	// ID is the random number in every packet of the session. Plain packets have no such
	// number: the receiver makes one up for their source address.
	ID uint64
	// Plain says that the packets are in the encoding Plain, see package wire/plain.
	Plain bool
	// Restarts is how often a Plain sender began anew at the same source address and
	// counted its packets from 0 again. The books go on.
	Restarts uint64
	// Source is the address from which the newest packet came.
	Source netip.AddrPort
	// FirstSeen and LastSeen are when its first and its last packet came, by the local
	// clock.
	FirstSeen, LastSeen time.Time
	// Began is when the session began, by the age that its sender reports. It is zero until
	// the first report, which comes within a second of traffic or ten seconds of silence. A
	// Plain sender makes no reports.
	Began time.Time
	// Joined says that the session was under way before the receiver could count its
	// packets: the books begin with the first packet seen. Until the first report it is
	// true for any session whose first packet was not seen, since nobody knows whether what
	// came before was lost. A Plain session stays so, if its first packet seen is not
	// number 0.
	Joined bool
	// Closed says that the sender said goodbye.
	Closed bool
	// Clone says that the session sent numbers that another session of the same ID had sent
	// before, with a later time. One of the two machines is a copy of the other, or was put
	// back to an earlier state. The books of a clone begin with its first packet seen.
	Clone bool
	// Dropped is what the sender says it dropped since it started, in points by reason, as
	// of its last report. Reasons without points are left out. It is nil if nothing was
	// dropped.
	Dropped map[string]uint64
}

// NetworkLost returns how many packets were lost before they reached this host's socket:
// all lost packets, except those that the kernel dropped at the socket. What the senders
// dropped themselves is in neither, see [Session]. It is an estimate. It is too low if the
// kernel also dropped packets that belong to no session. It is too high if the kernel counted
// several packets as one drop, see KernelDrops.
func (s Stats) NetworkLost() uint64 {
	if s.KernelDrops > s.Packets.Lost {
		return 0
	}
	return s.Packets.Lost - s.KernelDrops
}

// Rejected counts packets that were not taken, by cause. Malformed, OverBudget and
// Incomplete packets belong to a session and are in its books. Where the others came from
// is not known.
type Rejected struct {
	ForeignSource  uint64 // from a network that is not allowed
	TooLong        uint64 // longer than [WithMaxPacketSize]
	TooShort       uint64 // cannot hold a header
	UnknownVersion uint64 // another version or format
	UnknownFlag    uint64 // a critical flag or a key that is unknown
	BadChecksum    uint64 // damaged, or no otelgram
	Malformed      uint64 // right checksum, wrong content
	OverBudget     uint64 // beyond a bound of the format (expansion, attributes, resources), or too many kinds of long lists
	// Incomplete packets are fragments of a body whose other fragments did not come within
	// two seconds, or that made room for newer ones, see [WithReassemblySize]. The points
	// of the body are rejected with its last fragment; if the last fragment is missing,
	// they are lost.
	Incomplete uint64
}

// Stats returns the books as of now. It looks at 64 sessions at a time and lets packets be
// received in between. So the books of each session, and the totals, are each as of one
// moment, but not of the same moment.
func (r *Receiver) Stats() Stats {
	s := r.totals()
	s.Sessions = r.sessions()
	return s
}

// totals returns the books without the books of each session.
func (r *Receiver) totals() Stats {
	s := Stats{Sockets: len(r.listeners), QueueSize: r.config.queue}
	for _, w := range r.workers {
		s.Queued += w.queue.len()
	}
	s.BufferAsked, s.BufferEffective = r.listeners[0].ReceiveBuffer()
	s.ReceiveOffload = r.listeners[0].Offload()
	for _, l := range r.listeners {
		n, _ := l.Drops()
		s.KernelDrops += n
	}
	now := time.Now()
	for r.settle(now) {
		runtime.Gosched() // a reader that waits for the lock gets it now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.table
	s.Books = newBooks(t.totals, t.duplicates, t.lates, t.overruns, r.delivered.load(), r.rejected.load())
	s.Forgotten, s.Clones, s.Rejected = t.forgotten, t.cloned, r.byCause()
	return s
}

// settle brings a bounded number of sessions up to date, and reports whether there are
// more.
func (r *Receiver) settle(now time.Time) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	return r.table.settle(now)
}

// sessions returns all sessions, the one with the latest packet first.
func (r *Receiver) sessions() []Session {
	all := []Session{}
	dropped := make([]drops, stride)
	for from, more := 0, true; more; from += stride {
		before := len(all)
		all, more = r.appendSessions(all, dropped, from)
		for i := range all[before:] {
			all[before+i].Dropped = dropped[i].byReason()
		}
		runtime.Gosched() // a reader that waits for the lock gets it now
	}
	slices.SortFunc(all, func(a, b Session) int { return b.LastSeen.Compare(a.LastSeen) })
	return all
}

// appendSessions appends the sessions in the next slots of the table, and reports whether
// there are more. What each of them dropped goes to dropped. A session keeps its slot, so
// no session is seen twice.
func (r *Receiver) appendSessions(all []Session, dropped []drops, from int) (_ []Session, more bool) {
	all = slices.Grow(all, stride)
	n := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	slots := r.table.slots
	if from >= len(slots) {
		return all, false
	}
	for _, s := range slots[from:min(from+stride, len(slots))] {
		if s != nil {
			all = append(all, s.public())
			dropped[n] = drops{}
			if s.dropped != nil {
				dropped[n] = *s.dropped
			}
			n++
		}
	}
	return all, true
}

func (r *Receiver) byCause() Rejected {
	n := func(c wire.Cause) uint64 { return r.causes[c].Load() }
	return Rejected{
		ForeignSource: r.foreign.Load(), TooLong: r.tooLong.Load(),
		TooShort: n(wire.TooShort), UnknownVersion: n(wire.UnknownVersion), UnknownFlag: n(wire.UnknownFlag),
		BadChecksum: n(wire.BadChecksum), Malformed: n(wire.Malformed), OverBudget: n(wire.OverBudget),
		Incomplete: r.incomplete.Load(),
	}
}

// public returns the session as [Stats] shows it, without what its sender dropped.
func (s *session) public() Session {
	p := Session{
		Books: s.books(), ID: s.id, Plain: s.plain, Source: s.source,
		FirstSeen: s.started, LastSeen: s.lastSeen, Began: s.began,
		Joined: s.joined || s.provisional, Closed: s.closed, Clone: s.clone,
	}
	if s.renewed != nil {
		p.Restarts = s.renewed.times
	}
	return p
}

// byReason returns what was dropped under the names of the reasons, or nil if nothing was
// dropped.
func (d *drops) byReason() map[string]uint64 {
	if *d == (drops{}) {
		return nil
	}
	reasons := map[string]uint64{}
	for i, n := range d {
		if n > 0 {
			reasons[wire.DropReason(i).String()] = n
		}
	}
	return reasons
}
