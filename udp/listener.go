package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
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
	path   string      // of a Unix socket
	file   os.FileInfo // the one made there, until it is removed

	// mu guards drops and file, and makes Close take a last reading of it.
	mu    sync.Mutex
	drops dropCounter
}

// batchReader fills ds, which is not empty, from the front, and waits until at
// least one datagram is there.
type batchReader interface {
	readBatch(ds []Datagram) (int, error)
}

// Listen opens a socket on address, which is host:port as for
// [net.ListenPacket]: an empty host means all addresses, IPv4 and IPv6 alike,
// and port 0 means a free port, see [Listener.Addr]. Or it is the path of a Unix
// datagram socket, as in "unixgram:///run/otelgram.sock": the file is made, in
// place of one on which nobody listens any more, and removed by Close; who may
// write to it is for the directory's permissions to say.
func Listen(address string, opts ...Option) (*Listener, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if path, ok := unixPath(address); ok {
		return listenUnix(path, c)
	}
	if err := checkListen(address); err != nil {
		return nil, err
	}
	packetConn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, fmt.Errorf("udp: listen on %q: %w", address, err)
	}
	conn, ok := packetConn.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("udp: listen on %q: got a %T", address, packetConn)
	}
	growReceiveBuffer(conn, c.receiveBuffer)
	return &Listener{conn: conn, reader: newConnReader(conn), asked: c.receiveBuffer}, nil
}

func listenUnix(path string, c config) (*Listener, error) {
	if err := checkUnixPath(path); err != nil {
		return nil, err
	}
	removeStale(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("udp: listen on %q: %w", unixScheme+path, err)
	}
	growReceiveBuffer(conn, c.receiveBuffer)
	file, _ := os.Lstat(path) // without it the file stays
	return &Listener{conn: conn, reader: unixReader{conn}, asked: c.receiveBuffer, path: path, file: file}, nil
}

// unixReader reads one datagram at a time.
type unixReader struct{ conn *net.UnixConn }

func (r unixReader) readBatch(ds []Datagram) (int, error) {
	buffer := ds[0].Data[:cap(ds[0].Data)]
	for {
		n, _, flags, _, err := r.conn.ReadMsgUnix(buffer, nil)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ds[0] = Datagram{Data: buffer[:n], Truncated: flags&flagTruncated != 0}
		return 1, nil
	}
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
	// While the socket is open nobody takes its file for one left behind, and the
	// file of whoever has taken its place is another.
	removeSame(l.path, l.file)
	l.file = nil
	return l.conn.Close()
}

// removeSame removes the file at path if it is the one given.
func removeSame(path string, file os.FileInfo) {
	if file == nil {
		return
	}
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, file) {
		_ = os.Remove(path) // Listen reports it if it is still there
	}
}
