//go:build unix && !linux

package udp

import "syscall"

// pendingError takes the error that the socket would return for the next call.
func pendingError(conn syscall.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	pending := 0
	_ = raw.Control(func(fd uintptr) {
		pending, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	})
	if pending == 0 {
		return nil
	}
	return syscall.Errno(pending)
}
