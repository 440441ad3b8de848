package udp

import (
	"net"
	"syscall"
	"time"
)

// socket is a UDP socket or a Unix datagram socket.
type socket interface {
	syscall.Conn
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
	SetReadDeadline(t time.Time) error
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	Close() error
}

var (
	_ socket = (*net.UDPConn)(nil)
	_ socket = (*net.UnixConn)(nil)
)
