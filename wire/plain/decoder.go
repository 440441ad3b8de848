package plain

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/otelgram/otelgram/wire"
)

// Decoder reads the events of packets, one at a time. It takes hostile bytes: it accepts a
// packet whole or not at all, checks each length before it uses it, and allocates nothing.
// It is not safe for concurrent use.
//
//	if err := d.Reset(packet); err != nil { ... }
//	for d.Next() {
//		use(d.Event())
//	}
type Decoder struct {
	header wire.Header
	events cursor // that Next has not taken yet
	event  EventView
	err    wire.Error
}

// EventView is an event inside a packet: a view that is valid until the Decoder moves on.
// Its slices must not be modified or kept.
type EventView struct {
	Type Type
	Name []byte
	Bits uint64 // as in [Event]
	Time int64  // Unix nanoseconds, or wire.NoTime
	// RawTags are the tags as they are in the packet, without the end of the event. Equal
	// bytes are equal tags.
	RawTags []byte
}

// Tags returns an iterator over the tags of the event.
func (v *EventView) Tags() Tags { return Tags{left: v.RawTags} }

// Tags is an iterator over the tags of an event.
//
//	for t := event.Tags(); t.Next(); {
//		use(t.Key, t.Value)
//	}
type Tags struct {
	Key, Value []byte
	left       []byte
}

// Next moves to the next tag and reports whether there is one.
func (t *Tags) Next() bool {
	b := t.left
	key := lengthAt(b, 0)
	if key < 0 {
		return false
	}
	value := lengthAt(b, 2+key)
	t.Key, t.Value, t.left = b[2:2+key], b[4+key:4+key+value], b[4+key+value:]
	return true
}

// Reset verifies packet, all of it, and moves before its first event. The Decoder reads
// from packet until the next Reset, so packet must not change. A rejected packet has no
// events. The error is a *[wire.Error], valid until the next Reset.
func (d *Decoder) Reset(packet []byte) error {
	h, cause, offset := parseHeader(packet)
	if cause != wire.Accepted {
		d.header, d.events = wire.Header{}, cursor{}
		d.err = wire.Error{Cause: cause, Field: "header", Offset: offset}
		return &d.err
	}
	return d.read(&h, packet[:len(packet)-TrailerSize], HeaderSize)
}

// ResetBody is Reset for the events of a packet that [CheckHeader] has accepted: the bytes
// between header and checksum. Offsets in errors count from the begin of body.
func (d *Decoder) ResetBody(h *wire.Header, body []byte) error { return d.read(h, body, 0) }

// read verifies the events of b from off on.
func (d *Decoder) read(h *wire.Header, b []byte, off int) error {
	c := cursor{b: b, off: off}
	events := c.count()
	d.header = *h
	d.header.Points = uint16(events) // MaxItems bounds it
	if d.err = c.err; d.err.Cause != wire.Accepted {
		d.header, d.events = wire.Header{}, cursor{}
		return &d.err
	}
	d.events = cursor{b: b, off: off}
	return nil
}

// Header returns the header of the packet in the fields Format, Sequence and Time, and the
// number of its events in the field Points.
func (d *Decoder) Header() wire.Header { return d.header }

// Next moves to the next event and reports whether there is one.
func (d *Decoder) Next() bool {
	if d.events.left() == 0 {
		return false
	}
	d.events.event(&d.event)
	return true
}

// Event returns the current event, valid until the next call of Next or Reset.
func (d *Decoder) Event() *EventView { return &d.event }

// CheckHeader verifies length, first byte and checksum of packet, reads its header, and
// counts the events. It returns the same as [Decoder.Header]. If [Decoder.ResetBody] would
// reject the packet, CheckHeader accepts it, and the number of events is 0.
func CheckHeader(packet []byte) (wire.Header, wire.Cause) {
	h, cause, _ := parseHeader(packet)
	if cause != wire.Accepted {
		return h, cause
	}
	c := cursor{b: packet[:len(packet)-TrailerSize], off: HeaderSize}
	if events := c.count(); c.err.Cause == wire.Accepted {
		h.Points = uint16(events)
	}
	return h, wire.Accepted
}

func parseHeader(packet []byte) (h wire.Header, cause wire.Cause, offset int) {
	switch {
	case len(packet) < HeaderSize+TrailerSize:
		return h, wire.TooShort, len(packet)
	case packet[0] != 0:
		return h, wire.UnknownVersion, 0
	case len(packet) > MaxPacketSize:
		return h, wire.OverBudget, MaxPacketSize
	}
	end := len(packet) - TrailerSize
	if crc32.Checksum(packet[:end], castagnoli) != binary.BigEndian.Uint32(packet[end:]) {
		return h, wire.BadChecksum, end
	}
	return wire.Header{
		Format:   Format,
		Sequence: binary.BigEndian.Uint64(packet),
		Time:     int64(binary.BigEndian.Uint64(packet[8:])),
	}, wire.Accepted, 0
}
