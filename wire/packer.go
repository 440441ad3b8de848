package wire

import (
	"fmt"
	"math/bits"
)

// place is where an interned object stands in the dictionary of the open packet: the
// packet's epoch in the upper 48 bits, the entry's number from 1 in the lower 16. With
// another epoch the object is not in this packet. So a new packet forgets all places at
// once, without touching any object.
type place uint64

const placeBits = 16

// slack is the room that a packet buffer needs beyond the limit: the encoder writes less
// than that between two checks of the length.
const slack = 256

const (
	// wideFragments is how many fragments end a body that has more than one point: if one
	// fragment is lost, all points are lost. A body is longer only if half of it would be
	// definitions.
	wideFragments = 4
	// paddingShare is the part of a packet, one in paddingShare, that padding may fill. A
	// packet with a larger gap stays shorter than its neighbours.
	paddingShare = 16
)

// Packer packs points into bodies of Compact packets. A body fits a packet of a given size,
// unless a point, or what has to be defined for it, is too large for that, see [Large]. A
// body decodes alone: it carries each string, attribute set and identity that it uses,
// once. A Packer is not safe for concurrent use.
type Packer struct {
	limit int // bytes of header and body; the trailer comes on top
	next  int // the limit from the next packet on
	buf   []byte
	epoch place
	full  bool // a point did not fit: Finish comes next
	wide  bool // the body may be larger than a packet, see Enlarge

	points    int
	expanded  int
	defined   int // bytes of the definitions of metrics, with scope and resource, and of bounds
	items     int // see MaxItems
	prevTime  int64
	prevStart int64

	// The number of entries in each dictionary of the open packet.
	strings, sets, resources, scopes, metrics, bounds uint16

	overflow           bool // the point being written does not fit
	withoutDescription bool // see oversize.go
	// long are the metrics whose bounds are forgotten after the packet.
	long    []*Metric
	scratch []byte
}

// NewPacker returns a Packer for packets of at most limit bytes, which must be between
// MinPacketSize and MaxPacketSize.
func NewPacker(limit int) (*Packer, error) {
	if limit < MinPacketSize || limit > MaxPacketSize {
		return nil, fmt.Errorf("wire: packet size %d: must be between %d and %d", limit, MinPacketSize, MaxPacketSize)
	}
	return &Packer{limit: limit - TrailerSize, next: limit - TrailerSize}, nil
}

// SetLimit changes the size of the packets that begin after it. A limit outside the bounds
// of NewPacker is moved to the nearer bound.
func (p *Packer) SetLimit(limit int) {
	p.next = min(max(limit, MinPacketSize), MaxPacketSize) - TrailerSize
}

// BufferSize returns the capacity of the buffers to give to Start, in bytes.
func (p *Packer) BufferSize() int { return p.next + TrailerSize + slack }

// LargeBufferSize is the capacity of the buffers to give to Enlarge, in bytes.
const LargeBufferSize = HeaderSize + MaxBody + TrailerSize + slack

// Start begins a packet in buf, which belongs to the Packer until Finish, Enlarge or the
// next Start. A buffer with less capacity than BufferSize is replaced.
func (p *Packer) Start(buf []byte) {
	p.limit = p.next
	p.wide = false
	p.begin(buf, p.BufferSize())
}

// Enlarge lets the body of the open packet, which has no points, be larger than a packet.
// The first point may take MaxBody bytes. Further points are added while the body fits four
// packets, or is less than twice as long as what had to be defined for the first. The body
// is built in buf; a buffer with less capacity than LargeBufferSize is replaced. Enlarge
// returns the buffer that Start was given.
func (p *Packer) Enlarge(buf []byte) []byte {
	old := p.buf
	p.limit = HeaderSize + MaxBody
	p.wide = true
	p.begin(buf, LargeBufferSize)
	return old
}

func (p *Packer) begin(buf []byte, size int) {
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	p.buf = buf[:HeaderSize]
	p.restart()
}

// restart makes the open packet an empty one.
func (p *Packer) restart() {
	p.epoch++
	p.full = false
	p.points, p.expanded, p.defined, p.items = 0, 0, 0, 0
	for _, m := range p.long {
		m.bounds = nil
	}
	p.long = p.long[:0]
	p.prevTime, p.prevStart = 0, 0
	// Entry 1 of these three is predefined: the empty string, set and list.
	p.strings, p.sets, p.bounds = 1, 1, 1
	p.resources, p.scopes, p.metrics = 0, 0, 0
	p.buf = p.buf[:HeaderSize]
}

