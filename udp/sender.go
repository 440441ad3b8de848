package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Sender sends datagrams to one address. One goroutine at a time may call Send;
// the other methods may be called at any time, also during a Send.
type Sender struct {
	conn   socket
	writer batchWriter
	local  netip.AddrPort // zero for Unix sockets
	remote netip.AddrPort // zero for Unix sockets
}

// Dial connects a socket to an address in text, which is a host and a port or the path of
// a Unix socket as [ValidateAddress] describes. Only a host that is a name makes it wait:
// for the resolver, until ctx ends. Of the addresses of a name it takes the first that can
// be connected, in the order of [Resolve]: one of a family that this host does not have
// cannot. No packet is sent, so a nil error says nothing about the other side of a UDP
// socket; a Unix socket has to be there. The error of an address is an [*AddressError].
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
	return &Sender{
		conn:   conn,
		writer: newConnWriter(conn),
		local:  sourceOf(conn.LocalAddr()),
		remote: sourceOf(conn.RemoteAddr()),
	}, nil
}

func dialUnix(path string, c config) (*Sender, error) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	_ = conn.SetWriteBuffer(c.sendBuffer) // best effort, as for UDP
	w, err := newUnixWriter(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Sender{conn: conn, writer: w}, nil
}

// Send hands packets to the kernel, in order and each as one datagram, and stops
// at the first one the kernel refuses. It returns how many the kernel took, n.
// If that is all of them the outcome is [Sent]; else the outcome is about
// packets[n] alone, and nothing behind it has been tried. To skip that packet,
// call Send again with packets[n+1:].
//
// A report on an earlier packet, such as [Refused], is seen if it has arrived when
// Send is called, or is the answer to packets[0] and comes at once, as on one
// host. The kernel drops the report that arrives while packets behind it are being
// taken: of a port that stays closed not every refusal is seen.
//
// On Linux Send never waits and, unless a packet is refused, allocates nothing.
// The packets belong to the caller again when it returns.
func (s *Sender) Send(packets [][]byte) (n int, outcome Outcome) {
	return sendAll(s.writer, packets)
}

// PayloadLimit returns how many bytes a packet may have to go as one piece over
// the path to the other side, as far as the kernel knows by now: the local
// link's limit at first, less once a router has reported a narrower link. It is
// 0 where that is unknown: for Unix sockets, outside Linux, and after Close.
func (s *Sender) PayloadLimit() int {
	if !s.remote.IsValid() {
		return 0
	}
	return payloadLimit(s.conn, s.remote.Addr())
}

// Pending takes the report on an earlier packet, such as [Refused], that the next
// Send would meet, and returns [Sent] where there is none. It tells whether
// the packets sent so far met a closed port, as far as the answer is here
// already. On Windows it always returns Sent.
func (s *Sender) Pending() Outcome { return classify(pendingError(s.conn)) }

// LocalAddr returns the address and port that packets come from: the zero value
// for a Unix socket.
func (s *Sender) LocalAddr() netip.AddrPort { return s.local }

// RemoteAddr returns the address and port that packets go to: the zero value for
// a Unix socket.
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
