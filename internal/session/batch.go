package session

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// MaxScratch is what the datagrams of one batch take at most, in bytes, that are no part of
// their packet: the fragments of the largest body in the smallest packets.
const MaxScratch = wire.MaxBody + (wire.MaxBody/400+1)*64

// batch is the datagrams of one call of Send.
type batch struct {
	datagrams [][]byte
	next      []int  // for each, where the next one begins in its packet; 0: it is the last
	scratch   []byte // behind those that are no part of their packet; made when first needed
}

// only returns a batch of one datagram.
func (b *batch) only(datagram []byte) [][]byte {
	b.datagrams = append(b.datagrams[:0], datagram)
	return b.datagrams
}

// fill returns the datagrams of packets that the pace lets leave now, from the one that
// comes next. Each datagram is stamped with the number that it has if the kernel takes it.
// long says that there is none since the first one cannot be made short enough.
func (s *Sender) fill(now time.Time, packets []Packet) (datagrams [][]byte, long bool) {
	b := &s.batch
	b.datagrams, b.next, b.scratch = b.datagrams[:0], b.next[:0], b.scratch[:0]
	h := &s.stamped
	*h = s.header
	h.Time = now.UnixNano()
	h.Sequence = s.sequence
	before := s.points
	place := s.place
	for i := range packets {
		p := &packets[i]
		for {
			datagram, next, ok := s.datagram(p, place)
			if len(datagram) > s.limit {
				return b.datagrams, len(b.datagrams) == 0
			}
			if !ok || !s.pacer.take(now, len(datagram)) {
				return b.datagrams, false
			}
			h.Points, h.PointsBefore = 0, uint32(before)
			if next == 0 {
				h.Points = uint16(p.Points)
			}
			s.encoding.Stamp(datagram, h)
			h.Sequence++
			b.datagrams, b.next = append(b.datagrams, datagram), append(b.next, next)
			if place = next; next == 0 {
				break
			}
		}
		before += uint64(p.Points)
	}
	return b.datagrams, false
}

// datagram returns the datagram of p that begins at a place, and where the next one begins.
// ok is false where the scratch has no room for another one.
func (s *Sender) datagram(p *Packet, place int) (datagram []byte, next int, ok bool) {
	if place == 0 && len(p.Bytes) <= s.limit {
		datagram, _, next = s.encoding.Datagram(nil, p.Bytes, s.limit, 0)
		return datagram, next, true
	}
	b := &s.batch
	if b.scratch == nil {
		b.scratch = make([]byte, 0, MaxScratch)
	}
	limit := s.partLimit()
	if len(b.scratch)+limit > cap(b.scratch) {
		return nil, 0, false
	}
	datagram, b.scratch, next = s.encoding.Datagram(b.scratch, p.Bytes, limit, place)
	return datagram, next, true
}

// betweenFragments is how far apart fragments are at most. A receiver waits for the
// next one for two seconds.
const betweenFragments = 500 * time.Millisecond

// partLimit is how large the datagrams are at most of a packet that has several, in bytes:
// what the path takes and, of fragments, no more than the pace brings between two of them.
func (s *Sender) partLimit() int {
	if s.pacer.interval == 0 || !s.encoding.Session() {
		return s.limit
	}
	return max(wire.MinPacketSize, min(s.limit, int(paced*betweenFragments/s.pacer.interval)))
}

// nextSize is how large the next datagram of p is at most, in bytes.
func (s *Sender) nextSize(p *Packet) int {
	if len(p.Bytes) <= s.limit {
		return len(p.Bytes)
	}
	return s.partLimit()
}
