// Package otelgramreceiver is the receiver of otelgram datagrams for the OpenTelemetry
// Collector: metrics over UDP or a Unix datagram socket, with books that say what is
// missing.
//
// It stands on package receiver, which keeps the books of each session, and makes pdata of
// the decoded packets. A data point has the shape that the SDK's OTLP exporter gives it.
// Packets are Compact or Plain, see packages wire and wire/plain.
//
// # The way of a point
//
// A goroutine reads each socket, keeps the books and queues packets. Others, the
// processors, decode them into batches, one for each source address, and give these to the
// next consumer when no packet waits or a batch is full. So a batch is one packet where
// traffic is light, and many where packets wait. While the next consumer blocks, or a batch
// is tried again, the queue fills; what does not fit counts as overrun, and the socket is
// read on.
//
// # The books
//
//	sent = received + lost
//	received = delivered + rejected + overrun
//	delivered = accepted + refused
//
// in data points, once nothing moves; those that a Plain sender has lost are in none of the
// terms. See documentation.md for the metrics that say them.
package otelgramreceiver
