package exporter

import (
	"reflect"
	"time"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Stats are the exporter's books. They count points, unless a field says otherwise.
// Counters only grow. Queued, Circuit, PacketSize, SegmentationOffload, Address, DialError,
// Waiting and Capacity are as of the moment.
type Stats struct {
	// Offered is what there was to send: the points of Export, the points that the direct
	// path makes of its series, and in event mode each measurement. A measurement that is
	// aggregated is not counted. A measurement that cannot be aggregated is: as offered and
	// as dropped.
	Offered uint64
	// Sent is what the kernel took. With an encoding that sends only differences, points
	// without a difference count too.
	//
	// A sent point may still be lost. The receiver counts what is lost on the network.
	// Nobody counts what is sent to a receiver that has gone, until the circuit opens,
	// about three seconds with traffic later. So if a receiver is killed between two
	// exports, the next export is sent, to a closed port, and is in no book of either end.
	Sent uint64
	// Queued is what waits to be sent.
	Queued uint64
	// Dropped is what will never be sent, by reason.
	Dropped Dropped

	// Packets and Bytes are what the kernel took. Bytes are UDP payload. Reports are
	// included.
	Packets, Bytes uint64
	// Batches counts the calls in which the kernel took packets with points.
	Batches uint64
	// SendErrors counts the times that the kernel did not take a packet. The kernel took
	// some of these packets when they were sent again. A full send buffer does not count,
	// and neither does a packet that was too large for a path that has become narrower.
	SendErrors uint64
	// ConnectionsRefused is how many of SendErrors said that an earlier packet had met a
	// closed port (ECONNREFUSED).
	ConnectionsRefused uint64
	// Sessions counts the sockets dialled so far.
	Sessions uint64
	// Circuit is the state of the circuit breaker.
	Circuit CircuitState
	// PacketSize is the largest packet made at present, in bytes: what [WithMaxPacketSize]
	// says, or less if the path takes less. Without that option it is 1472 until an address
	// is known.
	PacketSize int
	// SegmentationOffload says whether packets of one size go to the kernel as one, see
	// [WithoutSegmentationOffload]. It is that of the present socket, and unavailable until
	// there is one.
	SegmentationOffload udp.Offload
	// Address is where packets go, as the endpoint was resolved. It is empty while the
	// endpoint is unresolved.
	Address string
	// DialError is why the last attempt to resolve or dial the endpoint failed. It is empty
	// if that attempt succeeded. After a failed attempt the exporter goes on with the
	// socket that it has, if there is one.
	DialError string
	// LastSend is when the kernel last took a packet with points. It is zero if it never
	// did.
	LastSend time.Time
	// Waiting is how many points and events are in the queues. Peak is the most that the
	// pump ever found there. Capacity is the room in the queues that are in use.
	Waiting, Peak, Capacity int
	// CardinalityOverflow says that an instrument of the direct path has had more attribute
	// sets than it may have, see [WithCardinalityLimit]. The further sets went into one
	// series with the attribute otel.metric.overflow.
	CardinalityOverflow bool

	// ExemplarsCut, DescriptionsCut and Downscaled count points larger than 64 KiB that
	// were sent with less: without exemplars, without the metric's description, with an
	// exponential histogram downscaled. A point that was sent without two of these counts
	// in both. OpenTelemetry's error handler is told once for each metric.
	ExemplarsCut, DescriptionsCut, Downscaled uint64

	// LeftOut counts what the encoding could not say about points that it put into packets.
	// It is zero with Compact.
	LeftOut wire.LeftOut
}

// Dropped counts lost points, each for exactly one reason.
type Dropped struct {
	RingFull    uint64 // no room in the event queue (event mode)
	Evicted     uint64 // was evicted for a newer one (event mode)
	Priority    uint64 // of low priority under pressure (event mode)
	Sampled     uint64 // left out by sampling under pressure (event mode)
	Invalid     uint64 // a time or measurement that cannot be represented
	Deadline    uint64 // the context of Export, or the time for callbacks or a collection, ended first
	Oversize    uint64 // larger than 64 KiB, or unfolds to too much, even after cuts; a line larger than a packet
	Encode      uint64 // the encoding has no form for an aggregation, temporality, attribute or value, or there are more than 512 attributes
	Unresolved  uint64 // the endpoint could not be resolved or dialled yet: see Stats.DialError
	BreakerOpen uint64 // the circuit breaker was open
	WouldBlock  uint64 // the socket's send buffer was full
	SendError   uint64 // the kernel did not take the packet
	Memory      uint64 // the memory budget was used up, or there are too many instruments
	Shutdown    uint64 // offered after Shutdown, or not sent before Shutdown ended
}

// Total returns the sum over all reasons.
func (d Dropped) Total() (total uint64) {
	for _, n := range d.byReason() {
		total += n
	}
	return total
}

// Stats returns the books. In traffic, Offered - Sent - Dropped is never negative and never
// more than the exporter can hold.
func (e *Exporter) Stats() Stats {
	s := e.pipeline.Stats()
	return Stats{
		Offered: s.Offered, Sent: s.Sent, Queued: s.Queued,
		Dropped: droppedBy(s.Dropped),
		Waiting: s.Waiting, Peak: s.Peak, Capacity: s.Capacity, CardinalityOverflow: e.directPath.overflowed(),
		Packets: s.Packets, Bytes: s.Bytes, Batches: s.Batches, SendErrors: s.SendErrors, ConnectionsRefused: s.ConnectionsRefused,
		Sessions: s.Sessions, Circuit: CircuitState(s.Circuit), PacketSize: s.PacketSize, SegmentationOffload: s.Offload, Address: s.Address, DialError: s.DialError, LastSend: s.LastSend,
		ExemplarsCut: s.ExemplarsCut, DescriptionsCut: s.DescriptionsCut, Downscaled: s.Downscaled, LeftOut: s.LeftOut,
	}
}

// droppedBy returns the counters as fields. The fields stand in the order of the reasons,
// which a test verifies.
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
