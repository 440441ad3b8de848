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
	var file *os.File
	var failure error
	control(conn, func(fd int) {
		duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			failure = os.NewSyscallError("fcntl", err)
			return
		}
		// A file in blocking mode stays out of the poller.
		if err := unix.SetNonblock(duplicate, false); err != nil {
			failure = errors.Join(os.NewSyscallError("fcntl", err), unix.Close(duplicate))
			return
		}
		file = os.NewFile(uintptr(duplicate), conn.LocalAddr().Network())
	})
	if file == nil {
		return nil, nil, errors.Join(errors.New("the socket cannot be duplicated"), failure)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
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
