package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Batches of the ipv4 package serve IPv6 sockets, too. The family matters only in the
// addresses, which are handled for both.

// connWriter writes batches with sendmmsg. A message is a packet, or a run of packets with
// the size of its segments in a control message (UDP_SEGMENT).
type connWriter struct {
	conn     *ipv4.PacketConn
	messages [maxBatch]ipv4.Message
	buffers  [maxBatch][]byte
	controls [maxBatch]segmentControl
}

// segmentControl has room for a control message with the size of segments.
type segmentControl struct {
	_     [0]uint64 // aligns it as the header wants
	bytes [segmentSpace]byte
}

// segmentSpace is unix.CmsgSpace(2), which is no constant: the header, and the size padded to
// a word.
const segmentSpace = unix.SizeofCmsghdr + 8

var _ batchWriter = (*connWriter)(nil)

func newConnWriter(conn *net.UDPConn) *connWriter {
	w := &connWriter{conn: ipv4.NewPacketConn(conn)}
	for i := range w.controls {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&w.controls[i].bytes))
		h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		h.SetLen(unix.CmsgLen(2))
	}
	return w
}

func (w *connWriter) writeBatch(packets [][]byte, runs bool) (int, error) {
	packets = packets[:min(len(packets), maxBatch)]
	copy(w.buffers[:], packets)
	defer clear(w.buffers[:len(packets)])
	messages := 0
	for at := 0; at < len(packets); messages++ {
		n := 1
		if runs {
			n = runLength(packets[at:])
		}
		m := &w.messages[messages]
		m.Buffers, m.OOB = w.buffers[at:at+n], nil
		if n > 1 {
			c := &w.controls[messages].bytes
			binary.NativeEndian.PutUint16(c[unix.SizeofCmsghdr:], uint16(len(packets[at])))
			m.OOB = c[:unix.CmsgSpace(2)]
		}
		at += n
	}
	n, err := w.conn.WriteBatch(w.messages[:messages], unix.MSG_DONTWAIT)
	taken := 0
	for i := range max(n, 0) {
		taken += len(w.messages[i].Buffers)
	}
	return taken, err
}

// readMessages is how many messages are read with one system call.
const readMessages = 32

// connReader reads batches with recvmmsg. A message is a datagram or, with receive offload,
// several of one sender. All are of one size, which is in a control message (UDP_GRO), but
// the last may be shorter.
type connReader struct {
	conn     *ipv4.PacketConn
	longest  int // what is read of a datagram
	messages [readMessages]ipv4.Message
	buffers  [readMessages][1][]byte
	controls [readMessages][64]byte
	read     int // messages of the last call
	next     int // the message to look at when current is used up
	current  message
}

// message is what is left of a message.
type message struct {
	data      []byte
	segment   int // size of the datagrams in it
	source    netip.AddrPort
	truncated bool
}

// room is what a message may have if there may be several datagrams in it, in bytes. Less
// would cut datagrams off.
const room = 1 << 16

func newConnReader(conn *net.UDPConn, longest int, offload bool) *connReader {
	r := &connReader{conn: ipv4.NewPacketConn(conn), longest: longest}
	size := longest
	if offload {
		size = room
	}
	memory := make([]byte, readMessages*size)
	for i := range r.messages {
		r.buffers[i][0] = memory[i*size : (i+1)*size : (i+1)*size]
		r.messages[i].Buffers = r.buffers[i][:]
		if offload {
			r.messages[i].OOB = r.controls[i][:]
		}
	}
	return r
}

// holds reports whether there are datagrams that were read and not returned.
func (r *connReader) holds() bool { return len(r.current.data) > 0 || r.next < r.read }

func (r *connReader) readBatch(ds []Datagram) (int, error) {
	if !r.holds() {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(ds) && r.holds() {
		if len(r.current.data) == 0 {
			r.current = r.parse(r.next)
			r.next++
		}
		ds[n] = r.current.datagram(r.longest)
		n++
	}
	return n, nil
}

// fill reads messages, at least one.
func (r *connReader) fill() error {
	for {
		n, err := r.conn.ReadBatch(r.messages[:], 0)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return err
		}
		r.read, r.next = n, 0
		return nil
	}
}

func (r *connReader) parse(i int) message {
	m := &r.messages[i]
	data := r.buffers[i][0][:m.N]
	return message{
		data: data, segment: segmentSize(m.OOB[:m.NN], len(data)),
		source: sourceOf(m.Addr), truncated: m.Flags&flagTruncated != 0,
	}
}

// datagram takes the first datagram out of a message.
func (m *message) datagram(longest int) Datagram {
	n := min(m.segment, len(m.data))
	d := Datagram{Data: m.data[:min(n, longest):n], Source: m.source, Truncated: n > longest}
	if m.data = m.data[n:]; len(m.data) == 0 && m.truncated {
		d.Truncated = true // the kernel cuts off the end of a message
	}
	return d
}

// segmentSize returns the size of the datagrams in a message of so many bytes.
func segmentSize(control []byte, bytes int) int {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(data) >= 4 {
			if n := int(binary.NativeEndian.Uint32(data)); n > 0 {
				return n
			}
		}
		control = rest
	}
	return bytes
}
