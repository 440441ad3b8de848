//go:build !linux

package udp

import "net"

// newSendSocket returns the socket itself, and a writer to it.
func newSendSocket(conn socket) (sendSocket, batchWriter, error) {
	switch c := conn.(type) {
	case *net.UnixConn:
		w, err := newUnixWriter(c)
		if err != nil {
			_ = c.Close() // the first error is the one to report
			return nil, nil, err
		}
		return c, w, nil
	default:
		return conn, newConnWriter(conn.(*net.UDPConn)), nil
	}
}
