package pipeline

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/wire"
)

// counters hold the promise. Every field only grows, except inPump.
type counters struct {
	// offered is written by callers, the rest almost only by the pump. Events
	// in the direct lane are counted as offered by the ring itself.
	offered atomic.Uint64
	_       cpu.CacheLinePad

	sent    atomic.Uint64
	dropped [wire.DropReasons]atomic.Uint64
	// folded counts the events that went into a series.
	folded atomic.Uint64
	// inPump counts the points the pump has popped and neither sent nor dropped.
	inPump atomic.Int64

	packets, bytes, refused atomic.Uint64

	exemplarsCut, descriptionsCut, resolutionHalved atomic.Uint64
}

func (c *counters) drop(reason wire.DropReason, points int) {
	c.dropped[reason].Add(uint64(points))
}

// Stats is a snapshot of the pipeline's counters.
type Stats struct {
	Offered, Sent, Folded, Queued uint64
	Dropped                       [wire.DropReasons]uint64

	Packets, Bytes uint64
	// Refused counts packets that the kernel did not take.
	Refused uint64

	ExemplarsCut, DescriptionsCut, ResolutionHalved uint64
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
		s.Offered = c.offered.Load() + pushed()
		again := c.settled()
		if again.Sent == s.Sent && again.Folded == s.Folded && again.Dropped == s.Dropped || attempt == maxSnapshots {
			return s
		}
		s = again
	}
}

func (c *counters) settled() Stats {
	s := Stats{
		Sent:             c.sent.Load(),
		Folded:           c.folded.Load(),
		Packets:          c.packets.Load(),
		Bytes:            c.bytes.Load(),
		Refused:          c.refused.Load(),
		ExemplarsCut:     c.exemplarsCut.Load(),
		DescriptionsCut:  c.descriptionsCut.Load(),
		ResolutionHalved: c.resolutionHalved.Load(),
	}
	for i := range s.Dropped {
		s.Dropped[i] = c.dropped[i].Load()
	}
	return s
}
