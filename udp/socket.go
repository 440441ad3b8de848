package udp

import (
	"io"
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

// sendSocket is a connected socket that only sends.
type sendSocket interface {
	syscall.Conn
	io.Closer
}

var (
	_ socket = (*net.UDPConn)(nil)
	_ socket = (*net.UnixConn)(nil)
)
