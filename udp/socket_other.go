//go:build !linux

package udp

import (
	"errors"
	"net/netip"
	"syscall"
)

func prepareToSend(conn socket, sendBuffer int, _ netip.Addr) {
	_ = conn.SetWriteBuffer(sendBuffer)
}

func payloadLimit(syscall.Conn, netip.Addr) int { return 0 }

func growReceiveBuffer(conn socket, size int) {
	_ = conn.SetReadBuffer(size)
}

func receiveBufferSize(socket) int { return 0 }

// canShare says that several sockets on one port do not share what arrives there.
const canShare = false

func sharePort(syscall.RawConn) error { return errors.ErrUnsupported }

func stopArrivals(socket, bool) bool { return false }

type dropCounter struct{}

func (*dropCounter) read(socket) (dropped uint64, ok bool) { return 0, false }
