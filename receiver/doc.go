// Package receiver takes otelgram datagrams and hands their points over as
// OpenTelemetry metricdata, or as decoded packets.
//
//	r, err := receiver.Listen("localhost:4319", func(rm *metricdata.ResourceMetrics) {
//		// runs on a goroutine of the receiver; rm is yours to keep
//	})
//
// [Listen] makes metricdata. [ListenPackets] gives a handler the decoded packets, for
// programs that make something else of them, such as the receiver for the OpenTelemetry
// Collector in the module collector. Package relay takes metricdata from here to
// any exporter of the SDK.
//
// # Encodings
//
// A packet is Compact, as package wire describes it, with reports and fragments, or
// Plain, as package wire/plain does. The first byte tells which. Both come to one socket,
// and whoever handles their points sees no difference but in what Plain does not have:
// the points of a Plain packet are gauges and sums with an empty resource and scope,
// without start times, and their attributes are strings, the last one where a key comes
// twice. Those of one name and type in one packet are points of one metric.
//
// # The books
//
// For each session, which is one socket of one sender, the receiver keeps
//
//	sent = received + lost        received = delivered + rejected + overrun
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
// A session remembers the numbers of what came in two seconds, at least a thousand and
// at most 65,536. A packet from before that is late. A packet more than 512 numbers
// ahead of the others is delivered at once; how much it says is missing is believed when
// a second packet confirms it. So one forged packet does not end a session.
//
// A machine that was copied, or put back to an earlier state, sends the session and the
// numbers of another. A number that was seen before, with a later time, is such a clone:
// it gets books of its own, by its session and address, and its data is delivered.
//
// Plain packets name no session: it is their source address. They are counted, so that
// packets that were lost are known, as soon as a later one comes through. How many points
// those had is not: sent is received there, in points, and lost is 0;
// received = delivered + rejected + overrun holds as ever. A packet that cannot be decoded
// has no points in the books, and one without events is a probe: it is delivered and
// nobody is called. There are no reports: the books begin with the first packet seen, if
// that is not number 0, and end with the last one. A number that was seen before, or so
// long ago that nobody knows, with a later time than all others, is of a sender that has
// begun anew at the same address: its data is delivered, and when a second packet
// confirms it, the numbers begin anew. What comes from before is late then, and so is all that
// comes while a sender's clock is behind the time of an earlier packet. A Unix socket
// has no source address, and loses nothing: all its Plain packets are of one session,
// whose numbers are not judged.
//
// A body that is larger than a packet comes in fragments, each of which is a packet
// in the books; its points are in those of the last fragment. It is delivered when
// all of them are there. Where one is missing the others are rejected, two seconds
// after the last of them has come or when fragments of other bodies need the room, see
// [WithReassemblySize].
//
// # Pressure
//
// One goroutine reads each socket, see [WithReaders]. It does nothing but keep the books
// and queue packets. As many others as [WithWorkers] says decode them and call the
// handler: one session is always served by the same one, so that the handler runs
// concurrently for different sessions, and never for one. Sessions take turns, a packet
// each. A handler that is too slow fills a bounded queue; what does not fit counts as
// overrun, from those first that have most in the queue, and the socket is read all the
// same.
//
// # Handlers
//
// A handler that panics ends the process, like any goroutine. One that exits its
// goroutine ([runtime.Goexit], as t.FailNow does) has been given its packet, which counts
// as delivered; another goroutine goes on. One that blocks holds up the sessions that its
// goroutine serves, whose packets then count as overrun, and [Receiver.Close], but not
// [Receiver.Shutdown] beyond its context. A handler must not call these two.
//
// # Strangers
//
// Nothing authenticates a datagram. Whoever reaches the socket can forge metrics, but
// what they can make a receiver do is bounded:
//
//   - A packet makes a worker allocate 512 bytes for each of its own at the most, and the
//     number of things that it unfolds to is bounded, see the limits of package wire.
//   - The memory of sessions, queues, caches and fragments is bounded, whatever is named in
//     packets: see [WithMaxSessions], [WithQueueSize], [WithCacheSize] and
//     [WithReassemblySize].
//   - A session has proven itself after eight packets. Those that have not make room
//     before those that have, and leave them half of the queue and of the turns. A session
//     that has proven itself and was heard of in the last thirty seconds is never pushed
//     out by another. A Plain sender that is silent for longer may be: it makes no reports.
//   - No number in a packet names the session of a Plain sender. Whoever forges its source
//     address can disturb its books as one who knows the number of another session can.
package receiver
