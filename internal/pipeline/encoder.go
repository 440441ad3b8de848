package pipeline

import (
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/wire"
)

// Encoder is an encoding: it packs points into packets, and says how a packet leaves. It
// belongs to the pump, except for LeftOut. The methods that [wire.Packer] has, too, do the
// same here.
type Encoder interface {
	session.Encoding

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

	// LeftOut counts what the encoding could not say. Any goroutine may call it.
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
