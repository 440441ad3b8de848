package udp

import (
	"errors"
	"net"
	"strconv"
)

// Outcome says what became of the packet at which [Sender.Send] stopped.
type Outcome uint8

const (
	// Sent means that the kernel took every packet. It does not mean that any of them
	// arrives.
	Sent Outcome = iota
	// WouldBlock means that the send buffer is full (EAGAIN). The packet was not sent and
	// may be tried again shortly.
	WouldBlock
	// NoBuffers means that a queue below the socket is full (ENOBUFS), usually the queue of
	// the network device. The packet was dropped. Only Linux reports this, and it does so of
	// single packets, see [Sender.Send].
	NoBuffers
	// Refused means that an earlier packet met a closed port (ECONNREFUSED). This packet
	// was not sent. Try it again at once: the report is used up, and the port may be open
	// by now. On a Unix socket Refused means that nobody listens there, and only a new Dial
	// can find a listener.
	Refused
	// TooLarge means that the packet does not fit into a datagram, or into a datagram on
	// this path while fragmentation is off (EMSGSIZE). Do not try the same bytes again. The
	// packets behind it are not affected. A packet within those limits may get TooLarge
	// once, because a router has reported that an earlier packet was too large; that packet
	// can be tried again.
	TooLarge
	// Denied means that a local firewall or policy forbids it (EPERM, EACCES).
	Denied
	// Unreachable means that there is no way to the host at the moment: no route, no
	// interface that is up or no answer from the next hop (ENETUNREACH, ENETDOWN,
	// EHOSTUNREACH, EHOSTDOWN). It may be about an earlier packet, as Refused is.
	Unreachable
	// Closed means that the Sender is closed.
	Closed
	// Failed means any other error. It may be about an earlier packet, too: some reports of
	// routers have no outcome of their own.
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

// classify turns the error of a send into an outcome. outcomeOf, for the error numbers,
// depends on the platform.
func classify(err error) Outcome {
	if err == nil {
		return Sent
	}
	if errors.Is(err, net.ErrClosed) {
		return Closed
	}
	return outcomeOf(err)
}
