package receiver

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// sessionKey names a session. Sessions of Plain senders are apart from the others, so that
// no number in a Compact packet can name one of them.
type sessionKey struct {
	id    uint64
	plain bool
}

func (s *session) key() sessionKey { return sessionKey{s.id, s.plain} }

// idOf makes up the session id of a Plain sender from its source address.
func (r *Receiver) idOf(source netip.AddrPort) uint64 {
	var buf [64]byte
	b, _ := source.AppendBinary(buf[:0]) // it never fails
	return maphash.Bytes(r.seed, b)
}

// checkHeader returns the header of a packet of either encoding, or why it has none.
func (r *Receiver) checkHeader(d *udp.Datagram) (wire.Header, wire.Cause) {
	if !plain.IsPlain(d.Data) {
		return wire.CheckHeader(d.Data)
	}
	h, cause := plain.CheckHeader(d.Data)
	h.Session = r.idOf(d.Source)
	return h, cause
}

// plain takes a Plain packet that is new. A packet without events is a probe: there is
// nothing to decode.
func (r *Receiver) plain(b *body, packet []byte) {
	events := packet[plain.HeaderSize : len(packet)-plain.TrailerSize]
	if len(events) == 0 {
		r.deliver(b.session, b.tally())
		return
	}
	r.queue(b, events)
}

// renewal is what is known of a Plain sender that began anew at the address of a session.
type renewal struct {
	claim   wire.Header // of the packet that may be from after a restart, if claimed is set
	claimed bool
	at      time.Time // when the numbers last began anew
	first   uint64    // the first number after that
	since   int64     // the header time of that packet
	latest  int64     // the latest header time before that
	times   uint64    // how often the numbers began anew
}

// seePlain does what see does, for a Plain session.
func (s *session) seePlain(h *wire.Header, now time.Time) window.Verdict {
	if !s.source.IsValid() {
		// Several senders share a Unix socket. It loses nothing and repeats nothing.
		numbered := *h
		numbered.Sequence = s.newest.packets
		return s.see(&numbered, now)
	}
	if s.isOutlived(h, now) {
		return window.Late
	}
	v := s.see(h, now)
	if v != window.Fresh && s.beginsAnew(h, v) {
		return s.judgeRenewal(h, now)
	}
	return v
}

// isOutlived reports whether a packet was sent before the sender began anew, and was on the
// network meanwhile.
func (s *session) isOutlived(h *wire.Header, now time.Time) bool {
	r := s.renewed
	if r == nil || r.times == 0 || now.Sub(r.at) >= 2*lateAfter {
		return false
	}
	return h.Time <= r.latest || h.Time < r.since && h.Sequence >= r.first
}

// beginsAnew reports whether a packet that is not new seems to come from a sender that has
// begun anew at the same address. A packet that arrives twice has the same time twice, so
// its time must be later than all others. If nobody knows whether the number was seen, and
// the number is not 0, the time must be later by more than lateAfter: the sender's clock
// may have been put back while the packet was on the network.
func (s *session) beginsAnew(h *wire.Header, v window.Verdict) bool {
	switch r := s.renewed; {
	case h.Time <= s.latest:
		return false
	case v == window.Duplicate || h.Sequence == 0 || r != nil && r.isNear(h):
		return true
	}
	return uint64(h.Time-s.latest) > uint64(lateAfter)
}

// isNear reports whether a packet is near the one that claimed a new begin.
func (r *renewal) isNear(h *wire.Header) bool {
	apart := int64(h.Sequence - r.claim.Sequence)
	return r.claimed && apart >= -window.Min/2 && apart <= window.Min/2
}

// judgeRenewal takes a packet that seems to come from a sender that has begun anew. The
// packet counts as new. That the numbers begin anew is believed only when another packet
// near it confirms it. So one forged packet does not end a session.
func (s *session) judgeRenewal(h *wire.Header, now time.Time) window.Verdict {
	if s.renewed == nil {
		s.renewed = &renewal{}
	}
	r := s.renewed
	one := tally{1, uint64(h.Points)}
	if !r.claimed {
		r.claim, r.claimed = *h, true
		s.apart.add(one)
		return window.Fresh
	}
	switch same := h.Sequence == r.claim.Sequence; {
	case same && h.Time == r.claim.Time:
		return window.Duplicate
	case !same && r.isNear(h):
		s.renew(h, now)
	case h.Time > r.claim.Time:
		r.claim = *h // the earlier claim stays apart for good
		s.apart.add(one)
	default:
		return window.Late
	}
	return window.Fresh
}

// renew begins the numbers anew, with a packet and the one that claimed it. The books go
// on. What is missing of the numbers before is lost.
func (s *session) renew(h *wire.Header, now time.Time) {
	r := s.renewed
	first, second := r.claim, *h
	if first.Sequence > second.Sequence {
		first, second = second, first
	}
	s.shift()
	s.shift()
	a := s.account()
	s.lost, s.apart, s.settled = mark{packets: a.lost.packets}, a.received, tally{}
	s.apart.sub(tally{1, uint64(r.claim.Points)})
	s.claims, s.resumed, s.turned = nil, false, now
	r.claimed, r.at, r.latest = false, now, s.latest
	r.first, r.since = first.Sequence, first.Time
	r.times++
	s.start(&first)
	s.accept(&first)
	s.accept(&second)
	s.latest = max(first.Time, second.Time)
}
