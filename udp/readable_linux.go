package udp

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// readable reports whether a read of the socket would return at once.
func readable(conn socket) (ready bool) {
	ask := polls
	if _, ok := conn.(*net.UnixConn); ok {
		ask = holds
	}
	control(conn, func(fd int) { ready = ask(fd) })
	return ready
}

func polls(fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}

// holds is polls for a Unix socket, of which poll(2) says yes for ever when it is shut
// down for reading (unix_dgram_poll in net/unix/af_unix.c).
func holds(fd int) bool {
	bytes, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	return err == nil && bytes > 0
}
