// Package udp sends and receives datagrams in batches, without ever making the sender wait.
//
// A [Sender] is a connected socket and nothing more: it has no goroutine and no queue. Send
// hands packets to the kernel in order, stops at the first one that the kernel does not
// take, and says what became of that packet. What to do about it is for the caller to
// decide. The socket is connected, although UDP has no connections, because only a
// connected socket is told of ICMP errors: only there does a closed port show at all, as
// [Refused].
//
// A [Listener] reads datagrams in batches into memory of its own. It tells how much the kernel
// buffers for it and how much the kernel dropped. [ListenMany] opens several on one port, for as
// many readers.
//
// Both speak UDP, over IPv4 and IPv6, and Unix datagram sockets. At a Unix socket a full
// queue shows as [WouldBlock] ([NoBuffers] on macOS), and nothing is lost except what is
// queued when the receiver ends.
//
// # Platforms
//
// On Linux a batch is one system call (sendmmsg, recvmmsg). Packets of one size go to the
// kernel as one (UDP_SEGMENT), and what came from one sender is read as one (UDP_GRO), see
// [Offload]. Send never waits for room in the send buffer. The kernel reports packets that its
// own queues drop as [NoBuffers], but not those of a run of which it could queue a part.
// Elsewhere a batch is a loop over single calls, with these differences: Send may wait for the
// send buffer to drain, Drops and the effective buffer size are not available, and ListenMany
// opens one socket. On Windows Pending always returns Sent.
package udp
