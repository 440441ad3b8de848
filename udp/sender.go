package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Sender sends datagrams to one address. One goroutine at a time may call Send;
// the other methods may be called at any time, also during a Send.
type Sender struct {
	conn   *net.UDPConn
	writer *connWriter
	local  netip.AddrPort
	remote netip.AddrPort
}

// Dial connects a socket to address, which is a host and a port as
// [ValidateAddress] describes. Only a host that is a name makes it wait: for the
// resolver, until ctx ends. Of several addresses the first IPv4 one is taken. No
// packet is sent, so a nil error says nothing about the other side. Errors name
// the address and wrap their cause.
func Dial(ctx context.Context, address string, opts ...Option) (*Sender, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	remote, err := resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return nil, fmt.Errorf("udp: connect to %q: %w", address, err)
	}
	prepareToSend(conn, c.sendBuffer, remote.Addr())
	return &Sender{
		conn:   conn,
		writer: newConnWriter(conn),
		local:  sourceOf(conn.LocalAddr()),
		remote: sourceOf(conn.RemoteAddr()),
	}, nil
}

// Send hands packets to the kernel, in order and each as one datagram, and stops
// at the first one the kernel refuses. It returns how many the kernel took, n.
// If that is all of them the outcome is [Sent]; else the outcome is about
// packets[n] alone, and nothing behind it has been tried. To skip that packet,
// call Send again with packets[n+1:].
//
// On Linux Send never waits and, unless a packet is refused, allocates nothing.
// The packets belong to the caller again when it returns.
func (s *Sender) Send(packets [][]byte) (n int, outcome Outcome) {
	return sendAll(s.writer, packets)
}

// LocalAddr returns the address and port that packets come from.
func (s *Sender) LocalAddr() netip.AddrPort { return s.local }

// RemoteAddr returns the address and port that packets go to.
func (s *Sender) RemoteAddr() netip.AddrPort { return s.remote }

// Close closes the socket. Packets that the kernel has taken are still sent.
// Sends after it, and closing it again, fail with [Closed] and [net.ErrClosed].
func (s *Sender) Close() error {
	return s.conn.Close()
}

// sourceOf returns a UDP address as a value. The zero value stands for an
// address that is none.
func sourceOf(addr net.Addr) netip.AddrPort {
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(u.AddrPort())
}

// unmapped turns an IPv4 address in its IPv6 form, as dual-stack sockets have
// it, into the IPv4 address it is.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
