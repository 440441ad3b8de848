package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	// A full send buffer is waited for, so long for each packet: the network
	// may be slower than the pace, and takes one packet after the other.
	blockedPause = time.Millisecond
	blockedMost  = 100 * time.Millisecond
	// After a local error the socket is left alone for a while, longer each time:
	// a full queue below it loses packets, and ten errors in a row, which open the
	// circuit, shall be more than one bad moment.
	minBackOff = time.Millisecond
	maxBackOff = 100 * time.Millisecond
	// mostTries is how often a packet is sent at most whose refusal may be about an
	// earlier one, and mostTriesInLimit how often one that is not too large for the path
	// though the kernel says so: then each refusal is about an earlier one, of which
	// several may have been too large.
	mostTries        = 2
	mostTriesInLimit = 16
)

// retry is what the link remembers of refusals until the kernel takes a
// packet.
type retry struct {
	until   time.Time     // nothing is sent before
	backOff time.Duration // the last one
	tries   int           // that the packet at hand has had
	since   time.Time     // when the send buffer was first found full for it
}

// refusal deals with a packet that the kernel did not take, and reports whether
// it is settled. If not, it is to be sent again: at once, or later where
// retry.until says so. The tries of a packet in a session are bounded, but for a full
// send buffer, for which it waits. A datagram, of so many bytes, that is too
// large for the path is not counted as refused: its packet is sent again in fragments
// that fit.
func (l *link) refusal(now time.Time, p *packet, size int, o udp.Outcome) (settled bool) {
	t := &l.retry
	if o == udp.WouldBlock {
		if t.since.IsZero() {
			t.since = now
		}
		if now.Sub(t.since) >= blockedMost {
			l.drop(p, wire.WouldBlock)
			return true
		}
		t.until = now.Add(blockedPause)
		return false
	}
	most := mostTries
	if o == udp.TooLarge {
		if l.measure(now); size > l.limit {
			return false
		}
		most = mostTriesInLimit
	}
	l.count(o)
	l.blame(now, o)
	if t.tries++; t.tries < most && mayBeEarlier(o) {
		return false
	}
	switch o {
	case udp.Refused, udp.TooLarge:
	default:
		t.backOff = min(max(2*t.backOff, minBackOff), maxBackOff)
		t.until = now.Add(t.backOff)
		l.breaker.failed()
	}
	l.drop(p, wire.SendError)
	return true
}

// mayBeEarlier reports whether the outcome may concern an earlier packet, or
// pass by itself: the packet was not sent, and is sent once more.
func mayBeEarlier(o udp.Outcome) bool {
	return o == udp.Refused || o == udp.Unreachable || o == udp.TooLarge || o == udp.Denied || o == udp.Failed
}

// count counts what the kernel or, through it, the other side has refused.
func (l *link) count(o udp.Outcome) {
	if o == udp.WouldBlock {
		return
	}
	l.counters.refused.Add(1)
	if o == udp.Refused {
		l.counters.closedPort.Add(1)
	}
}

// blame holds a refusal by the other side against the address and the socket.
func (l *link) blame(now time.Time, o udp.Outcome) {
	if o != udp.Refused {
		return
	}
	l.breaker.refused(now)
	// The address may have moved on, or a stale entry of a connection tracker
	// may lead nowhere: another source port finds the way.
	if now.Sub(l.lastRedial) >= redialAfter {
		l.lastRedial = now
		waker.Signal(l.redial)
	}
}
