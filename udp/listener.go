package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Datagram is one datagram received.
type Datagram struct {
	// Data is what was received. It may be empty, since a datagram may have no bytes. Its
	// memory is the Listener's: it is valid until the next [Listener.ReadBatch].
	Data []byte
	// Source is the sender's address and port. IPv4 addresses are always in their own form,
	// on dual-stack sockets too. It is zero for Unix sockets.
	Source netip.AddrPort
	// Truncated says that the datagram was longer than [WithMaxDatagramSize] allows, and that
	// Data is only its begin.
	Truncated bool
}

// Listener receives datagrams on one address. One goroutine at a time may call
// ReadBatch; the other methods may be called at any time.
type Listener struct {
	conn    socket
	reader  batchReader
	offload Offload
	asked   int
	shared  bool        // other listeners may have the address
	file    *socketFile // of a Unix socket, until it is removed; nil for UDP

	last atomic.Int64 // until when ReadBatch reads after Drain, in Unix nanoseconds; 0 before Drain

	// mu guards drops and file. Close takes it to read drops a last time.
	mu    sync.Mutex
	drops dropCounter
}

// batchReader reads datagrams into memory of its own.
type batchReader interface {
	// readBatch fills ds, which is not empty, from the front, and waits until at least one
	// datagram is there. It does not wait if holds returns true.
	readBatch(ds []Datagram) (int, error)
	// holds reports whether there are datagrams that were read and not returned yet.
	holds() bool
}

// ReadBatch waits until at least one datagram is there, fills ds from the front, and returns
// how many there are, at most len(ds). If the last system call has brought more datagrams than
// were returned, it returns those and does not look for others. It reads into memory of the
// Listener, and what earlier calls returned is no longer valid. Elements behind the returned
// count do not change. With an empty ds ReadBatch returns 0 at once. An error that wraps
// [net.ErrClosed] means that Close was called, or that Drain was called, and nothing is left of
// what was read before.
func (l *Listener) ReadBatch(ds []Datagram) (int, error) {
	if len(ds) == 0 {
		return 0, nil
	}
	for {
		if l.last.Load() != 0 && !l.reader.holds() && !l.another() {
			return 0, fmt.Errorf("udp: read: %w", net.ErrClosed)
		}
		n, err := l.reader.readBatch(ds)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && l.last.Load() != 0:
			// Drain has interrupted the read.
		case err != nil:
			return 0, fmt.Errorf("udp: read: %w", err)
		default:
			return n, nil
		}
	}
}

// How long ReadBatch reads after Drain at most: drainTime if nothing arrives any more,
// drainTimeOpen if datagrams still arrive.
const (
	drainTime     = 5 * time.Second
	drainTimeOpen = 50 * time.Millisecond
)

// another reports whether ReadBatch is to read once more after Drain.
func (l *Listener) another() bool {
	last := time.Unix(0, l.last.Load())
	return time.Now().Before(last) && readable(l.conn) && l.conn.SetReadDeadline(last) == nil
}

// Drain lets ReadBatch return the datagrams that are there, and then an error that wraps
// [net.ErrClosed]. After that the caller closes the listener. Drain does not wait. Further
// calls have no effect.
//
// On Linux Drain ends the arrival of datagrams at a Unix socket, whose senders get
// [Refused] from then on, and at a UDP socket with [WithSharedAddress]. What is sent from
// then on goes to the other listeners of the address, and nothing is lost. At other UDP
// sockets datagrams still arrive: ReadBatch goes on for 50 milliseconds at most, and what
// arrives after that is lost. On other systems ReadBatch returns the error at once, and
// what is there is lost.
func (l *Listener) Drain() {
	l.mu.Lock()
	if l.file != nil {
		l.file.remove() // a process that dials from now on finds a successor, or no file
		l.file = nil
	}
	l.mu.Unlock()
	open := drainTimeOpen
	if stopArrivals(l.conn, l.shared) {
		open = drainTime
	}
	if !l.last.CompareAndSwap(0, time.Now().Add(open).UnixNano()) {
		return
	}
	_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // it fails if the listener is closed
}

// Addr returns the address of the socket: a [*net.UDPAddr] with the actual port, or a
// [*net.UnixAddr].
func (l *Listener) Addr() net.Addr {
	return l.conn.LocalAddr()
}

// ReceiveBuffer returns the size of the kernel's receive buffer in bytes, as asked for by
// [WithReceiveBuffer] and as granted. Linux doubles the number for its own bookkeeping;
// effective is without that, so that it compares with asked and with net.core.rmem_max.
// effective is 0 if the platform does not tell, and after Close.
func (l *Listener) ReceiveBuffer() (asked, effective int) {
	return l.asked, receiveBufferSize(l.conn)
}

// Offload returns whether the kernel may hand over several datagrams of one sender as one
// (UDP_GRO), see [WithoutReceiveOffload].
func (l *Listener) Offload() Offload { return l.offload }

// Drops returns how many datagrams the kernel has dropped since the socket was opened,
// mostly because the receive buffer was full, sometimes because of a wrong checksum. With
// receive offload that is a lower bound: datagrams that the kernel has joined count as one
// drop. After Close it stays at the last count. ok is false on platforms without such a
// count, which is all except Linux.
func (l *Listener) Drops() (dropped uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drops.read(l.conn)
}

// Close closes the socket and makes a waiting ReadBatch return. Datagrams that the socket holds
// are lost. Closing again returns an error that wraps [net.ErrClosed].
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops.read(l.conn)
	// The file goes first: while the socket is open, no process takes the file for one left
	// behind.
	if l.file != nil {
		l.file.remove()
		l.file = nil
	}
	return l.conn.Close()
}
