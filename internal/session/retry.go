package session

import (
	"time"

	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	// A full send buffer is waited for: blockedPause between two tries, blockedMost for
	// each packet. The network may be slower than the pace, and takes one packet after the
	// other.
	blockedPause = time.Millisecond
	blockedMost  = 100 * time.Millisecond
	// After a local error nothing is sent for a while, twice as long after each one: a full
	// queue below the socket loses packets, and the ten errors in a row that open the
	// circuit shall be more than one bad moment.
	minBackOff = time.Millisecond
	maxBackOff = 100 * time.Millisecond
	// mostTries is how often a packet is sent at most if an error may be about an earlier
	// one. mostTriesInLimit is the same for a packet that the kernel calls too large though
	// the path takes it: then the error is about an earlier packet, and several of those
	// may have been too large.
	mostTries        = 2
	mostTriesInLimit = 16
)

// retry is what a Sender remembers of errors until the kernel takes a packet.
type retry struct {
	until   time.Time     // nothing is sent before
	backOff time.Duration // the last one
	tries   int           // of the packet at hand
	since   time.Time     // when the send buffer was first found full for the packet at hand
}

// nextPacket forgets what is about the packet at hand.
func (r *retry) nextPacket() { r.tries, r.since = 0, time.Time{} }

// notTaken deals with a packet that the kernel did not take, and reports whether the packet
// is settled. If it is not, it is sent again: at once, or when retry.until says so. The tries
// of a packet in one session are bounded, and so is the wait for a full send buffer. size is
// that of the datagram. One that is too large for the path counts as no error: its packet is
// sent again in fragments that fit.
func (s *Sender) notTaken(now time.Time, p *Packet, size int, o udp.Outcome) (settled bool) {
	r := &s.retry
	if o == udp.WouldBlock {
		if r.since.IsZero() {
			r.since = now
		}
		if now.Sub(r.since) >= blockedMost {
			s.Drop(p, wire.WouldBlock)
			return true
		}
		r.until = now.Add(blockedPause)
		return false
	}
	most := mostTries
	if o == udp.TooLarge {
		if s.updateLimit(now); size > s.session.limit {
			return false
		}
		most = mostTriesInLimit
	}
	s.count(o)
	s.noteRefused(now, o)
	if r.tries++; r.tries < most && mayBeEarlier(o) {
		return false
	}
	if o != udp.Refused && o != udp.TooLarge {
		r.backOff = min(max(2*r.backOff, minBackOff), maxBackOff)
		r.until = now.Add(r.backOff)
		s.breaker.failed()
	}
	s.Drop(p, wire.SendError)
	return true
}

// mayBeEarlier reports whether the outcome may be about an earlier packet, or about a moment
// that is over: the packet was not sent, and is sent once more.
func mayBeEarlier(o udp.Outcome) bool {
	return o == udp.Refused || o == udp.Unreachable || o == udp.TooLarge || o == udp.Denied || o == udp.Failed
}

// count counts an error. A full send buffer is none.
func (s *Sender) count(o udp.Outcome) {
	if o == udp.Sent || o == udp.WouldBlock {
		return
	}
	s.counters.sendErrors.Add(1)
	if o == udp.Refused {
		s.counters.connectionsRefused.Add(1)
	}
}

// noteRefused tells the circuit breaker of a connection that was refused, and asks for a new
// socket: the address may have moved on, or a stale entry of a connection tracker may lead
// nowhere, and another source port finds the way.
func (s *Sender) noteRefused(now time.Time, o udp.Outcome) {
	if o != udp.Refused {
		return
	}
	s.breaker.refused(now)
	if now.Sub(s.lastRedial) >= redialAfter {
		s.lastRedial = now
		waker.Signal(s.redial)
	}
}
