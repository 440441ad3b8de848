//go:build !linux

package udp

import (
	"errors"
	"net"
)

// connWriter writes a batch packet by packet.
type connWriter struct {
	conn *net.UDPConn
}

var _ batchWriter = (*connWriter)(nil)

func newConnWriter(conn *net.UDPConn) *connWriter {
	return &connWriter{conn: conn}
}

func (w *connWriter) writeBatch(packets [][]byte, _ bool) (int, error) {
	for i, p := range packets {
		if _, err := w.conn.Write(p); err != nil {
			return i, err
		}
	}
	return len(packets), nil
}

// connReader reads one datagram at a time.
type connReader struct {
	conn   *net.UDPConn
	buffer []byte
}

func newConnReader(conn *net.UDPConn, longest int, _ bool) *connReader {
	return &connReader{conn: conn, buffer: make([]byte, longest)}
}

// holds returns false: each datagram that is read is returned.
func (r *connReader) holds() bool { return false }

// readBatch fills the first element of ds, which is not empty.
func (r *connReader) readBatch(ds []Datagram) (int, error) {
	for {
		n, _, flags, source, err := r.conn.ReadMsgUDPAddrPort(r.buffer, nil)
		if errors.Is(err, errInterrupted) {
			continue
		}
		// Winsock reports truncation as an error besides the data.
		truncated := flags&flagTruncated != 0 || classify(err) == TooLarge
		if err != nil && !truncated {
			return 0, err
		}
		ds[0] = Datagram{Data: r.buffer[:n], Source: unmapped(source), Truncated: truncated}
		return 1, nil
	}
}
