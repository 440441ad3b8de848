package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// batchSender writes batches with sendmmsg, to a UDP or a Unix socket. A message is a packet,
// or a run of packets with the size of its segments in a control message (UDP_SEGMENT).
type batchSender struct {
	raw      syscall.RawConn
	messages [maxBatch]multiMessage
	vectors  [maxBatch]unix.Iovec // one a packet
	controls [maxBatch]segmentControl

	given int // messages of the batch
	taken int
	err   error
	write func(fd uintptr) bool // made once, so that a batch allocates nothing
}

// multiMessage is struct mmsghdr of sendmmsg(2).
type multiMessage struct {
	header unix.Msghdr
	_      uint32 // bytes that were sent
}

// segmentControl has room for a control message with the size of segments.
type segmentControl struct {
	_     [0]uint64 // aligns it as the header wants
	bytes [segmentSpace]byte
}

// segmentSpace is at least unix.CmsgSpace(2), which is no constant: the header, and the size
// padded to a word.
const segmentSpace = unix.SizeofCmsghdr + 8

var _ batchWriter = (*batchSender)(nil)

func newBatchSender(raw syscall.RawConn) *batchSender {
	w := &batchSender{raw: raw}
	for i := range w.controls {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&w.controls[i].bytes))
		h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		h.SetLen(unix.CmsgLen(2))
	}
	w.write = func(fd uintptr) bool {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.messages)),
			uintptr(w.given), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if w.taken = int(n); errno != 0 {
			w.taken, w.err = 0, os.NewSyscallError("sendmmsg", errno)
		}
		return true
	}
	return w
}

func (w *batchSender) writeBatch(packets [][]byte, runs bool) (int, error) {
	packets = packets[:min(len(packets), maxBatch)]
	w.given, w.taken, w.err = 0, 0, nil
	for at := 0; at < len(packets); w.given++ {
		n := 1
		if runs {
			n = runLength(packets[at:])
		}
		w.put(at, packets[at:at+n])
		at += n
	}
	if w.raw.Write(w.write) != nil { // which says nothing but that the socket is closed
		w.err = net.ErrClosed
	}
	taken := 0
	for i := range w.taken {
		taken += int(w.messages[i].header.Iovlen)
	}
	clear(w.vectors[:len(packets)])
	return taken, w.err
}

// put makes the next message of a packet or a run. Its vectors begin at a place.
func (w *batchSender) put(at int, run [][]byte) {
	for i, p := range run {
		v := &w.vectors[at+i]
		v.Base = unsafe.SliceData(p)
		v.SetLen(len(p))
	}
	m := &w.messages[w.given].header
	m.Iov = &w.vectors[at]
	m.SetIovlen(len(run))
	m.Control = nil
	m.SetControllen(0)
	if len(run) > 1 {
		c := &w.controls[w.given].bytes
		binary.NativeEndian.PutUint16(c[unix.SizeofCmsghdr:], uint16(len(run[0])))
		m.Control = &c[0]
		m.SetControllen(unix.CmsgSpace(2))
	}
}

// readMessages is how many messages are read with one system call.
const readMessages = 32

// connReader reads batches with recvmmsg. A message is a datagram or, with receive offload,
// several of one sender. All are of one size, which is in a control message (UDP_GRO), but
// the last may be shorter. The ipv4 package serves IPv6 sockets, too: the family matters only
// in the addresses, which are handled for both.
type connReader struct {
	conn     *ipv4.PacketConn
	longest  int // what is read of a datagram
	messages [readMessages]ipv4.Message
	buffers  [readMessages][1][]byte
	controls [readMessages]receiveControl
	read     int // messages of the last call
	next     int // the message to look at when current is used up
	current  message
}

// receiveControl has room for the control messages of a message.
type receiveControl struct {
	_     [0]uint64 // aligns it as the header wants
	bytes [64]byte
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
			r.messages[i].OOB = r.controls[i].bytes[:]
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
	for len(control) >= unix.SizeofCmsghdr {
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
