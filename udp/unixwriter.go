//go:build !linux && !windows

package udp

import (
	"net"
	"os"
	"syscall"
)

// unixWriter writes a batch packet by packet, without ever waiting. The queue of a Unix
// socket holds few packets, so a slow receiver would stop a sender that waits for room in
// it.
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
			// The descriptor is in non-blocking mode, as all descriptors of package net
			// are.
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

func (w *unixWriter) writeBatch(packets [][]byte, _ bool) (int, error) {
	w.packets, w.n, w.err = packets, 0, nil
	if err := w.raw.Write(w.write); err != nil {
		w.err = err
	}
	w.packets = nil
	return w.n, w.err
}
