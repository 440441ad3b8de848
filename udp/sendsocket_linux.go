package udp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// newSendSocket takes a connected socket over, from which nothing is read, and returns a writer
// to it. The socket leaves Go's poller: there, the kernel would wake a thread of the process
// after each message, to say that there is room for another (sock_def_write_space in
// net/core/sock.c), which cost more than to send it. Nobody waits for room here.
func newSendSocket(conn socket) (sendSocket, batchWriter, error) {
	defer func() { _ = conn.Close() }() // what is returned is a duplicate
	file, failure := (*os.File)(nil), net.ErrClosed
	control(conn, func(fd int) {
		var duplicate int
		if duplicate, failure = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); failure != nil {
			return
		}
		if failure = unix.SetNonblock(duplicate, false); failure != nil {
			_ = unix.Close(duplicate)
			return
		}
		file = os.NewFile(uintptr(duplicate), conn.LocalAddr().Network()) // in blocking mode: not in the poller
	})
	if failure != nil {
		return nil, nil, os.NewSyscallError("fcntl", failure)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close() // the first error is the one to report
		return nil, nil, err
	}
	return unpolled{file}, newBatchSender(raw), nil
}

// unpolled is a socket outside of Go's poller.
type unpolled struct{ *os.File }

var _ interface {
	syscall.Conn
	io.Closer
} = unpolled{}

// Close closes the socket.
func (u unpolled) Close() error {
	err := u.File.Close()
	if errors.Is(err, os.ErrClosed) {
		return &net.OpError{Op: "close", Net: u.Name(), Err: net.ErrClosed}
	}
	return err
}
