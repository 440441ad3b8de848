package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readable reports whether a datagram is there to be read. It tries to read one without
// taking it, since poll(2) calls a Unix socket that is shut down for reading readable for
// ever.
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