// Points returns the number of points in the open packet.
func (p *Packer) Points() int { return p.points }

// Finish ends the packet and returns it. [Stamp] writes Header.Points and everything else
// in the header. A packet that was full is padded to its full size if little is missing, so
// that the packets of one send are of one size. A packet that was enlarged may be larger
// than a packet: then it travels in fragments, see [Fragments]. The packet is the buffer
// given to Start or Enlarge, and no longer belongs to the Packer. Start comes next.
func (p *Packer) Finish() []byte {
	packet := p.buf
	if gap := p.limit - len(packet); p.full && !p.wide && gap <= p.limit/paddingShare {
		for range gap {
			packet = append(packet, tagPadding)
		}
	}
	packet = append(packet, 0, 0, 0, 0)
	p.buf = nil
	packet[0] = version<<4 | byte(Compact)
	return packet
}

// Result says what became of a point given to Append.
type Result uint8

const (
	// Added means that the point is in the packet.
	Added Result = iota
	// Full means that the packet has no room for the point: Finish, Start, and append it
	// again.
	Full
	// Large means that the point needs a body that is larger than a packet, or that its
	// definitions would take more than half of each packet. Enlarge the packet, which is
	// empty, and append the point again.
	Large
	// TooLarge means that the point does not fit an enlarged packet either, see
	// [Packer.AppendReduced]. The packet stays empty and enlarged.
	TooLarge
	// Unsayable means that the point has no form in an encoding other than Compact. It is
	// not in the packet.
	Unsayable
	// NoMemory means that an encoding has to remember what it said of a series, and has no
	// memory left for it. The point is not in the packet.
	NoMemory
)

// Append adds pt to the open packet. It retains nothing of pt except marks in its interned
// objects. After Full, every Append returns Full until the next Start.
func (p *Packer) Append(pt *Point) Result {
	if p.full {
		p.full = true
		return Full
	}
	prevTime, prevStart := p.prevTime, p.prevStart
	mark, expanded, defined, items := len(p.buf), p.expanded, p.defined, p.items
	p.overflow = false
	b := p.point(p.buf, pt)
	fits := !p.overflow && len(b) <= p.limit && p.expanded <= MaxExpansion*(len(b)+TrailerSize) && p.items <= MaxItems
	if p.points == 0 {
		return p.appendFirst(b, fits)
	}
	if fits {
		p.buf = b
		p.points++
		return Added
	}
	// The marks in pt's objects point to entries that are rolled back. No point is added
	// before the next epoch, so nothing follows them.
	p.buf = p.buf[:mark]
	p.expanded, p.defined, p.items, p.prevTime, p.prevStart = expanded, defined, items, prevTime, prevStart
	p.full = true
	return Full
}

// appendFirst ends the Append of the first point of a packet, written to b.
func (p *Packer) appendFirst(b []byte, fits bool) Result {
	if !fits || !p.wide && 2*p.defined > p.limit {
		p.restart()
		if p.wide {
			return TooLarge
		}
		return Large
	}
	p.buf = b
	p.points = 1
	if p.wide {
		p.limit = min(HeaderSize+max(wideFragments*fragmentData(p.next+TrailerSize), 2*p.defined), p.limit)
		p.full = len(b) > p.limit
	}
	return Added
}

// known returns the number of the entry that the open packet has for an object, if it has
// one.
func (p *Packer) known(at place) (uint64, bool) {
	return uint64(at & (1<<placeBits - 1)), at>>placeBits == p.epoch
}

// define makes the next entry of a dictionary.
func (p *Packer) define(entries *uint16) place {
	*entries++
	return p.epoch<<placeBits | place(*entries)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// textLen returns what a string takes besides its reference. An empty string takes nothing,
// since its entry is predefined.
func textLen(s string) int {
	if s == "" {
		return 0
	}
	return uvarintLen(len(s)) + len(s)
}

func symbolLen(s *Symbol) int {
	if s == nil {
		return 0
	}
	return len(s.text)
}

func setWeight(s *AttributeSet) int {
	if s == nil {
		return 0
	}
	return int(s.weight)
}
