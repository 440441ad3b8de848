package receiver

import (
	"cmp"
	"slices"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
)

// pointsJump is how many points that did not arrive a sender may claim with one packet. A
// larger claim needs a second packet.
const pointsJump = 1 << 16

// maxClaims is how many packets a session holds whose numbers are not believed yet. A
// packet that makes room for another, or whose session leaves the table, stays apart: it
// counts as sent and received, and its number is forgotten.
const maxClaims = 8

// isFar reports whether a number is so far ahead that a second packet must confirm it.
func (s *session) isFar(sequence uint64) bool {
	return sequence >= s.newest.packets && sequence-s.newest.packets > window.Min/2
}

// judgeClaim takes a packet whose number is far ahead of the others. The packet counts as
// new. That all packets in between are missing is believed only when something confirms it:
// another packet near it, the same goodbye again, or, if nearly all packets are lost, many
// claims that rise one after the other. A number that is higher than any sender can have
// reached by now is never believed.
func (s *session) judgeClaim(h *wire.Header, now time.Time) window.Verdict {
	confirmed := false
	most := s.base.packets + packetsAtOnce + uint64(max(now.Sub(s.started), 0)/packetTime)
	for i := range s.claims {
		switch apart := int64(h.Sequence - s.claims[i].Sequence); {
		case apart == 0:
			if h.Goodbye && s.claims[i].Goodbye && h.Sequence <= most {
				s.believe(h.Sequence)
			}
			return window.Duplicate
		case apart >= -window.Min/2 && apart <= window.Min/2:
			confirmed = true
		}
	}
	s.claims = append(s.claims, *h)
	s.apart.add(tally{1, uint64(h.Points)})
	switch {
	case confirmed && h.Sequence <= most:
		s.believe(h.Sequence + window.Min/2)
	case len(s.claims) <= maxClaims:
	case s.claimsRise() && h.Sequence <= most:
		s.believe(h.Sequence)
	default:
		s.claims = slices.Delete(s.claims, 0, 1) // that packet stays apart for good
	}
	return window.Fresh
}

// claimsRise reports whether the held packets were sent in the order in which they came.
func (s *session) claimsRise() bool {
	for i := 1; i < len(s.claims); i++ {
		if s.claims[i].Sequence <= s.claims[i-1].Sequence || s.claims[i].Time < s.claims[i-1].Time {
			return false
		}
	}
	return true
}

// believe enters the held packets up to a number. It enters the lowest first, since
// otherwise the window might not reach back to it.
func (s *session) believe(upTo uint64) {
	slices.SortStableFunc(s.claims, func(a, b wire.Header) int { return cmp.Compare(a.Sequence, b.Sequence) })
	n := 0
	for n < len(s.claims) && s.claims[n].Sequence <= upTo {
		n++
	}
	believed := s.claims[:n:n]
	if s.claims = s.claims[n:]; len(s.claims) == 0 {
		s.claims = nil
	}
	for i := range believed {
		s.apart.sub(tally{1, uint64(believed[i].Points)})
		s.accept(&believed[i])
	}
}

// meetClaims enters the held packets that are no longer far ahead of the others.
func (s *session) meetClaims() {
	for i := range s.claims {
		if !s.isFar(s.claims[i].Sequence) {
			s.believe(s.newest.packets + window.Min/2)
			return
		}
	}
}

// before returns how many points the sender had sent before a packet that is newer than all
// others: the header's 32-bit count in 64 bits. The number of missing packets bounds how
// far the count can have grown. A count beyond the bound is believed when a second packet
// is off by as much.
func (s *session) before(h *wire.Header) uint64 {
	if s.plain {
		return s.newest.points // what the others had: lost points are not counted
	}
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

// confirmCount believes the doubted count of a goodbye when the goodbye comes again.
func (s *session) confirmCount(h *wire.Header) {
	if s.countDoubted && h.Goodbye && h.Sequence+1 == s.newest.packets {
		s.countDoubted = false
		s.newest.points += uint64(max(s.countOff, -int64(s.newest.points)))
		s.newest.points = max(s.newest.points, s.base.points+s.heard().points)
		s.lower()
	}
}

// lower moves the marks older and newer down if a sender lies about its points: otherwise
// more would be lost than was sent and not received.
func (s *session) lower() {
	s.newer.points = min(s.newer.points, s.newest.points-s.current.points)
	s.older.points = min(s.older.points, s.newest.points-s.current.points-s.waiting.points)
}

// mostPoints is how many points that many packets have at most, as far as a 32-bit count of
// points can tell.
func mostPoints(packets uint64) uint64 { return min(packets, 1<<32) * wire.MaxItems }
