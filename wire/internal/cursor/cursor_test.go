package cursor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// reads are all that a cursor reads, each with bytes that it reads as a whole.
var reads = []struct {
	name string
	body []byte
	read func(c *Cursor) any
	want any
}{
	{"byte", []byte{7}, func(c *Cursor) any { return c.Byte("f") }, byte(7)},
	{"uvarint", []byte{0x85, 1}, func(c *Cursor) any { return c.Uvarint("f") }, uint64(133)},
	{"short uvarint", []byte{5}, func(c *Cursor) any { return c.Uvarint("f") }, uint64(5)},
	{"svarint", []byte{0x85, 1}, func(c *Cursor) any { return c.Svarint("f") }, int64(-67)},
	{"uint64", []byte{0, 0, 0, 0, 0, 0, 1, 2}, func(c *Cursor) any { return c.Uint64("f") }, uint64(258)},
	{"float64", []byte{0x3F, 0xF0, 0, 0, 0, 0, 0, 0}, func(c *Cursor) any { return c.Float64("f") }, 1.0},
	{"text", []byte{2, 'a', 'b'}, func(c *Cursor) any { return string(c.Text("f")) }, "ab"},
	{"bytes", []byte{1, 2}, func(c *Cursor) any { return string(c.Bytes("f", 2)) }, "\x01\x02"},
	{"integer", []byte{byte(number.Integer), 4}, func(c *Cursor) any { return c.Tagged("f", true) }, uint64(2)},
	{"single", []byte{byte(number.Single), 0x3F, 0x80, 0, 0}, func(c *Cursor) any { return c.Tagged("f", false) }, math.Float64bits(1)},
	{"decimal", []byte{byte(number.Decimal), 1, 30}, func(c *Cursor) any { return c.Tagged("f", false) }, math.Float64bits(1.5)},
	{"raw", []byte{byte(number.Raw), 0, 0, 0, 0, 0, 0, 0, 9}, func(c *Cursor) any { return c.Tagged("f", true) }, uint64(9)},
}

// TestReads: each read takes what is its own and leaves the rest. Of any part of its bytes it
// makes a failure that says where it is, and after that everything reads as zero.
func TestReads(t *testing.T) {
	for _, tt := range reads {
		var c Cursor
		c.Reset(append([]byte{0xEE}, append(tt.body, 0xEE)...), 1)
		assert.Equal(t, tt.want, tt.read(&c), tt.name)
		assert.False(t, c.Failed(), tt.name)
		assert.Equal(t, 1, c.Left(), tt.name)
		for n := range tt.body {
			c.Reset(tt.body[:n], 0)
			tt.read(&c)
			require.True(t, c.Failed(), "%s, %d bytes", tt.name, n)
			assert.Equal(t, "f", c.Failure().Field)
			assert.LessOrEqual(t, c.Failure().Offset, n)
			assert.Zero(t, c.Left())
			first := c.Failure()
			assert.False(t, c.Fail("another"), "the first failure stays")
			assert.Equal(t, first, c.Failure())
			assert.Zero(t, c.Uint64("g"))
		}
	}
}

// TestWrongNumbers: an encoding that is unknown, or not one of the kind of number, fails.
func TestWrongNumbers(t *testing.T) {
	for _, body := range [][]byte{{99, 1, 1, 1, 1, 1, 1, 1, 1}, {byte(number.Single), 0, 0, 0, 0}, {byte(number.Decimal), 1, 2}} {
		var c Cursor
		c.Reset(body, 0)
		assert.Zero(t, c.Tagged("f", true))
		assert.True(t, c.Failed())
	}
	for _, exponent := range []byte{0, number.MaxExponent + 1} {
		var c Cursor
		c.Reset([]byte{byte(number.Decimal), exponent, 2}, 0)
		assert.Zero(t, c.Tagged("f", false))
		assert.True(t, c.Failed())
	}
}
