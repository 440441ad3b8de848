package plain

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/otelgram/otelgram/wire"
)

// Limits that encoders obey and a [Decoder] enforces.
const (
	// HeaderSize is the length of sequence and timestamp, in bytes.
	HeaderSize = 16
	// TrailerSize is the length of the checksum that ends a packet, in bytes.
	TrailerSize = wire.TrailerSize
	// MaxPacketSize is the longest packet, in bytes.
	MaxPacketSize = wire.MaxPacketSize
	// MaxText is the longest name, key or value, in bytes.
	MaxText = math.MaxUint16
	// MaxTags is the most tags that an event may have.
	MaxTags = wire.MaxAttributes
	// MaxItems is the most items that a packet may have: an event counts as two, and each
	// of its tags as one. A packet of up to 20,000 bytes cannot have as many.
	MaxItems = 4000
)

// Format is the format of a Plain packet in a [wire.Header]. It is not in the packet, and
// differs from the formats of package wire, which are below 16.
const Format wire.Format = 16

const (
	maxSequence = 1<<56 - 1
	eventItems  = 2
)

// Type is the kind of an event and its flags, as they are in a packet: Gauge or Sum, with
// Integer, and with Monotonic and Delta for a Sum.
type Type uint8

// The kinds and flags of a Type. They are part of the format.
const (
	Gauge     Type = Type(wire.Gauge)
	Sum       Type = Type(wire.Sum)
	Integer   Type = 0x08 // the value is an int64, otherwise a float64
	Monotonic Type = 0x10 // of a Sum
	Delta     Type = 0x20 // of a Sum, which is cumulative without it
)

// Valid reports whether t is a kind with flags that this kind may have.
func (t Type) Valid() bool {
	return t&^Integer == Gauge || t&^(Integer|Monotonic|Delta) == Sum
}

// Event is one number to be written.
type Event struct {
	Type Type
	Name string
	Bits uint64 // the value: an int64 if Type has Integer, otherwise the bits of a float64
	Time int64  // Unix nanoseconds, or wire.NoTime
	Tags []Tag
}

// Tag is a key and a value.
type Tag struct{ Key, Value string }

// Items returns as how many of [MaxItems] the event counts.
func (e *Event) Items() int { return eventItems + len(e.Tags) }

// AppendHeader appends the room for a header to b, which is empty. Events come next.
func AppendHeader(b []byte) []byte { return append(b, make([]byte, HeaderSize)...) }

// AppendTrailer appends the room for the checksum, behind the last event.
func AppendTrailer(b []byte) []byte { return append(b, make([]byte, TrailerSize)...) }

// AppendEvent appends an event to b. It returns b unchanged, and false, if the event cannot
// be written: its type is not valid, its name, a key or a value is longer than MaxText, a
// key is empty, or it has more than MaxTags tags. It allocates nothing if b has room.
func AppendEvent(b []byte, e *Event) ([]byte, bool) {
	if !e.Type.Valid() || len(e.Name) > MaxText || len(e.Tags) > MaxTags {
		return b, false
	}
	whole := b
	b = appendText(append(b, byte(e.Type)), e.Name)
	b = binary.BigEndian.AppendUint64(b, e.Bits)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	for i := range e.Tags {
		t := &e.Tags[i]
		if t.Key == "" || len(t.Key) > MaxText || len(t.Value) > MaxText {
			return whole, false
		}
		b = appendText(appendText(b, t.Key), t.Value)
	}
	return append(b, 0, 0), true
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stamp writes sequence, timestamp and checksum into a packet with room for them, see
// [AppendHeader] and [AppendTrailer]. A packet that the kernel did not take is stamped
// again when it is sent again.
func Stamp(packet []byte, sequence uint64, now int64) {
	binary.BigEndian.PutUint64(packet, sequence&maxSequence)
	binary.BigEndian.PutUint64(packet[8:], uint64(now))
	end := len(packet) - TrailerSize
	binary.BigEndian.PutUint32(packet[end:], crc32.Checksum(packet[:end], castagnoli))
}

// IsPlain reports whether a datagram is a Plain packet or nothing that is known: its first
// byte is 0.
func IsPlain(packet []byte) bool { return len(packet) > 0 && packet[0] == 0 }
