package receiver

import "github.com/otelgram/otelgram/wire"

// pointsJump is how many points that did not arrive a sender may claim with one
// packet. For more it takes a second packet.
const pointsJump = 1 << 16

// claim is a packet whose number is far ahead of the others. It is delivered, and its
// number is believed when a second packet confirms it.
type claim struct {
	header wire.Header
	held   bool
}

// isFar reports whether a number is so far ahead that a second packet must confirm it.
func (s *session) isFar(sequence uint64) bool {
	return sequence >= s.newest.packets && sequence-s.newest.packets > minWindow/2
}

// meetClaim enters the packet that claimed a jump, once the others have come near it.
func (s *session) meetClaim() {
	if s.claim.held && !s.isFar(s.claim.header.Sequence) {
		s.claim.held = false
		s.apart.sub(tally{1, uint64(s.claim.header.Points)})
		s.accept(&s.claim.header)
	}
}

// judgeClaim enters a packet that claims a jump. A second packet near its number
// confirms it, or a goodbye that is said again.
func (s *session) judgeClaim(h *wire.Header) verdict {
	if s.claim.held {
		switch apart := int64(h.Sequence - s.claim.header.Sequence); {
		case apart == 0 && h.Goodbye && s.claim.header.Goodbye:
			s.apart.sub(tally{1, uint64(h.Points)})
			s.claim.held = false
			s.accept(h)
			return duplicate
		case apart == 0:
			return duplicate
		case apart >= -minWindow/2 && apart <= minWindow/2:
			// The lower number goes first, else the window may not reach back to it.
			low, high := *h, s.claim.header
			if apart > 0 {
				low, high = high, low
			}
			s.apart.sub(tally{1, uint64(s.claim.header.Points)})
			s.claim.held = false
			s.accept(&low)
			s.accept(&high)
			return fresh
		}
	}
	s.claim.header, s.claim.held = *h, true
	s.apart.add(tally{1, uint64(h.Points)})
	return fresh
}

// before is the header's 32-bit count of points before this packet in 64 bits, for a
// packet newer than all others. The missing packets bound how far it can have grown.
// A count beyond that is believed when a second packet is off by as much.
func (s *session) before(h *wire.Header) uint64 {
	off := int64(int32(h.PointsBefore - uint32(s.newest.points)))
	most := int64(min(mostPoints(h.Sequence-s.newest.packets), pointsJump))
	switch more := off - s.countOff; {
	case off >= 0 && off <= most:
	case s.countDoubted && more >= 0 && more <= most:
		off = max(off, -int64(s.newest.points))
	default:
		s.countDoubted, s.countOff = true, off
		return s.newest.points
	}
	s.countDoubted = false
	return s.newest.points + uint64(off)
}

// confirmCount believes the count of a goodbye that is said again.
func (s *session) confirmCount(h *wire.Header) {
	if s.countDoubted && h.Goodbye && h.Sequence+1 == s.newest.packets {
		s.countDoubted = false
		s.newest.points += uint64(max(s.countOff, -int64(s.newest.points)))
		s.newest.points = max(s.newest.points, s.base.points+s.heard().points)
	}
}

// mostPoints is how many points so many packets have at most, as far as a 32-bit count
// of points can tell.
func mostPoints(packets uint64) uint64 { return min(packets, 1<<32) * wire.MaxItems }
