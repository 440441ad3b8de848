package udp

import (
	"errors"
	"net"
)

// newUnixWriter fails: Windows has no Unix datagram sockets.
func newUnixWriter(*net.UnixConn) (batchWriter, error) {
	return nil, errors.ErrUnsupported
}

// listenUnix fails: Windows has no Unix datagram sockets.
func listenUnix(path string, _ config) (*Listener, error) {
	return nil, failed(opListen, unixScheme+path, errors.ErrUnsupported)
}

// socketFile stands for no file: Windows has no Unix datagram sockets.
type socketFile struct{}

func (*socketFile) remove() {}
