// Package session sends finished packets over a socket, and replaces the socket when its
// time has come. A session is one dialled socket: it has a random id, sequence numbers of
// its own, reports, and a goodbye at its end.
//
//	ready packets ─► [Sender].Send ─► pace ─► stamp ─► socket
//	[Dialer] ─► new socket ─► [Sender].Begin
//
// The package owns the socket and all that is remembered of it: the numbers of the session
// (session.go), the pace (pacer.go), how large packets may be on the path (path.go), errors
// and when to try again (retry.go), the circuit breaker (breaker.go). It counts the points of
// each packet that it was given as sent, or as dropped for one reason.
//
// A [Sender] belongs to one goroutine, the pump, except for Stats and Latencies. A [Dialer] is
// a goroutine of its own: it looks names up and makes sockets, and both may take long.
// Send borrows packets: they stay the pump's, and are free again once Send says that they are
// settled. Send never waits: if the send buffer is full, the packet is tried again later, for
// 100 ms. The goodbye alone gives a full send buffer a few milliseconds. The package knows no OpenTelemetry and no
// data points: an [Encoding] says how a packet leaves.
package session
