package udp

import (
	"errors"
	"net"
)

// newUnixWriter fails: Windows has no Unix datagram sockets.
func newUnixWriter(*net.UnixConn) (batchWriter, error) {
	return nil, errors.ErrUnsupported
}

// listenUnix fails, too.
func listenUnix(path string, _ config) (*Listener, error) {
	return nil, failed(opListen, unixScheme+path, errors.ErrUnsupported)
}

// socketFile is the file of a Unix socket: there is none.
type socketFile struct{}

func (*socketFile) remove() {}
