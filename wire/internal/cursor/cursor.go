// Package cursor walks over hostile bytes and reads the primitives of which package wire makes
// records.
package cursor

import (
	"encoding/binary"
	"math"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// Cursor reads bytes from the front. The first failure stays: it moves the cursor to the end,
// so that every loop over "bytes left" ends, and later reads return zero. Each read names the
// field that it reads, for the failure.
type Cursor struct {
	Body    []byte
	At      int // what is read next
	failure Failure
	failed  bool
}

// Failure is what could not be read, and where that is.
type Failure struct {
	Field  string
	Offset int
}

// Reset begins anew, in another body.
func (c *Cursor) Reset(body []byte, at int) { *c = Cursor{Body: body, At: at} }

// Fail says that a field is wrong. It reports whether this is the first failure.
func (c *Cursor) Fail(field string) (first bool) {
	if first = !c.failed; first {
		c.failed, c.failure = true, Failure{field, c.At}
	}
	c.At = len(c.Body)
	return first
}

// Failed reports whether anything has failed.
func (c *Cursor) Failed() bool { return c.failed }

// Failure returns the first failure.
func (c *Cursor) Failure() Failure { return c.failure }

// Left returns how many bytes are left.
func (c *Cursor) Left() int { return len(c.Body) - c.At }

// Byte reads a byte.
func (c *Cursor) Byte(field string) byte {
	if c.At >= len(c.Body) {
		c.Fail(field)
		return 0
	}
	b := c.Body[c.At]
	c.At++
	return b
}

// Uvarint reads an unsigned number.
func (c *Cursor) Uvarint(field string) uint64 {
	if c.At < len(c.Body) {
		if b := c.Body[c.At]; b < 0x80 {
			c.At++
			return uint64(b)
		}
	}
	return c.LongUvarint(field)
}

// Short reads a Uvarint of one byte, if one follows, as is usual. Unlike Uvarint it is small
// enough to be inlined.
func (c *Cursor) Short() (v uint64, ok bool) {
	if at := uint(c.At); at < uint(len(c.Body)) {
		if b := c.Body[at]; b < 0x80 {
			c.At++
			return uint64(b), true
		}
	}
	return 0, false
}

// LongUvarint is Uvarint for what Short has not read.
func (c *Cursor) LongUvarint(field string) uint64 {
	v, n := number.Uvarint(c.Body[c.At:])
	if n <= 0 {
		c.Fail(field)
		return 0
	}
	c.At += n
	return v
}

// Svarint reads a signed number, which has some bytes more often than one. So it tries those
// first that [number.Few] takes.
func (c *Cursor) Svarint(field string) int64 {
	if at := c.At; len(c.Body)-at >= 4 {
		if word := binary.LittleEndian.Uint32(c.Body[at:]); !number.Long(word) {
			u, n := number.Few(word)
			c.At = at + n
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	u := c.LongUvarint(field)
	return int64(u>>1) ^ -int64(u&1)
}

// Count reads the number of items that follow, each at least size bytes long.
func (c *Cursor) Count(field string, size int) int {
	n, ok := c.Short()
	if !ok {
		n = c.LongUvarint(field)
	}
	if left := uint64(c.Left()); n > left || n*uint64(size) > left {
		c.Fail(field)
		return 0
	}
	return int(n)
}

// Bytes returns the next n bytes, a view on the body.
func (c *Cursor) Bytes(field string, n int) []byte {
	if n < 0 || n > c.Left() {
		c.Fail(field)
		return nil
	}
	v := c.Body[c.At : c.At+n : c.At+n]
	c.At += n
	return v
}

// Text reads a length and that many bytes.
func (c *Cursor) Text(field string) []byte {
	if at := uint(c.At); at < uint(len(c.Body)) {
		// As usual, the length takes one byte.
		if n := uint(c.Body[at]); n < 0x80 && n < uint(len(c.Body))-at {
			c.At = int(at + 1 + n)
			return c.Body[at+1 : at+1+n : at+1+n]
		}
	}
	return c.Bytes(field, c.Count(field, 1))
}

// Uint64 reads eight bytes, the most significant one first.
func (c *Cursor) Uint64(field string) uint64 {
	v := c.Bytes(field, 8)
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// Float64 reads an IEEE 754 double.
func (c *Cursor) Float64(field string) float64 { return math.Float64frombits(c.Uint64(field)) }

// Number reads what [number.Append] wrote: an int64 or the bits of a float64.
func (c *Cursor) Number(field string, enc number.Encoding, integer bool) uint64 {
	switch enc {
	case number.Zero:
		return 0
	case number.Integer:
		v := c.Svarint(field)
		if integer {
			return uint64(v)
		}
		return math.Float64bits(float64(v))
	case number.Raw:
		return c.Uint64(field)
	case number.Single, number.Decimal:
		if !integer {
			return c.fraction(field, enc)
		}
	}
	c.Fail(field)
	return 0
}

func (c *Cursor) fraction(field string, enc number.Encoding) uint64 {
	if enc == number.Single {
		if v := c.Bytes(field, 4); v != nil {
			return math.Float64bits(float64(math.Float32frombits(binary.BigEndian.Uint32(v))))
		}
		return 0
	}
	exponent := c.Byte(field)
	if exponent < 1 || exponent > number.MaxExponent {
		c.Fail(field)
		return 0
	}
	return math.Float64bits(float64(c.Svarint(field)) / number.PowersOfTen[exponent])
}

// Tagged reads what [number.AppendTagged] wrote.
func (c *Cursor) Tagged(field string, integer bool) uint64 {
	return c.Number(field, number.Encoding(c.Byte(field)), integer)
}
