package udp

import (
	"errors"
	"net"
	"strconv"
)

// Outcome says what became of the packet at which [Sender.Send] stopped.
type Outcome uint8

const (
	// Sent means that the kernel took every packet. It does not mean that any
	// of them arrives.
	Sent Outcome = iota
	// WouldBlock means that the send buffer is full (EAGAIN). The packet was not
	// sent and may be tried again shortly.
	WouldBlock
	// NoBuffers means that a queue below the socket is full (ENOBUFS), usually
	// that of the network device. The packet was dropped. Only Linux reports
	// this.
	NoBuffers
	// Refused means that an earlier packet met a closed port (ECONNREFUSED). This
	// packet was not sent, and trying it again at once is right: the report is
	// used up, and the port may be open by now. On a Unix socket it means that
	// nobody is there, and that only a new Dial can find somebody.
	Refused
	// TooLarge means that the packet does not fit into a datagram, or not into
	// one on this path while fragmentation is off (EMSGSIZE). Trying the same
	// bytes again is in vain; the packets behind it are not affected. A packet
	// within those limits may see it once, as the report of a router that an
	// earlier packet was too large for it, and can be tried again.
	TooLarge
	// Denied means that a local firewall or policy forbids it (EPERM, EACCES).
	Denied
	// Unreachable means that there is no way to the host at the moment: no
	// route, no link or no answer from the next hop (ENETUNREACH, ENETDOWN,
	// EHOSTUNREACH, EHOSTDOWN). It may concern an earlier packet, like Refused.
	Unreachable
	// Closed means that the Sender is closed.
	Closed
	// Failed means any other error. It may concern an earlier packet, too: some
	// reports of routers have no outcome of their own.
	Failed
)

var outcomeNames = [...]string{
	Sent:        "sent",
	WouldBlock:  "would block",
	NoBuffers:   "no buffers",
	Refused:     "refused",
	TooLarge:    "too large",
	Denied:      "denied",
	Unreachable: "unreachable",
	Closed:      "closed",
	Failed:      "failed",
}

// String returns the outcome in lower-case words, such as "would block".
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "Outcome(" + strconv.Itoa(int(o)) + ")"
}

// classify turns the error of a send into an outcome. The platform supplies
// outcomeOf for the error numbers.
func classify(err error) Outcome {
	if err == nil {
		return Sent
	}
	if errors.Is(err, net.ErrClosed) {
		return Closed
	}
	return outcomeOf(err)
}
