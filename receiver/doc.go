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
// not. Only where the first packet seen is number 65,536 or higher does the receiver
// know that it joined in mid-session, see [Session]: a receiver that is started
// again counts what younger sessions sent before as lost, once.
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
