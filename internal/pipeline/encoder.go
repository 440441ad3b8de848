package pipeline

import (
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// Encoder is an encoding: it packs points into packets, and says in which datagrams a packet
// leaves. It belongs to the pump, but for LeftOut. [wire.Packer] says what the methods do that
// it has, too.
type Encoder interface {
	SetLimit(bytes int)
	BufferSize() int
	Start(buf []byte)
	// Enlarge gives the open packet, which is empty, a buffer of [wire.LargeBufferSize].
	Enlarge(buf []byte) []byte
	Append(*wire.Point) wire.Result
	AppendReduced(*wire.Point) (wire.Reduction, bool)
	Size(*wire.Point) int
	Points() int
	// Finish ends the open packet. It is empty where nothing is to be said of its points.
	Finish() []byte

	// Datagram returns the datagram of a packet that begins at a place in it, and the place
	// of the next one, 0 after the last. The first has place 0. It is a part of the packet,
	// or is appended to scratch, which is returned. One that is longer than limit cannot be
	// made shorter.
	Datagram(scratch, packet []byte, limit, place int) (datagram, grown []byte, next int)
	// Stamp completes a datagram just before it is sent.
	Stamp(datagram []byte, h *wire.Header)
	// Settled says that of the oldest packet, of those that were finished and are not empty,
	// what is in front of a place has left, and no more will. It returns how many of its
	// points are there as a whole; where there is a session, none if not all are.
	Settled(place int) (points int)
	// Session reports whether the receiver keeps the books of a session: it gets reports
	// and a goodbye, and the datagrams of a packet are of use only together.
	Session() bool
	// AppendReport appends a report, or what tells whether somebody is there.
	AppendReport(b []byte, r *wire.Report) []byte
	LeftOut() wire.LeftOut
}

// NewEncoder makes an encoder for datagrams of at most so many bytes, which charges what it
// keeps to memory.
type NewEncoder func(bytes int, memory *account.Budget) (Encoder, error)

// compact is the encoding Compact.
type compact struct{ *wire.Packer }

// NewCompact makes the encoder of Compact.
func NewCompact(bytes int, _ *account.Budget) (Encoder, error) {
	p, err := wire.NewPacker(bytes)
	return compact{p}, err
}

// Datagram returns the packet, or its fragment with an index.
func (c compact) Datagram(scratch, packet []byte, limit, index int) (datagram, grown []byte, next int) {
	n := wire.Fragments(packet, limit)
	if n == 1 {
		return packet, scratch, 0
	}
	start := len(scratch)
	scratch = wire.AppendFragment(scratch, packet, limit, index)
	return scratch[start:], scratch, (index + 1) % n
}

// Stamp writes the header: the format is there already.
func (c compact) Stamp(datagram []byte, h *wire.Header) {
	stamped := *h
	stamped.Format = wire.FormatOf(datagram)
	wire.Stamp(datagram, &stamped)
}

// Settled returns no points: a part of a packet is of no use.
func (c compact) Settled(int) int { return 0 }

// Session reports that there are sessions.
func (c compact) Session() bool { return true }

// AppendReport appends a sender report.
func (c compact) AppendReport(b []byte, r *wire.Report) []byte { return wire.AppendReport(b, r) }

// LeftOut returns nothing: all can be said.
func (c compact) LeftOut() wire.LeftOut { return wire.LeftOut{} }
