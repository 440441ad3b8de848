package flat

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Dialect is what differs between the encodings.
type Dialect interface {
	// Write writes what there is to say about a point, entry by entry. It returns Added,
	// even if there is nothing to say, or Unsayable or NoMemory.
	Write(w *Writer, pt *wire.Point) wire.Result
	// Cut returns the length of the longest run of entries at the begin of body that takes
	// at most room bytes. It is 0 if the first entry is longer.
	Cut(body []byte, room int) int
	// Stamp completes a datagram. Its first Head bytes and its last Tail bytes are for the
	// dialect to write.
	Stamp(datagram []byte, h *wire.Header)
	// Probe appends a datagram that says nothing, without its Head and Tail.
	Probe(b []byte) []byte
}

// Frame is what a datagram has around its entries, and how long it may be in all, in bytes.
type Frame struct{ Head, Tail, Most int }

const (
	// runDatagrams is how many datagrams a packet takes that begins with a point of several
	// datagrams. With more datagrams the last one, half empty on average, matters less.
	runDatagrams = 4
	// slack is the room of a packet buffer beyond the limit.
	slack = 64
)

// Packer packs points into packets of entries. A packet that is larger than a datagram is
// sent as several datagrams, which are cut between entries.
type Packer struct {
	dialect Dialect
	frame   Frame
	writer  Writer
	table   *Table

	limit, next int // bytes of a packet, without its tail
	buf         []byte
	points      int
	full, wide  bool
}

// NewPacker returns a Packer for datagrams of at most limit bytes, and its table.
func NewPacker(d Dialect, f Frame, limit int, s Style, m Memory) (*Packer, *Table) {
	p := &Packer{dialect: d, frame: f}
	p.table = newTable(s, m, &p.writer.leftOut, time.Now())
	p.SetLimit(limit)
	return p, p.table
}

// SetLimit changes the size of the datagrams of packets that begin after it.
func (p *Packer) SetLimit(limit int) {
	p.next = min(max(limit, wire.MinPacketSize), p.frame.Most) - p.frame.Tail
}

// BufferSize returns the capacity of the buffers to give to Start, in bytes.
func (p *Packer) BufferSize() int { return p.next + p.frame.Tail + slack }

// Start begins a packet in buf, which belongs to the Packer until Finish, Enlarge or Start.
// A buffer with less capacity than BufferSize is replaced.
func (p *Packer) Start(buf []byte) {
	p.table.tick(time.Now())
	p.begin(buf, p.BufferSize(), p.next, false)
}

// Enlarge lets the open packet, which is empty, have several datagrams. It returns the
// buffer that Start was given.
func (p *Packer) Enlarge(buf []byte) []byte {
	old := p.buf
	p.begin(buf, wire.LargeBufferSize, wire.HeaderSize+wire.MaxBody, true)
	return old
}

func (p *Packer) begin(buf []byte, size, limit int, wide bool) {
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	p.buf = buf[:p.frame.Head]
	p.limit, p.wide, p.full, p.points = limit, wide, false, 0
}

// Points returns the number of points in the open packet.
func (p *Packer) Points() int { return p.points }

// Append adds pt to the open packet, as [wire.Packer.Append] does.
func (p *Packer) Append(pt *wire.Point) wire.Result {
	if p.full {
		return wire.Full
	}
	w := &p.writer
	w.reset(p.next-p.frame.Head, p.limit-len(p.buf))
	r := p.dialect.Write(w, pt)
	if r == wire.Added && w.long {
		r = wire.TooLarge
	}
	if r == wire.Added && len(w.B) > w.left {
		r = p.tooMuch()
	}
	if r != wire.Added {
		w.undo()
		return r
	}
	w.commit(pt, len(p.buf))
	p.buf = append(p.buf, w.B...)
	p.points++
	if p.wide && p.points == 1 {
		p.limit = min(p.limit, max(len(p.buf), runDatagrams*p.next))
	}
	return wire.Added
}

// tooMuch returns the result for a point that does not fit what is left of the packet.
func (p *Packer) tooMuch() wire.Result {
	switch {
	case p.points > 0:
		p.full = true
		return wire.Full
	case p.wide:
		return wire.TooLarge
	}
	return wire.Large
}

// AppendReduced reports that nothing of a point can be left out: an entry that is too long
// would be another series if it were cut.
func (p *Packer) AppendReduced(*wire.Point) (wire.Reduction, bool) { return wire.Reduction{}, false }

// Size returns the length of the longest entry of pt, in bytes, or the length of all
// entries if there are too many.
func (p *Packer) Size(pt *wire.Point) int {
	w := &p.writer
	w.reset(p.next-p.frame.Head, wire.MaxBody)
	p.dialect.Write(w, pt)
	w.undo()
	return w.longest
}

// Finish ends the packet and returns its buffer. The buffer is empty if there is nothing to
// say about any of its points.
func (p *Packer) Finish() []byte {
	packet := p.buf
	p.buf = nil
	if len(packet) == p.frame.Head {
		p.writer.journal.forget()
		return packet[:0]
	}
	p.writer.journal.end()
	for range p.frame.Tail {
		packet = append(packet, 0)
	}
	return packet
}

// Datagram returns the datagram of a packet that begins at offset at, which is 0 for the
// first. next is where the next one begins, or 0 after the last. The datagram is a part of
// packet, or is appended to scratch, which is returned as grown. It is longer than limit if
// an entry is.
func (p *Packer) Datagram(scratch, packet []byte, limit, at int) (datagram, grown []byte, next int) {
	head, tail := p.frame.Head, p.frame.Tail
	limit = min(limit, p.frame.Most)
	if at == 0 && len(packet) <= limit {
		return packet, scratch, 0
	}
	body := packet[max(at, head) : len(packet)-tail]
	n := len(body)
	if n > limit-head-tail {
		if n = p.dialect.Cut(body, limit-head-tail); n == 0 {
			n = len(body) // the caller drops it
		}
	}
	if n < len(body) {
		next = max(at, head) + n
	}
	if head+tail == 0 {
		return body[:n:n], scratch, next
	}
	start := len(scratch)
	scratch = append(append(scratch, packet[:head]...), body[:n]...)
	scratch = append(scratch, packet[len(packet)-tail:]...)
	return scratch[start:len(scratch):len(scratch)], scratch, next
}

// Stamp completes a datagram just before it is sent.
func (p *Packer) Stamp(datagram []byte, h *wire.Header) { p.dialect.Stamp(datagram, h) }

// Settled says that the kernel took left bytes of the oldest unsettled packet, and will take
// no more of it. It returns how many points these bytes have.
func (p *Packer) Settled(left int) (points int) { return p.writer.journal.settle(left) }

// AppendReport appends a datagram that says nothing. An answer to it tells whether a server
// is there.
func (p *Packer) AppendReport(b []byte, _ *wire.Report) []byte {
	for range p.frame.Head {
		b = append(b, 0)
	}
	b = p.dialect.Probe(b)
	for range p.frame.Tail {
		b = append(b, 0)
	}
	return b
}

// Session returns false: there are no sessions, so there are no sender reports and no
// goodbye, and each datagram is of use by itself.
func (p *Packer) Session() bool { return false }

// LeftOut returns what could not be said. It is safe for concurrent use.
func (p *Packer) LeftOut() wire.LeftOut { return p.writer.leftOut.load() }
