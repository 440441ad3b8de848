package pipeline

import (
	"sync/atomic"
	"time"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// counters are the books, and what is counted beside. Every field only grows.
type counters struct {
	account.Books

	packets, bytes, batches, refused, closedPort, sessions, exports atomic.Uint64

	circuit    atomic.Uint32 // a Circuit
	packetSize atomic.Int64  // the limit of the path, in bytes
	lastSend   atomic.Int64  // Unix nanoseconds; 0: never
	peak       atomic.Int64  // the most that the pump found in the queues, see measure

	exemplarsCut, descriptionsCut, downscaled atomic.Uint64
}

// reduce counts what a point was sent without.
func (c *counters) reduce(r wire.Reduction) {
	if r.Exemplars > 0 {
		c.exemplarsCut.Add(1)
	}
	if r.Description {
		c.descriptionsCut.Add(1)
	}
	if r.Downscales > 0 {
		c.downscaled.Add(1)
	}
}

// Stats is a snapshot of the pipeline's counters.
type Stats struct {
	Offered, Queued uint64
	InFlight        uint64 // of Queued, what is behind the event queue
	account.Settled

	Packets, Bytes uint64
	Batches        uint64 // calls in which the kernel took packets with points
	// Refused counts the times that the kernel did not take a packet, a full
	// send buffer and packets that were too large for a narrower path aside.
	// ClosedPort is how many of them said that an earlier
	// packet had met a closed port.
	Refused, ClosedPort uint64
	// Sessions counts the sockets dialled.
	Sessions uint64
	// Exports counts the times that the pump came to rest after it had taken something:
	// everything handed over so far was sent or dropped, and no Export or collection was
	// under way. Between two counts there are whole Exports, never half of one.
	Exports uint64

	Circuit    Circuit
	PacketSize int       // the limit of the path, in bytes
	LastSend   time.Time // zero: never
	Address    string    // what Resolve found; empty: nothing yet
	DialError  string    // why the endpoint could not be dialled when it was tried last; empty: it could

	// Waiting is how many points and events are in the queues, Peak the
	// most that the pump ever found there, Capacity the room in those that are in use.
	Waiting, Peak, Capacity int
	// Use and EventUse are how full the two queues are, from 0 to 1.
	Use, EventUse float64
	// BudgetReached says that something was dropped because the memory budget was
	// used up.
	BudgetReached                             bool
	ExemplarsCut, DescriptionsCut, Downscaled uint64
	LeftOut                                   wire.LeftOut
}

// maxSnapshots bounds the attempts at a consistent snapshot; the pump settles
// a packet in some microseconds, reading the counters takes some nanoseconds.
const maxSnapshots = 16

// snapshot reads the counters so that offered - sent - dropped is neither
// negative nor, but for a reader that is held up again and again, more than the
// pipeline can hold: what was settled is read before and after offered, and
// all is read again if it moved meanwhile.
func (c *counters) snapshot(pushed func() uint64) Stats {
	s := c.settled()
	for attempt := 1; ; attempt++ {
		s.Offered = c.Offered() + pushed()
		again := c.settled()
		if again.Settled == s.Settled || attempt == maxSnapshots {
			return s
		}
		s = again
	}
}

func (c *counters) settled() Stats {
	s := Stats{
		Settled:         c.Books.Settled(),
		Packets:         c.packets.Load(),
		Bytes:           c.bytes.Load(),
		Refused:         c.refused.Load(),
		Batches:         c.batches.Load(),
		ClosedPort:      c.closedPort.Load(),
		Exports:         c.exports.Load(), // after Settled: what it counts is in there
		Peak:            int(c.peak.Load()),
		Sessions:        c.sessions.Load(),
		Circuit:         Circuit(c.circuit.Load()),
		PacketSize:      int(c.packetSize.Load()),
		ExemplarsCut:    c.exemplarsCut.Load(),
		DescriptionsCut: c.descriptionsCut.Load(),
		Downscaled:      c.downscaled.Load(),
	}
	if at := c.lastSend.Load(); at != 0 {
		s.LastSend = time.Unix(0, at)
	}
	return s
}
