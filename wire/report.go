package wire

import "github.com/otelgram/otelgram/wire/internal/number"

// Report is what a sender tells about itself, once a second while it is active, and in its
// goodbye. It closes the books: with it a receiver knows what was sent, even if the last
// packets were lost, and what never left.
type Report struct {
	// Age is how long ago the session began, in nanoseconds by the sender's clock. So a
	// receiver needs no clock in step with the sender's to know whether the session is
	// older than itself.
	Age         uint64
	PacketsSent uint64 // packets of this session before this one, reports included
	PointsSent  uint64 // points of this session
	PacketLimit uint64 // the largest packet the sender makes, in bytes
	// Dropped counts the points dropped since the sender was created, over all its
	// sessions.
	Dropped [DropReasons]uint64
}

// The numbers of a report's fields. They are part of the wire format.
const (
	fieldAge         = 1
	fieldPacketsSent = 2
	fieldPointsSent  = 3
	fieldPacketLimit = 4
	fieldDropped     = 16 // plus the DropReason
)

// AppendReport appends a whole packet with r to b. [Stamp] completes it.
func AppendReport(b []byte, r *Report) []byte {
	var header [HeaderSize]byte
	header[0] = version<<4 | byte(SenderReport)
	b = append(b, header[:]...)
	b = appendField(b, fieldAge, r.Age)
	b = appendField(b, fieldPacketsSent, r.PacketsSent)
	b = appendField(b, fieldPointsSent, r.PointsSent)
	b = appendField(b, fieldPacketLimit, r.PacketLimit)
	for i, n := range r.Dropped {
		b = appendField(b, fieldDropped+uint64(i), n)
	}
	return append(b, 0, 0, 0, 0)
}

func appendField(b []byte, field, v uint64) []byte {
	if v == 0 {
		return b
	}
	return number.AppendUvarint(number.AppendUvarint(b, field), v)
}

// ParseReport reads a SenderReport packet. It skips unknown fields; missing fields are
// zero. It retains nothing of packet.
func ParseReport(packet []byte) (Report, error) {
	h, cause, offset := parseHeader(packet)
	if cause == Accepted && h.Format != SenderReport {
		cause, offset = UnknownVersion, 0
	}
	if cause != Accepted {
		return Report{}, &Error{Cause: cause, Field: "header", Offset: offset}
	}
	r, err := readReport(packet, &h)
	if err.Cause != Accepted {
		return Report{}, &err
	}
	return r, nil
}

// ReadReport is ParseReport for a packet whose header [CheckHeader] has accepted. It
// returns false if the report is malformed. It does not allocate.
func ReadReport(packet []byte, h *Header) (Report, bool) {
	r, err := readReport(packet, h)
	return r, err.Cause == Accepted
}

func readReport(packet []byte, h *Header) (r Report, err Error) {
	if h.Points != 0 {
		return r, Error{Cause: Malformed, Field: "points of a report", Offset: 26}
	}
	var in reader
	in.reset(packet[:len(packet)-TrailerSize], HeaderSize)
	for in.Left() > 0 {
		r.set(in.Uvarint("report field"), in.Uvarint("report value"))
	}
	if in.Failed() {
		return r, *in.error()
	}
	return r, Error{}
}

func (r *Report) set(field, v uint64) {
	switch field {
	case fieldAge:
		r.Age = v
	case fieldPacketsSent:
		r.PacketsSent = v
	case fieldPointsSent:
		r.PointsSent = v
	case fieldPacketLimit:
		r.PacketLimit = v
	default:
		if field >= fieldDropped && field < fieldDropped+uint64(DropReasons) {
			r.Dropped[field-fieldDropped] = v
		}
	}
}
