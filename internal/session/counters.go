package session

import (
	"sync/atomic"
	"time"

	"github.com/otelgram/otelgram/udp"
)

// counters are what others may read of a Sender at any time.
type counters struct {
	packets, bytes, batches, sendErrors, connectionsRefused, sessions atomic.Uint64

	circuit    atomic.Uint32 // a Circuit
	packetSize atomic.Int64  // the limit of the path, in bytes
	offload    atomic.Uint32 // a udp.Offload, of the present socket
	lastSend   atomic.Int64  // Unix nanoseconds; 0: never
}

// Stats is what was sent so far, and the state of the session.
type Stats struct {
	// Packets and Bytes are what the kernel took, reports included. Batches counts the
	// calls in which it took packets with points.
	Packets, Bytes, Batches uint64
	// SendErrors counts the times that the kernel did not take a packet, except for a full
	// send buffer and for packets too large for a path that has become narrower.
	// ConnectionsRefused is how many of them said that an earlier packet had met a closed
	// port.
	SendErrors, ConnectionsRefused uint64
	Sessions                       uint64 // sockets dialled
	Circuit                        Circuit
	PacketSize                     int         // the largest packet on the path, in bytes
	Offload                        udp.Offload // of the present socket
	LastSend                       time.Time   // of a packet with points; zero: never
}

func (c *counters) stats() Stats {
	s := Stats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Batches: c.batches.Load(),
		SendErrors: c.sendErrors.Load(), ConnectionsRefused: c.connectionsRefused.Load(),
		Sessions: c.sessions.Load(), Circuit: Circuit(c.circuit.Load()), PacketSize: int(c.packetSize.Load()),
		Offload: udp.Offload(c.offload.Load()),
	}
	if at := c.lastSend.Load(); at != 0 {
		s.LastSend = time.Unix(0, at)
	}
	return s
}
