//go:build !windows

package udp

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// unixWriter writes a batch packet by packet, without ever waiting: a Unix
// socket's queue holds few packets, and a sender that waits for it is stopped by
// a slow receiver.
type unixWriter struct {
	raw     syscall.RawConn
	packets [][]byte
	n       int
	err     error
	write   func(fd uintptr) bool // made once, so that a batch allocates nothing
}

var _ batchWriter = (*unixWriter)(nil)

func newUnixWriter(conn *net.UnixConn) (*unixWriter, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &unixWriter{raw: raw}
	w.write = func(fd uintptr) bool {
		for w.n < len(w.packets) {
			// The descriptor is in non-blocking mode, as all of package net's.
			if _, err := syscall.Write(int(fd), w.packets[w.n]); err != nil {
				w.err = os.NewSyscallError("write", err)
				break
			}
			w.n++
		}
		return true
	}
	return w, nil
}

func (w *unixWriter) writeBatch(packets [][]byte) (int, error) {
	w.packets, w.n, w.err = packets, 0, nil
	if err := w.raw.Write(w.write); err != nil {
		w.err = err
	}
	w.packets = nil
	return w.n, w.err
}

// removeStale removes a socket on which nobody listens any more, so that a
// process that was killed can listen again. It leaves anything else alone.
func removeStale(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_ = conn.Close()
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		removeSame(path, info)
	}
}
