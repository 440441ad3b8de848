package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Datagram is one datagram received, or room for one.
type Datagram struct {
	// Data is what was received. It may be empty: a datagram of no bytes is a
	// valid one. Its memory is the caller's.
	Data []byte
	// Source is the sender's address and port; IPv4 addresses are always in
	// their own form, on dual-stack sockets too.
	Source netip.AddrPort
	// Truncated says that the datagram was longer than the room for it, and
	// that Data is only its beginning.
	Truncated bool
}

// Listener receives datagrams on one address. One goroutine at a time may call
// ReadBatch; the other methods may be called at any time.
type Listener struct {
	conn   socket
	reader batchReader
	asked  int
	file   *socketFile // of a Unix socket, until it is removed; nil for UDP

	// mu guards drops and file, and makes Close take a last reading of drops.
	mu    sync.Mutex
	drops dropCounter
}

// batchReader fills ds, which is not empty, from the front, and waits until at
// least one datagram is there.
type batchReader interface {
	readBatch(ds []Datagram) (int, error)
}

// ReadBatch waits until at least one datagram is there, fills ds from the front
// with what is there, and returns how many that is: up to len(ds), and up to 64.
// Each datagram is read into the memory of its element's Data, up to its
// capacity whatever its length, and replaces Data, Source and Truncated. Elements
// behind the returned count are left alone. With an empty ds it returns 0 at
// once. An error that wraps [net.ErrClosed] means that Close was called.
func (l *Listener) ReadBatch(ds []Datagram) (int, error) {
	if len(ds) == 0 {
		return 0, nil
	}
	n, err := l.reader.readBatch(ds)
	if err != nil {
		return 0, fmt.Errorf("udp: read: %w", err)
	}
	return n, nil
}

// Addr returns the address listened on, a [*net.UDPAddr] with the actual port or
// a [*net.UnixAddr].
func (l *Listener) Addr() net.Addr {
	return l.conn.LocalAddr()
}

// ReceiveBuffer returns the size in bytes of the kernel's receive buffer, as
// asked for by [WithReceiveBuffer] and as granted. Linux doubles the number for
// its own bookkeeping; effective has that taken out, and so compares with asked
// and with net.core.rmem_max. It is 0 if the platform does not tell, and after
// Close.
func (l *Listener) ReceiveBuffer() (asked, effective int) {
	return l.asked, receiveBufferSize(l.conn)
}

// Drops returns how many datagrams the kernel has dropped since the socket was
// opened: because the receive buffer was full, in the main, or because their
// checksum was wrong. After Close it stays at the last count. ok is false on
// platforms without such a count, which is all but Linux.
func (l *Listener) Drops() (dropped uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drops.read(l.conn)
}

// Close closes the socket and makes a waiting ReadBatch return. Datagrams not
// read yet are lost. Closing again returns an error that wraps [net.ErrClosed].
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops.read(l.conn)
	// While the socket is open nobody takes its file for one left behind.
	if l.file != nil {
		l.file.remove()
		l.file = nil
	}
	return l.conn.Close()
}
