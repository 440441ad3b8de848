package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readable reports whether a datagram is there to be read. It asks by reading one without
// taking it: poll(2) calls a Unix socket readable for ever that is shut down for reading.
func readable(conn socket) (ready bool) {
	control(conn, func(fd int) {
		for {
			_, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if !errors.Is(err, unix.EINTR) {
				ready = err == nil
				return
			}
		}
	})
	return ready
}
