// Package udp sends and receives datagrams in batches, without ever making the
// sender wait.
//
// A [Sender] is a connected socket and nothing more: it has no goroutine and no
// queue, and what to do about a packet the kernel refuses is for its caller to
// decide. Send hands over packets in order, stops at the first refusal, and says
// what became of that one packet. Connecting matters even though UDP has no
// connections: only a connected socket is told of ICMP errors, so only there
// does a closed port show at all, as [Refused].
//
// A [Listener] reads datagrams in batches into buffers of its caller, and tells
// how much the kernel buffers for it and how much it had to drop. [ListenMany]
// opens several on one port, for as many readers.
//
// Both speak UDP, over IPv4 and IPv6, and Unix datagram sockets, where a full
// queue shows as [WouldBlock] ([NoBuffers] on macOS) and nothing is lost on the
// way, but for what is queued when the receiver ends.
//
// # Platforms
//
// On Linux a batch is one system call (sendmmsg, recvmmsg), Send never waits for
// room in the send buffer, and the kernel reports the packets its own queues
// drop. Elsewhere a batch is a loop over single calls with the same meaning,
// except that Send may wait for the send buffer to drain, and that Drops and
// the effective buffer size are not available, and that ListenMany opens one socket.
// On Windows Pending knows nothing.
package udp
