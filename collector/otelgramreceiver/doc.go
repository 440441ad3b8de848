// Package otelgramreceiver is the receiver of otelgram datagrams for the OpenTelemetry
// Collector: metrics over UDP or a Unix datagram socket, with books that say what is
// missing.
//
// It uses package receiver, which keeps the books of each session, and makes pdata of the
// decoded packets. A data point has the shape that the SDK's OTLP exporter gives it.
// Packets are Compact or Plain, see packages wire and wire/plain.
//
// # The way of a point
//
// One goroutine reads each socket, keeps the books and queues packets. Other goroutines,
// the processors, decode the packets into batches, one for each source address. They give
// these batches to the next consumer when no packet waits or a batch is full. So a batch is
// one packet in light traffic, and many if packets wait. While the next consumer blocks, or
// a batch is tried again, the queue fills. What does not fit counts as overrun, and the
// socket is read on.
//
// # The books
//
//	sent = received + lost
//	received = delivered + rejected + overrun
//	delivered = accepted + refused
//
// in data points, when nothing moves. The lost points of a Plain sender are in no term. See
// documentation.md for the metrics that show the terms.
package otelgramreceiver
