// Package receiver takes otelgram datagrams and hands their points over as
// OpenTelemetry metricdata.
//
//	r, err := receiver.Listen("localhost:4319", func(rm *metricdata.ResourceMetrics) {
//		// runs on a goroutine of the receiver; rm is yours to keep
//	})
//
// # The books
//
// For each session, which is one socket of one sender, the receiver keeps
//
//	sent = received + lost        received = handed + rejected + overrun
//
// in packets and in points. sent is what the sender says, in every packet, of
// those before it, so that a loss is known by its exact number of points as
// soon as a later packet comes through; reports, once a second, and the
// goodbye close the books where none does. A packet counts as lost when it is
// between one and two seconds late. Duplicates, packets that come too late and
// packets that are no otelgram at all stand outside of the books.
//
// The books of a session begin with its first packet, whether that was seen or
// not; but those of a session that is older than the receiver begin with the first
// packet seen, since what came before was not sent to it. The reports tell the age of
// a session, see [Session].
//
// A body that is larger than a packet comes in fragments, each of which is a packet
// in the books; its points are in those of the last fragment. It is handed over when
// all of them are there. Where one is missing the others are rejected, two seconds
// after the last of them has come or when fragments of other bodies need the room: the
// receiver keeps 8 MiB of them at most.
//
// # Pressure
//
// One goroutine reads the socket and does nothing but keep the books and queue
// packets. As many others as [WithWorkers] says decode them and call the handler:
// one session is always served by the same one, so that the handler runs
// concurrently for different sessions, and never for one. A handler that is too
// slow fills a bounded queue; what does not fit counts as overrun, and the socket
// is read all the same. A handler that panics ends the process, like any goroutine.
package receiver
