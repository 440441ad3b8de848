//go:build !windows

package udp

import (
	"errors"
	"net"
)

// unixReader reads one datagram at a time.
type unixReader struct {
	conn   *net.UnixConn
	buffer []byte
}

// holds returns false: each datagram that is read is returned.
func (r unixReader) holds() bool { return false }

func (r unixReader) readBatch(ds []Datagram) (int, error) {
	for {
		n, _, flags, _, err := r.conn.ReadMsgUnix(r.buffer, nil)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ds[0] = Datagram{Data: r.buffer[:n], Truncated: flags&flagTruncated != 0}
		return 1, nil
	}
}
