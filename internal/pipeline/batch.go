package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// maxScratch is what the fragments of one batch take at most, in bytes: those of
// the largest body in the smallest packets.
const maxScratch = wire.MaxBody + (wire.MaxBody/400+1)*64

// batch is the datagrams of one call of Send.
type batch struct {
	datagrams [][]byte
	scratch   []byte // behind the fragments; made when first needed
}

// only returns a batch of one datagram.
func (b *batch) only(datagram []byte) [][]byte {
	b.datagrams = append(b.datagrams[:0], datagram)
	return b.datagrams
}

// fill returns the datagrams of packets that the pace lets leave now. Packets that the
// path takes are sent as they are; the others in fragments, from the one that comes
// next. Each datagram is stamped with the number that it has if the kernel takes it.
func (l *link) fill(now time.Time, packets []packet) [][]byte {
	b := &l.batch
	b.datagrams, b.scratch = b.datagrams[:0], b.scratch[:0]
	h := l.header
	h.Time = now.UnixNano()
	h.Sequence = l.sequence
	before := l.points
	first := l.fragment
	for i := range packets {
		p := &packets[i]
		n := l.datagrams(p)
		for k := first; k < n; k++ {
			datagram, ok := p.bytes, true
			if n > 1 {
				datagram, ok = b.fragment(p.bytes, l.fragmentLimit(), k)
			}
			if !ok || !l.pacer.take(now, len(datagram)) {
				return b.datagrams
			}
			h.Format, h.Points, h.PointsBefore = wire.Compact, 0, uint32(before)
			if n > 1 {
				h.Format = wire.FragmentFormat
			}
			if k == n-1 {
				h.Points = uint16(p.points)
			}
			wire.Stamp(datagram, &h)
			h.Sequence++
			b.datagrams = append(b.datagrams, datagram)
		}
		before += uint64(p.points)
		first = 0
	}
	return b.datagrams
}

// betweenFragments is how far apart fragments are at most. A receiver waits for the
// next one for two seconds.
const betweenFragments = 500 * time.Millisecond

// fragmentLimit is how large fragments are at most, in bytes: what the path takes, and
// no more than the pace brings between two of them.
func (l *link) fragmentLimit() int {
	if l.pacer.interval == 0 {
		return l.limit
	}
	return max(wire.MinPacketSize, min(l.limit, int(paced*betweenFragments/l.pacer.interval)))
}

// datagrams is how many p leaves in: one where it fits the path, else its fragments.
func (l *link) datagrams(p *packet) int {
	if len(p.bytes) <= l.limit {
		return 1
	}
	return wire.Fragments(p.bytes, l.fragmentLimit())
}

// nextSize is how large the next datagram of p is at most, in bytes.
func (l *link) nextSize(p *packet) int {
	if l.datagrams(p) == 1 {
		return len(p.bytes)
	}
	return l.fragmentLimit()
}

// fragment returns the k-th fragment of a packet, and false where the scratch has no
// room for another one.
func (b *batch) fragment(packet []byte, limit, k int) ([]byte, bool) {
	if b.scratch == nil {
		b.scratch = make([]byte, 0, maxScratch)
	}
	start := len(b.scratch)
	if start+limit > cap(b.scratch) {
		return nil, false
	}
	b.scratch = wire.AppendFragment(b.scratch, packet, limit, k)
	return b.scratch[start:], true
}
