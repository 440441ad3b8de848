package health

import (
	"cmp"
	"time"
)

// Sample is what a [Monitor] is told about an exporter at one moment. Numbers of points,
// packets and exports are since the start.
type Sample struct {
	Time time.Time

	// Exports counts what is settled as a whole: each time that everything handed over
	// so far has been sent or dropped, and no Export or collection is under way.
	Exports uint64
	Points  Points
	Dropped []Dropped // all reasons, in the same order each time
	Packets Packets
	// ConnectionsRefused is how many of the packets were refused because the port was closed.
	ConnectionsRefused uint64
	Latency            Latency // of what was sent since the sample before
	// Utilization is how full the event queue is, from 0 to 1.
	Utilization float64

	Circuit             string
	Endpoint, Address   string
	DialError           string // why the endpoint could not be dialled; empty: it could
	PacketSize          int
	LastSend            time.Time // zero: never
	CardinalityOverflow bool
	// BudgetReached says that something was dropped, at some time, because the memory
	// budget was used up.
	BudgetReached bool
	// Closed says that the exporter was shut down.
	Closed bool

	// The Monitor sets these.
	lostOut uint64 // points dropped on their way out
	rest    bool   // nothing was under way
}

// Dropped is how many points were dropped for a reason.
type Dropped struct {
	Reason string
	Points uint64
	// Leaving says that points are dropped for this reason on their way out, when they
	// have left their queue.
	Leaving bool
	// Remedy says what to do about it. It may be empty.
	Remedy string
}

// The reasons and the state of the circuit that the status depends on.
const (
	reasonMemory   = "memory"
	reasonRingFull = "ring_full"
	circuitClosed  = "closed"
)

// dropped returns what was dropped for a reason.
func (s *Sample) dropped(reason string) Dropped {
	for _, d := range s.Dropped {
		if d.Reason == reason {
			return d
		}
	}
	return Dropped{}
}

// advice names a reason and says what to do about it.
func (d Dropped) advice() string { return cmp.Or(d.Reason, "unknown") + d.remedy() }

// remedy says what to do about a reason, as the end of a sentence about it.
func (d Dropped) remedy() string {
	if d.Remedy == "" {
		return ""
	}
	return ". What to do: " + d.Remedy
}

// kind is a kind of traffic.
type kind uint8

const (
	offered  kind = iota // points handed over
	entering             // the same, of which those dropped on their way out are not lost
	leaving              // points on their way out
	packets
)

// has reports whether points dropped for a reason are lost to a kind of traffic.
func (k kind) has(d Dropped) bool { return k == offered || d.Leaving == (k == leaving) }

// count returns how much there was of a kind since the start, and how much of it was lost.
func (s *Sample) count(k kind) (lost, all uint64) {
	switch k {
	case offered:
		return s.Points.Dropped, s.Points.Offered
	case entering:
		return s.Points.Dropped - s.lostOut, s.Points.Offered
	case leaving:
		return s.lostOut, s.Points.Sent + s.lostOut
	}
	return s.Packets.Refused, s.Packets.Sent + s.Packets.Refused
}
