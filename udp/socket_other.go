//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

func prepareToSend(conn *net.UDPConn, sendBuffer int, _ netip.Addr) {
	_ = conn.SetWriteBuffer(sendBuffer)
}

func growReceiveBuffer(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
}

func receiveBufferSize(*net.UDPConn) int { return 0 }

type dropCounter struct{}

func (*dropCounter) read(*net.UDPConn) (dropped uint64, ok bool) { return 0, false }
