package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listen opens a socket on address, which is host:port as for [net.ListenPacket]. An empty
// host means all addresses, IPv4 and IPv6 alike. Port 0 means a free port, see
// [Listener.Addr]. Or address is the path of a Unix datagram socket, as in
// "unixgram:///run/otelgram.sock". The error of an address is an [*AddressError].
//
// Listen makes the file of a Unix socket, and Close removes it. A socket at the path on
// which no process listens any more is replaced. Every process that the permissions of the
// directory let in may write to the file, unless [WithSocketMode] says otherwise. A second
// file, whose name ends in ".lock", is locked until Close: if several processes start at
// once, one of them gets the socket.
func Listen(address string, opts ...Option) (*Listener, error) {
	c, err := newConfig("Listen", opts)
	if err != nil {
		return nil, err
	}
	if path, ok := unixPath(address); ok {
		return listenUnix(path, c)
	}
	if err := checkListen(address); err != nil {
		return nil, err
	}
	ls, err := listenUDP(address, 1, c)
	if err != nil {
		return nil, err
	}
	return ls[0], nil
}

// ListenMany opens n sockets on one address, as [Listen] opens one, so that n goroutines
// can read. The kernel chooses a socket by the source of a datagram: what comes from one
// address and port arrives on one socket, from when ListenMany has returned until the first
// of the sockets is closed. A datagram to a broadcast or multicast address arrives on each
// of them. [WithReceiveBuffer] is the size for each socket.
//
// The address stays exclusive: no other Listen or ListenMany without [WithSharedAddress]
// gets it. One with that option, by the same user, gets it if these sockets have the option
// too, or if there are several of them. So does a program that sets SO_REUSEPORT itself.
//
// On systems other than Linux, and for a Unix socket, ListenMany opens one socket, whatever
// n is. An n below 1 is an error.
func ListenMany(address string, n int, opts ...Option) ([]*Listener, error) {
	c, err := newConfig("ListenMany", opts)
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("udp: ListenMany(%q, %d): want at least 1 socket", address, n)
	}
	if path, ok := unixPath(address); ok {
		l, err := listenUnix(path, c)
		if err != nil {
			return nil, err
		}
		return []*Listener{l}, nil
	}
	if err := checkListen(address); err != nil {
		return nil, err
	}
	if !canShare {
		n = 1
	}
	return listenUDP(address, n, c)
}

// listenUDP opens n sockets on address, or none.
//
// The first socket is bound without SO_REUSEPORT, so that it cannot join the sockets of
// another program, unless the address is shared and taken. The option is set on it
// afterwards, so that the others can join it.
func listenUDP(address string, n int, c config) (ls []*Listener, err error) {
	defer func() {
		if err != nil {
			err = failed(opListen, address, err)
			for _, l := range ls {
				_ = l.Close() // the first error is the one to report
			}
			ls = nil
		}
	}()
	first, err := bindUDP(address, false, c)
	shares := canShare && c.shared
	if shares && errors.Is(err, syscall.EADDRINUSE) {
		first, err = bindUDP(address, true, c)
	}
	if err != nil {
		return nil, err
	}
	first.shared = shares
	ls = append(ls, first)
	if n == 1 && !shares {
		return ls, nil
	}
	raw, err := first.conn.SyscallConn()
	if err != nil {
		return ls, err
	}
	if err := sharePort(raw); err != nil {
		return ls, err
	}
	for len(ls) < n {
		l, err := bindUDP(first.Addr().String(), true, c)
		if err != nil {
			return ls, err
		}
		l.shared = shares
		ls = append(ls, l)
	}
	return ls, nil
}

// bindUDP opens a socket on address. If shared is set, it joins the sockets that are there.
func bindUDP(address string, shared bool, c config) (*Listener, error) {
	var lc net.ListenConfig
	if shared {
		lc.Control = func(_, _ string, raw syscall.RawConn) error { return sharePort(raw) }
	}
	packetConn, err := lc.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	conn, ok := packetConn.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("got a %T", packetConn), packetConn.Close())
	}
	growReceiveBuffer(conn, c.receiveBuffer)
	offload := OffloadDisabled
	if c.receiveOffload {
		offload = coalesce(conn)
	}
	return &Listener{
		conn: conn, reader: newConnReader(conn, c.maxDatagram, offload == OffloadActive),
		offload: offload, asked: c.receiveBuffer,
	}, nil
}
