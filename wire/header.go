package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// Format is the layout of a packet's body.
type Format uint8

// The formats of version 1. They are part of the wire format.
const (
	// Compact packets carry points.
	Compact Format = 2
	// SenderReport packets carry what the sender counted, see [Report].
	SenderReport Format = 3
	// FragmentFormat packets carry a part of a body, see [Fragment].
	FragmentFormat Format = 4
)

const (
	version       = 1
	flagGoodbye   = 0x02
	flagsCritical = 0xF0
	maxSequence   = 1<<56 - 1
)

// Header is the first 32 bytes of every packet.
type Header struct {
	Format   Format
	Sequence uint64 // number of the packet within its session: 0, 1, 2, ... (56 bits)
	Time     int64  // when the packet was sent, in Unix nanoseconds
	Session  uint64 // random, one per dialled socket
	Goodbye  bool   // the last packet of the session
	Key      uint8  // 0: plain text; other values are reserved
	Points   uint16 // points in this packet, or in the body of which it is the last fragment
	// PointsBefore is how many points the session sent before this packet, modulo 2^32.
	PointsBefore uint32
}

// FormatOf returns the format that the first byte of a packet names. Finish, AppendFragment
// and AppendReport write it.
func FormatOf(packet []byte) Format { return Format(packet[0] & 0x0F) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stamp writes h into the first bytes of packet and the checksum into its last four. The
// packet comes from [Packer.Finish], [AppendFragment] or [AppendReport]. A packet that the
// kernel did not take is stamped again when it is sent again.
func Stamp(packet []byte, h *Header) {
	flags := byte(0)
	if h.Goodbye {
		flags = flagGoodbye
	}
	binary.BigEndian.PutUint64(packet, h.Sequence&maxSequence)
	packet[0] = version<<4 | byte(h.Format)
	binary.BigEndian.PutUint64(packet[8:], uint64(h.Time))
	binary.BigEndian.PutUint64(packet[16:], h.Session)
	packet[24] = flags
	packet[25] = h.Key
	binary.BigEndian.PutUint16(packet[26:], h.Points)
	binary.BigEndian.PutUint32(packet[28:], h.PointsBefore)
	end := len(packet) - TrailerSize
	binary.BigEndian.PutUint32(packet[end:], crc32.Checksum(packet[:end], castagnoli))
}

// ParseHeader verifies length, version, flags and checksum of packet, and returns its
// header. It does not look at the body. It allocates nothing except the error.
func ParseHeader(packet []byte) (Header, error) {
	h, cause, offset := parseHeader(packet)
	if cause != Accepted {
		return Header{}, &Error{Cause: cause, Field: "header", Offset: offset}
	}
	return h, nil
}

// CheckHeader is ParseHeader without the allocation of an error, for readers that only
// count why a packet is rejected.
func CheckHeader(packet []byte) (Header, Cause) {
	h, cause, _ := parseHeader(packet)
	return h, cause
}

func parseHeader(packet []byte) (h Header, cause Cause, offset int) {
	if len(packet) < HeaderSize+TrailerSize {
		return h, TooShort, len(packet)
	}
	format := FormatOf(packet)
	if packet[0]>>4 != version || format < Compact || format > FragmentFormat {
		return h, UnknownVersion, 0
	}
	if packet[24]&flagsCritical != 0 {
		return h, UnknownFlag, 24
	}
	if packet[25] != 0 {
		return h, UnknownFlag, 25
	}
	end := len(packet) - TrailerSize
	if crc32.Checksum(packet[:end], castagnoli) != binary.BigEndian.Uint32(packet[end:]) {
		return h, BadChecksum, end
	}
	return Header{
		Format:       format,
		Sequence:     binary.BigEndian.Uint64(packet) & maxSequence,
		Time:         int64(binary.BigEndian.Uint64(packet[8:])),
		Session:      binary.BigEndian.Uint64(packet[16:]),
		Goodbye:      packet[24]&flagGoodbye != 0,
		Key:          packet[25],
		Points:       binary.BigEndian.Uint16(packet[26:]),
		PointsBefore: binary.BigEndian.Uint32(packet[28:]),
	}, Accepted, 0
}
