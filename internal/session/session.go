package session

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// session is what a Sender remembers of the present session: its id, its numbers, and how far
// the packet under way has left.
type session struct {
	encoding Encoding
	header   wire.Header // with the id
	sequence uint64      // packets sent, reports included
	points   uint64      // sent
	begun    time.Time
	limit    int // bytes of a packet on this path
	// place is where the next datagram begins in the first packet that waits. Those before
	// it have left in this session.
	place int
	// stamped is the header of the datagram at hand. It is a field because a local variable
	// that goes to an interface is allocated.
	stamped wire.Header
	batch   batch
}

// batch is the datagrams of one call of Send.
type batch struct {
	datagrams [][]byte
	next      []int  // for each, where the next one begins in its packet; 0: it is the last
	scratch   []byte // backs those that are no part of their packet; made when first needed
}

const (
	// MaxScratch is what the datagrams of one batch take at most, in bytes, that are no part
	// of their packet: the fragments of the largest body in the smallest packets.
	MaxScratch = wire.MaxBody + (wire.MaxBody/400+1)*64
	// betweenFragments is how far apart fragments are at most. A receiver waits two seconds
	// for the next one.
	betweenFragments = 500 * time.Millisecond
)

// only returns a batch of one datagram.
func (b *batch) only(datagram []byte) [][]byte {
	b.datagrams = append(b.datagrams[:0], datagram)
	return b.datagrams
}

// begin begins another session: with a random id, and numbers from 0.
func (s *session) begin(now time.Time) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	s.header = wire.Header{Session: binary.BigEndian.Uint64(id[:])}
	s.sequence, s.points, s.begun = 0, 0, now
	s.restartPacket()
}

// setLimit changes how large a packet may be.
func (s *session) setLimit(bytes int) {
	if bytes != s.limit {
		s.limit = bytes
		s.restartPacket()
	}
}

// restartPacket has a packet that is under way in fragments sent from its begin again, since
// the receiver cannot put fragments of two sessions or two sizes together. A packet whose
// datagrams are of use by themselves goes on where it was.
func (s *session) restartPacket() {
	if s.encoding.Session() {
		s.place = 0
	}
}

// fill returns the datagrams of packets that the pace lets leave now, from the one that comes
// next. Each is stamped with the number that it has if the kernel takes it. tooLong says that
// there is none, since the first one cannot be made short enough.
func (s *session) fill(now time.Time, packets []Packet, pace *pacer) (datagrams [][]byte, tooLong bool) {
	b := &s.batch
	b.datagrams, b.next, b.scratch = b.datagrams[:0], b.next[:0], b.scratch[:0]
	h := &s.stamped
	*h = s.header
	h.Time, h.Sequence = now.UnixNano(), s.sequence
	place, before := s.place, s.points
	for i := 0; i < len(packets); {
		p := &packets[i]
		datagram, next, ok := s.datagram(p, place, s.partLimit(pace))
		if len(datagram) > s.limit {
			return b.datagrams, len(b.datagrams) == 0
		}
		if !ok || !pace.take(now, len(datagram)) {
			return b.datagrams, false
		}
		h.Points, h.PointsBefore = 0, uint32(before)
		if next == 0 {
			h.Points = uint16(p.Points)
		}
		s.encoding.Stamp(datagram, h)
		h.Sequence++
		b.datagrams, b.next = append(b.datagrams, datagram), append(b.next, next)
		if place = next; next == 0 { // the packet's last one
			before += uint64(p.Points)
			i++
		}
	}
	return b.datagrams, false
}

// datagram returns the datagram of p that begins at a place, and where the next one begins. ok
// is false if the scratch has no room for another one. partLimit bounds the datagrams of a
// packet that has several.
func (s *session) datagram(p *Packet, place, partLimit int) (datagram []byte, next int, ok bool) {
	if place == 0 && len(p.Bytes) <= s.limit {
		datagram, _, next = s.encoding.Datagram(nil, p.Bytes, s.limit, 0)
		return datagram, next, true
	}
	b := &s.batch
	if b.scratch == nil {
		b.scratch = make([]byte, 0, MaxScratch)
	}
	if len(b.scratch)+partLimit > cap(b.scratch) {
		return nil, 0, false
	}
	datagram, b.scratch, next = s.encoding.Datagram(b.scratch, p.Bytes, partLimit, place)
	return datagram, next, true
}

// partLimit is how large the datagrams of a packet that has several are at most, in bytes:
// what the path takes and, for fragments, no more than the pace brings between two of them.
func (s *session) partLimit(pace *pacer) int {
	if pace.interval == 0 || !s.encoding.Session() {
		return s.limit
	}
	return max(wire.MinPacketSize, min(s.limit, int(paced*betweenFragments/pace.interval)))
}

// nextSize is how large the next datagram of p is at most, in bytes.
func (s *session) nextSize(p *Packet, pace *pacer) int {
	if len(p.Bytes) <= s.limit {
		return len(p.Bytes)
	}
	return s.partLimit(pace)
}

// stampReport appends to b a report of the session as it is now. Dropped are the drops of the
// exporter so far.
func (s *session) stampReport(b []byte, dropped [wire.DropReasons]uint64, goodbye bool) []byte {
	now := time.Now()
	b = s.encoding.AppendReport(b, &wire.Report{
		Age:         uint64(max(1, now.Sub(s.begun))), // 0 says that nobody knows
		PacketsSent: s.sequence,
		PointsSent:  s.points,
		PacketLimit: uint64(s.limit),
		Dropped:     dropped,
	})
	h := &s.stamped
	*h = s.header
	h.Time, h.Sequence, h.PointsBefore, h.Goodbye = now.UnixNano(), s.sequence, uint32(s.points), goodbye
	s.encoding.Stamp(b, h)
	return b
}
