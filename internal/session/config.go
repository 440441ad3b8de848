package session

import (
	"context"
	"time"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Config is what the sending end needs to know. The caller has validated it.
type Config struct {
	PacketSize       int // the largest packet, in bytes; 0: what suits the path
	ServerTakes      int // the largest packet where PacketSize is 0; 0: as large as the path takes
	PacketsPerSecond int // the pace, in packets of 1472 bytes; 0: no pacing
	Burst            int // packets of 1472 bytes that may leave at once
	Breaker          BreakerConfig
	// OnCircuit is told of each change of the circuit breaker's state, on the pump's
	// goroutine: it must not wait.
	OnCircuit func(from, to Circuit)
	// OnDial is told of each change of what keeps the endpoint from being resolved or
	// dialled, on the dialer's goroutine: it must not wait. The empty string means that
	// nothing does. Where it returns false it is told again after the next attempt. It
	// may be nil.
	OnDial func(cause string) bool
	// Resolve finds the addresses of the endpoint, in the order in which to try them.
	// Dial makes a socket to one of them. The dialer calls them again and again.
	Resolve func(ctx context.Context) ([]udp.Address, error)
	Dial    func(ctx context.Context, to udp.Address) (Socket, error)
}

// BreakerConfig is when the circuit breaker opens and how long it stays open.
type BreakerConfig struct {
	Disabled bool
	Failures int           // local errors in a row
	Timeout  time.Duration // from opening to the probe
}

// Socket is what a Sender needs of a socket; [udp.Sender] is one.
type Socket interface {
	// Send reports how many packets the kernel took and, if not all, what it said to the
	// next one.
	Send(packets [][]byte) (int, udp.Outcome)
	// Pending takes the report on an earlier packet, if there is one.
	Pending() udp.Outcome
	// Offload says whether packets of one size go to the kernel as one.
	Offload() udp.Offload
	// PayloadLimit is the most that the path takes in a packet, in bytes; 0 if unknown.
	PayloadLimit() int
	Close() error
}

// Encoding is what a Sender needs of an encoding. It belongs to the pump.
type Encoding interface {
	// Datagram returns the datagram of a packet that begins at a place in it, and the
	// place of the next one, 0 after the last. The first has place 0. The datagram is a
	// part of the packet, or is appended to scratch, which is returned. One that is longer
	// than limit cannot be made shorter.
	Datagram(scratch, packet []byte, limit, place int) (datagram, grown []byte, next int)
	// Stamp completes a datagram just before it is sent.
	Stamp(datagram []byte, h *wire.Header)
	// Settled says how far the oldest packet has left: up to a place, and no further ever.
	// Empty packets do not count. It returns how many of the packet's points have left as a
	// whole; with sessions that is none unless all have.
	Settled(place int) (points int)
	// Session reports whether the receiver keeps the books of a session: it gets reports
	// and a goodbye, and the datagrams of a packet are of use only together.
	Session() bool
	// AppendReport appends a sender report, or, where there are no sessions, what tells
	// whether somebody is there.
	AppendReport(b []byte, r *wire.Report) []byte
}

// Packet is a finished packet that waits to be sent.
type Packet struct {
	Bytes  []byte
	Points int
	Large  bool // its buffer is one for bodies larger than a packet
	// Recorded is when the first timed point was handed over, in Unix nanoseconds, 0 if
	// none is timed. OpenedAt is when the pump began the packet.
	Recorded int64
	OpenedAt time.Time
}
