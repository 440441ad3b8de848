package health

import "time"

// Sample is what a [Monitor] is told about an exporter at one moment. Numbers of
// points and packets are since the start.
type Sample struct {
	Time time.Time

	Points  Points
	Dropped []Dropped // all reasons, in the same order each time
	Packets Packets
	Latency Latency // of what was sent since the sample before
	// Utilization is how full the queue of events is, from 0 to 1.
	Utilization float64

	Circuit             string
	Endpoint, Address   string
	DialError           string // why the endpoint could not be dialled; empty: it could
	PacketSize          int
	LastSend            time.Time // zero: never
	CardinalityOverflow bool
	// BudgetReached says that something was dropped, at some time, because the memory
	// budget was used up; Closed that the exporter was shut down.
	BudgetReached, Closed bool
}

// Dropped is how many points were dropped for a reason.
type Dropped struct {
	Reason string
	Points uint64
	// Leaving says that it is a reason to drop points on their way out, when they have
	// left their queue.
	Leaving bool
}

// The reason and the state of the circuit that the status depends on.
const (
	reasonMemory  = "memory"
	circuitClosed = "closed"
)

// leaving is how many points were dropped on their way out.
func (s *Sample) leaving() (n uint64) {
	for _, d := range s.Dropped {
		if d.Leaving {
			n += d.Points
		}
	}
	return n
}

func (s *Sample) droppedFor(reason string) uint64 {
	for _, d := range s.Dropped {
		if d.Reason == reason {
			return d.Points
		}
	}
	return 0
}
