package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Sender sends datagrams to one address. One goroutine at a time may call Send. The other
// methods may be called at any time, also during a Send.
type Sender struct {
	conn         sendSocket
	writer       batchWriter
	segmentation segmentation
	local        netip.AddrPort // zero for Unix sockets
	remote       netip.AddrPort // zero for Unix sockets
}

// Dial connects a socket to an address in text: a host and a port, or the path of a Unix
// socket, as [ValidateAddress] describes. It waits only if the host is a name: for the
// resolver, until ctx ends. Of the addresses of a name it takes the first one that can be
// connected, in the order of [Resolve]; an address of a family that this host does not have
// cannot be connected. No packet is sent, so a nil error says nothing about the other side
// of a UDP socket. A Unix socket must exist. The error of an address is an [*AddressError].
func Dial(ctx context.Context, address string, opts ...Option) (*Sender, error) {
	c, err := newConfig("Dial", opts)
	if err != nil {
		return nil, err
	}
	candidates, err := Resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	var failure error
	for _, candidate := range candidates {
		s, err := dial(candidate, c)
		if err == nil {
			return s, nil
		}
		if err = reasonOf(err); len(candidates) > 1 {
			err = fmt.Errorf("%v: %w", candidate, err)
		}
		if failure == nil {
			failure = err
		} else {
			failure = fmt.Errorf("%w; %w", failure, err)
		}
	}
	return nil, &AddressError{Op: opConnect, Address: address, Err: failure}
}

// DialAddress connects a socket to an address that is resolved already, as [Dial] does. It
// never waits.
func DialAddress(a Address, opts ...Option) (*Sender, error) {
	c, err := newConfig("DialAddress", opts)
	if err != nil {
		return nil, err
	}
	s, err := dial(a, c)
	if err != nil {
		return nil, failed(opConnect, a.String(), err)
	}
	return s, nil
}

func dial(a Address, c config) (*Sender, error) {
	switch {
	case a.IsUnix():
		return dialUnix(a.Path, c)
	case a.AddrPort.IsValid():
		return dialUDP(a.AddrPort, c)
	}
	return nil, errors.New("the zero Address is no address")
}

func dialUDP(remote netip.AddrPort, c config) (*Sender, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return nil, err
	}
	prepareToSend(conn, c.sendBuffer, remote.Addr())
	s := &Sender{local: sourceOf(conn.LocalAddr()), remote: sourceOf(conn.RemoteAddr())}
	s.segmentation.set(OffloadDisabled)
	if c.segmentation {
		s.segmentation.set(canSegment(conn))
	}
	return s.over(conn)
}

// over makes conn the socket of s.
func (s *Sender) over(conn socket) (_ *Sender, err error) {
	if s.conn, s.writer, err = newSendSocket(conn); err != nil {
		return nil, err
	}
	return s, nil
}

func dialUnix(path string, c config) (*Sender, error) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	_ = conn.SetWriteBuffer(c.sendBuffer) // best effort, as for UDP
	return (&Sender{}).over(conn)
}

// Send hands packets to the kernel, in order and each as one datagram, and stops at the
// first packet that the kernel does not take. n is how many the kernel took. If that is all
// of them, the outcome is [Sent]. Otherwise the outcome is about packets[n] alone, and
// nothing behind it has been sent. To skip that packet, call Send again with
// packets[n+1:].
//
// Packets of one size that follow each other go to the kernel as one, in runs of up to 64
// packets and 65,507 bytes, of which the last packet may be shorter. That costs a fraction of
// the CPU, see [WithoutSegmentationOffload]. The receiver sees no difference. If the kernel
// refuses a run for what it is, Send sends its packets one by one. If a queue below the socket
// refuses a run, nobody knows how much of it was sent. Then the run counts as taken, and there
// are no runs any more: see [Sender.Offload].
//
// Send reports an error of an earlier packet, such as [Refused], in two cases: if the
// report has arrived when Send is called, or if it is the answer to packets[0], or to its
// run, and comes at once, as on one host. The kernel drops a report that arrives while it
// takes the packets behind. So if a port stays closed, not every packet gives a Refused.
//
// On Linux Send never waits and allocates nothing, unless there is an error. The packets
// belong to the caller again when Send returns.
func (s *Sender) Send(packets [][]byte) (n int, outcome Outcome) {
	return sendAll(s.writer, &s.segmentation, packets)
}

// Offload returns whether packets go to the kernel in runs (UDP_SEGMENT), see
// [Sender.Send].
func (s *Sender) Offload() Offload { return s.segmentation.offload() }

// PayloadLimit returns how many bytes a packet may have to travel in one piece to the other
// side, as far as the kernel knows by now. At first that is the limit of the local network
// interface, and less after a router has reported a lower one. It is 0 if the limit is not
// known: for Unix sockets, outside Linux, and after Close.
func (s *Sender) PayloadLimit() int {
	if !s.remote.IsValid() {
		return 0
	}
	return payloadLimit(s.conn, s.remote.Addr())
}

// Pending takes the report on an earlier packet, such as [Refused], that the next Send
// would meet, and returns [Sent] if there is none. It tells whether the packets sent so far
// met a closed port, if the answer has arrived. On Windows it always returns Sent.
func (s *Sender) Pending() Outcome { return classify(pendingError(s.conn)) }

// LocalAddr returns the address and port from which packets come, or the zero value for a
// Unix socket.
func (s *Sender) LocalAddr() netip.AddrPort { return s.local }

// RemoteAddr returns the address and port to which packets go, or the zero value for a Unix
// socket.
func (s *Sender) RemoteAddr() netip.AddrPort { return s.remote }

// Close closes the socket. Packets that the kernel has taken are still sent. A later Send
// returns [Closed], and closing again returns an error that wraps [net.ErrClosed].
func (s *Sender) Close() error {
	return s.conn.Close()
}

// sourceOf returns a UDP address as a value. For any other address it returns the zero
// value.
func sourceOf(addr net.Addr) netip.AddrPort {
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(u.AddrPort())
}

// unmapped turns an IPv4 address in IPv6 form, as dual-stack sockets have it, into the IPv4
// address.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
