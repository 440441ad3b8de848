// Package receiver takes otelgram datagrams and hands their points over, as OpenTelemetry
// metricdata or as decoded packets.
//
//	r, err := receiver.Listen("localhost:4319", func(rm *metricdata.ResourceMetrics) {
//		// runs on a goroutine of the receiver; rm is yours to keep
//	})
//
// [Listen] makes metricdata. [ListenPackets] gives a handler the decoded packets, for
// programs that make something else of them, such as the receiver for the OpenTelemetry
// Collector in the module collector. Package relay passes metricdata from here on to any
// exporter of the SDK.
//
// # Encodings
//
// A packet is Compact, as package wire describes it, with reports and fragments, or Plain,
// as package wire/plain does. The first byte tells which. Both come to one socket. A
// handler sees only what Plain does not have: the points of a Plain packet are gauges and
// sums with an empty resource and scope, without start times, and their attributes are
// strings. If a key comes twice, the last value counts. The points of one name and type in
// one packet are points of one metric.
//
// # The books
//
// For each session, which is one socket of one sender, the receiver keeps
//
//	sent = received + lost        received = delivered + rejected + overrun
//
// in packets and in points. sent is what the sender says, in every packet, about the
// packets before it. So a loss is known, by its exact number of points, as soon as a later
// packet comes through. If none comes, the reports, once a second, and the goodbye close
// the books. A packet counts as lost when it is between one and two seconds late.
// Duplicates, packets that come too late and packets that are no otelgram at all stand
// outside of the books.
//
// The books of a session begin with its first packet, whether that packet was seen or not.
// The books of a session that is older than the receiver begin with the first packet seen,
// since what came before was not sent to this receiver. The reports tell the age of a
// session, see [Session].
//
// A session remembers the numbers of what came in two seconds, at least 1,024 and at most
// 65,536 numbers. A packet from before that is late. A packet more than 512 numbers ahead
// of the others is delivered at once, but the receiver believes in the gap before it only
// when a second packet confirms it. So one forged packet does not end a session.
//
// A machine that was copied, or put back to an earlier state, sends under the session and
// the numbers of another machine. A packet whose number was seen before, with a later time,
// comes from such a clone. The clone gets books of its own, by its session and address, and
// its data is delivered.
//
// Plain packets name no session: their session is their source address. They carry a
// number, so lost packets are known as soon as a later packet comes through. How many
// points were in them is not known: in points, sent equals received, and lost is 0;
// received = delivered + rejected + overrun holds as ever. A packet that cannot be decoded
// has no points in the books. A packet without events is a probe: it counts as delivered,
// and the handler is not called.
//
// Plain senders make no reports. The books begin with the first packet seen, if that is not
// number 0, and end with the last one. A sender may begin anew at the same address. The
// receiver sees that by a packet with a later time than all others, and with a number that
// was seen before, or so long ago that nobody knows. The packet's data is delivered. When a
// second packet confirms it, the numbers begin anew. From then on packets from before are
// late, and so are all packets while a sender's clock is behind the time of an earlier
// packet. A Unix socket has no source address, and loses nothing: all its Plain packets are
// of one session, whose numbers are not judged.
//
// A body that is larger than a packet comes in fragments. Each fragment is a packet in the
// books; the points of the body count with its last fragment. The body is delivered when
// all fragments are there. If one is missing, the others are rejected, two seconds after
// the last of them has come or earlier if fragments of other bodies need the room, see
// [WithReassemblySize].
//
// # Pressure
//
// One goroutine reads each socket, see [WithReaders]. It does nothing but keep the books
// and queue packets. Worker goroutines, as many as [WithWorkers] says, decode the packets
// and call the handler. One session is always served by the same worker, so the handler
// runs concurrently for different sessions, and never for one. Sessions take turns, a
// packet each. If a handler is too slow, a bounded queue fills. What does not fit counts as
// overrun, first for the sessions that have most in the queue, and the socket is read all
// the same.
//
// # Handlers
//
// The data of one packet shares memory: its points of one type stand in one array, and so
// do its metrics. A handler that keeps one point keeps the arrays of one packet, and of no
// other. It may append to any of the slices; that writes into no other. It must not change
// the bounds of histograms, attribute sets and resources, which points may have in common.
//
// A handler that panics ends the process, as a panic in any goroutine does. If a handler
// exits its goroutine ([runtime.Goexit], as t.FailNow does), its packet counts as
// delivered, and another goroutine goes on. A handler that blocks holds up the sessions
// that its worker serves, whose packets then count as overrun. It also holds up
// [Receiver.Close], and [Receiver.Shutdown] until the context of that ends. A handler must
// not call these two.
//
// # Strangers
//
// Nothing authenticates a datagram. A sender that reaches the socket can forge metrics, but
// what it can make a receiver do is bounded:
//
//   - For each byte of a packet a worker allocates 512 bytes at most, and the number of
//     things that a packet unfolds to is bounded, see the limits of package wire.
//   - The memory of sessions, queues, caches and fragments is bounded, whatever packets name:
//     see [WithMaxSessions], [WithQueueSize], [WithCacheSize] and [WithReassemblySize].
//   - A session has proven itself after eight packets. Sessions that have not make room
//     before sessions that have, and leave them half of the queue and of the turns. A session
//     that has proven itself and sent a packet in the last thirty seconds is never pushed out
//     by another. A Plain sender that is silent for longer may be, since it makes no reports.
//   - No number in a packet names the session of a Plain sender. An attacker that forges its
//     source address can disturb its books, just as an attacker that knows the number of
//     another session can disturb the books of that session.
package receiver
