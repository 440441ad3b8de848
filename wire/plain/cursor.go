package plain

import (
	"encoding/binary"

	"github.com/otelgram/otelgram/wire"
)

// The fields that errors name.
const (
	fieldType   = "type"
	fieldName   = "name"
	fieldNumber = "value"
	fieldTime   = "time"
	fieldKey    = "tag key"
	fieldValue  = "tag value"
	fieldTags   = "tags"
	fieldItems  = "items"
)

// cursor walks over hostile bytes. The first failure stays: it moves the cursor to the end,
// so that every loop ends, and later reads return nothing.
type cursor struct {
	b   []byte
	off int
	err wire.Error // Cause is Accepted while nothing failed
}

func (c *cursor) left() int { return len(c.b) - c.off }

func (c *cursor) fail(cause wire.Cause, field string) {
	if c.err.Cause == wire.Accepted {
		c.err = wire.Error{Cause: cause, Field: field, Offset: c.off}
	}
	c.off = len(c.b)
}

// length reads the length of a text, and returns 0 if the bytes end before.
func (c *cursor) length(field string) int {
	if c.left() < 2 {
		c.fail(wire.Malformed, field)
		return 0
	}
	n := int(binary.BigEndian.Uint16(c.b[c.off:]))
	c.off += 2
	return n
}

// text returns the next n bytes, a view on the packet.
func (c *cursor) text(n int, field string) []byte {
	if n > c.left() {
		c.fail(wire.Malformed, field)
		return nil
	}
	v := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return v
}

func (c *cursor) uint64(field string) uint64 {
	if c.left() < 8 {
		c.fail(wire.Malformed, field)
		return 0
	}
	v := binary.BigEndian.Uint64(c.b[c.off:])
	c.off += 8
	return v
}

// event reads an event into v and returns the number of its tags.
func (c *cursor) event(v *EventView) (tags int) {
	if v.Type = Type(c.b[c.off]); !v.Type.Valid() {
		c.fail(wire.Malformed, fieldType)
		return 0
	}
	c.off++
	v.Name = c.text(c.length(fieldName), fieldName)
	v.Bits = c.uint64(fieldNumber)
	v.Time = int64(c.uint64(fieldTime))
	start := c.off
	tags = c.tags()
	if c.err.Cause != wire.Accepted {
		return 0
	}
	v.RawTags = c.b[start : c.off-2 : c.off-2]
	return tags
}

// tags moves behind the tags of an event and its end, and returns how many tags there are.
// Most of the bytes of a packet are in tags.
func (c *cursor) tags() (n int) {
	b, at := c.b, c.off
	for ; ; n++ {
		key := lengthAt(b, at)
		if key == 0 {
			c.off = at + 2
			return n
		}
		value := lengthAt(b, at+2+max(key, 0))
		end := at + 4 + key + value
		if key < 0 || value < 0 || end > len(b) {
			break
		}
		if at = end; n == MaxTags {
			c.off = at
			c.fail(wire.OverBudget, fieldTags)
			return 0
		}
	}
	c.off = at // read again, for the error
	c.text(c.length(fieldKey), fieldKey)
	c.text(c.length(fieldValue), fieldValue)
	return 0
}

// lengthAt reads a length, and returns -1 if the bytes end before.
func lengthAt(b []byte, at int) int {
	if at+2 > len(b) {
		return -1
	}
	return int(b[at])<<8 | int(b[at+1])
}

// count reads all events and returns how many there are.
func (c *cursor) count() (events int) {
	var v EventView
	for items := 0; c.left() > 0; events++ {
		if items += eventItems + c.event(&v); items > MaxItems {
			c.fail(wire.OverBudget, fieldItems)
		}
	}
	return events
}
