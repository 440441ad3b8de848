package exporter

import (
	"reflect"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Stats are the exporter's books, counted in points where nothing else is
// said. Counters only grow; Queued, Circuit, PacketSize, Address, DialError and Waiting
// are as of the moment.
type Stats struct {
	// Offered is what there was to send: the points of Export, those that the direct path
	// makes of its series, and at a flush interval of 0 each measurement. Measurements
	// that are aggregated are not counted, but those that cannot be are: as offered
	// and as dropped.
	Offered uint64
	// Sent is what the kernel took, and of an encoding that tells differences the points
	// without any. It may still be lost on the network.
	Sent uint64
	// Queued is what waits to be sent.
	Queued uint64
	// Dropped is what will never be sent, by reason.
	Dropped Dropped

	// Packets and Bytes are what the kernel took: UDP payload, reports
	// included.
	Packets, Bytes uint64
	// Batches counts the calls in which the kernel took packets with points.
	Batches uint64
	// SendErrors counts the times that the kernel did not take a packet. A full send buffer
	// does not count, nor does a packet that was too large for a path that has become
	// narrower. The kernel took some of these packets when they were sent again.
	SendErrors uint64
	// ConnectionsRefused is how many of SendErrors said that an earlier packet had met a
	// closed port (ECONNREFUSED).
	ConnectionsRefused uint64
	// Sessions counts the sockets dialled so far.
	Sessions uint64
	// Circuit is the state of the circuit breaker.
	Circuit CircuitState
	// PacketSize is the largest packet made at present, in bytes: what
	// [WithMaxPacketSize] says, or less if the path takes less. It is 1472 until an
	// address is known where nothing is said.
	PacketSize int
	// Address is where packets go: what the endpoint was found to mean. It is
	// empty as long as it is unresolved.
	Address string
	// DialError is why the endpoint could not be resolved or dialled, when it was
	// tried last; it is empty if it could. The socket before, if there is one, is in
	// use meanwhile.
	DialError string
	// LastSend is when the kernel last took a packet with points. It is zero if
	// it never did.
	LastSend time.Time
	// Waiting is how many points and events are in the queues, Peak the most that who takes
	// them out ever found there, and Capacity the room in the queues that are in use.
	Waiting, Peak, Capacity int
	// CardinalityOverflow says that an instrument of the direct path has had
	// more attribute sets than it may have, see [WithCardinalityLimit]; the others went
	// into one series with the attribute otel.metric.overflow.
	CardinalityOverflow bool

	// Points larger than 64 KiB that were sent without something, each
	// counted once for each: without exemplars, without the metric's
	// description, with an exponential histogram downscaled. OpenTelemetry's error
	// handler is told, once for each metric.
	ExemplarsCut, DescriptionsCut, Downscaled uint64

	// LeftOut counts what an encoding other than Compact could not say of points that it
	// put into packets.
	LeftOut wire.LeftOut
}

// Dropped counts lost points, each for exactly one reason.
type Dropped struct {
	RingFull    uint64 // no room in the event queue (event mode)
	Evicted     uint64 // made room for newer ones (event mode)
	Priority    uint64 // refused under pressure for low priority (event mode)
	Sampled     uint64 // left out by sampling under pressure (event mode)
	Invalid     uint64 // a time or measurement that cannot be represented
	Deadline    uint64 // the context of Export, or the time for callbacks or a collection, ended first
	Oversize    uint64 // larger than 64 KiB, or unfolds to too much, whatever was left out; a line larger than a packet
	Encode      uint64 // an aggregation, temporality, attribute or value without a form in the encoding, more than 512 attributes
	Unresolved  uint64 // the endpoint could not be resolved or dialled yet: see Stats.DialError
	BreakerOpen uint64 // the circuit breaker was open
	WouldBlock  uint64 // the socket's send buffer was full
	SendError   uint64 // the kernel refused the packet
	Memory      uint64 // the memory budget was used up, or there are too many instruments
	Shutdown    uint64 // handed over too late, or not sent before Shutdown ended
}

// Total returns the sum over all reasons.
func (d Dropped) Total() (total uint64) {
	for _, n := range d.byReason() {
		total += n
	}
	return total
}

// Stats returns the books. In traffic, Offered - Sent - Dropped is
// never negative and never more than the exporter can hold.
func (e *Exporter) Stats() Stats {
	s := e.pipeline.Stats()
	return Stats{
		Offered: s.Offered, Sent: s.Sent, Queued: s.Queued,
		Dropped: droppedBy(s.Dropped),
		Waiting: s.Waiting, Peak: s.Peak, Capacity: s.Capacity, CardinalityOverflow: e.directPath.overflowed(),
		Packets: s.Packets, Bytes: s.Bytes, Batches: s.Batches, SendErrors: s.SendErrors, ConnectionsRefused: s.ConnectionsRefused,
		Sessions: s.Sessions, Circuit: CircuitState(s.Circuit), PacketSize: s.PacketSize, Address: s.Address, DialError: s.DialError, LastSend: s.LastSend,
		ExemplarsCut: s.ExemplarsCut, DescriptionsCut: s.DescriptionsCut, Downscaled: s.Downscaled, LeftOut: s.LeftOut,
	}
}

// droppedBy returns the counters as fields: a field has the place of its reason, as a test
// makes sure.
func droppedBy(counters [wire.DropReasons]uint64) (d Dropped) {
	fields := reflect.ValueOf(&d).Elem()
	for reason, n := range counters {
		fields.Field(reason).SetUint(n)
	}
	return d
}

// byReason returns the fields as counters.
func (d Dropped) byReason() (counters [wire.DropReasons]uint64) {
	fields := reflect.ValueOf(d)
	for reason := range counters {
		counters[reason] = fields.Field(reason).Uint()
	}
	return counters
}
