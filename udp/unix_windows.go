package udp

import (
	"errors"
	"net"
)

// newUnixWriter fails: Windows has no Unix datagram sockets.
func newUnixWriter(*net.UnixConn) (batchWriter, error) {
	return nil, errors.ErrUnsupported
}

func removeStale(string) {}
