package wire

import (
	"fmt"
	"math/bits"
)

// place is where an interned object stands in the dictionary of the open
// packet: the packet's epoch in the upper 48 bits, the entry's number from 1
// in the lower 16. A place of another epoch means: not in this packet. So a
// new packet forgets all places at once, without touching any object.
type place uint64

const placeBits = 16

// slack is the room a packet buffer needs beyond the limit: what the encoder
// writes between two looks at the length.
const slack = 256

const (
	// wideFragments is at how many fragments a body closes that has more than one
	// point: each of them costs all points if it is lost. A body is longer only where
	// the half of it would be definitions.
	wideFragments = 4
	// paddingShare is the part of a packet that padding may fill: a larger gap is
	// left, and the packet is shorter than its neighbours.
	paddingShare = 16
)

// Packer packs points into bodies of Compact packets. A body fits a packet of at
// most a given size, but where a point or what has to be defined for it is too
// large for that, see [Large]. It decodes alone: it carries each string,
// attribute set and identity it uses, once. A Packer is not safe for concurrent
// use.
type Packer struct {
	limit int // bytes of header and body; the trailer comes on top
	next  int // the limit from the next packet on
	buf   []byte
	epoch place
	full  bool // a point did not fit: Finish comes next
	wide  bool // the body may be larger than a packet, see Enlarge

	points    int
	expanded  int
	defined   int // bytes that metrics, with scope and resource, and bounds take
	items     int // see MaxItems
	prevTime  int64
	prevStart int64

	// how many entries each dictionary of the open packet has
	strings, sets, resources, scopes, metrics, bounds uint16

	overflow           bool // the point being written does not fit
	withoutDescription bool // see oversize.go
	// long are the metrics whose bounds are kept no longer than the packet.
	long    []*Metric
	scratch []byte
}

// NewPacker returns a Packer for packets of at most limit bytes, which must be
// between MinPacketSize and MaxPacketSize.
func NewPacker(limit int) (*Packer, error) {
	if limit < MinPacketSize || limit > MaxPacketSize {
		return nil, fmt.Errorf("wire: packet size %d: must be between %d and %d", limit, MinPacketSize, MaxPacketSize)
	}
	return &Packer{limit: limit - TrailerSize, next: limit - TrailerSize}, nil
}

// SetLimit changes the size of the packets that begin after it, within the same
// bounds as NewPacker, of which it moves to the nearer one what lies outside.
func (p *Packer) SetLimit(limit int) {
	p.next = min(max(limit, MinPacketSize), MaxPacketSize) - TrailerSize
}

// BufferSize returns the capacity of the buffers to give to Start, in bytes.
func (p *Packer) BufferSize() int { return p.next + TrailerSize + slack }

// LargeBufferSize is the capacity of the buffers to give to Enlarge, in bytes.
const LargeBufferSize = HeaderSize + MaxBody + TrailerSize + slack

// Start begins a packet in buf, which belongs to the Packer until Finish,
// Enlarge or the next Start. A buffer with less capacity than BufferSize is
// replaced.
func (p *Packer) Start(buf []byte) {
	p.limit = p.next
	p.wide = false
	p.begin(buf, p.BufferSize())
}

// Enlarge makes the open packet, which has no points, one whose body may be
// larger than a packet. The first point may take MaxBody bytes. Further points are
// added while the body fits four packets, or is less than twice as long as what had
// to be defined for the first. It is built in buf; one with less capacity than
// LargeBufferSize is replaced. It returns the buffer that Start was given.
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

// Finish ends the packet and returns it. Header.Points and everything else in
// the header is written by [Stamp]. A packet that a point has found full is
// padded to the full size where little is missing, so that the packets of one
// send are of one size. One that was enlarged may be larger than a packet: then
// it travels in fragments, see [Fragments]. The packet is the buffer given to
// Start or Enlarge and no longer belongs to the Packer; Start comes next.
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
	// Added points are in the packet.
	Added Result = iota
	// Full packets have no room for the point: Finish, Start, and append it again.
	Full
	// Large points need a body that is larger than a packet, by themselves or
	// since what is defined for them takes more than half of each packet: Enlarge
	// the packet, which is empty, and append the point again.
	Large
	// TooLarge points do not fit an enlarged packet either; see
	// [Packer.AppendReduced]. The packet stays empty and enlarged.
	TooLarge
	// Unsayable points have no form in an encoding that is not Compact. They are not in
	// the packet.
	Unsayable
	// NoMemory says that an encoding which has to remember what it said of a series has
	// no memory left for it. The point is not in the packet.
	NoMemory
)

// Append adds pt to the open packet. It retains nothing of pt but marks in its
// interned objects. After Full, every Append is Full until the next Start.
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
	// The marks in pt's objects point into what is rolled back. No point is
	// added before the next epoch, so nobody will follow them.
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

// known returns the number of the entry at which the open packet defines an
// object, if it does.
func (p *Packer) known(at place) (uint64, bool) {
	return uint64(at & (1<<placeBits - 1)), at>>placeBits == p.epoch
}

// define gives the next entry of a dictionary.
func (p *Packer) define(entries *uint16) place {
	*entries++
	return p.epoch<<placeBits | place(*entries)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// textLen is what a string takes beyond its reference: nothing if it is empty,
// since that entry is predefined.
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
