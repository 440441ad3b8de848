//go:build !linux

package udp

import "net"

// newSendSocket returns the socket itself, and a writer to it.
func newSendSocket(conn socket) (sendSocket, batchWriter, error) {
	if u, ok := conn.(*net.UnixConn); ok {
		w, err := newUnixWriter(u)
		return conn, w, err
	}
	return conn, &connWriter{conn: conn.(*net.UDPConn)}, nil
}
