package number

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAppend: each value has the shortest of its forms.
func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		bits    uint64
		integer bool
		want    []byte
		is      Encoding
	}{
		{0, true, nil, Zero},
		{0, false, nil, Zero},
		{1, true, []byte{2}, Integer},
		{math.MaxUint64, true, []byte{1}, Integer},
		{1 << 60, true, []byte{0x10, 0, 0, 0, 0, 0, 0, 0}, Raw},
		{math.Float64bits(-3), false, []byte{5}, Integer},
		{math.Float64bits(0.5), false, []byte{1, 10}, Decimal},
		{math.Float64bits(1.0 / 1024), false, []byte{0x3A, 0x80, 0, 0}, Single},
		{math.Float64bits(math.Copysign(0, -1)), false, []byte{0, 0, 0, 0}, Single},
		{math.Float64bits(math.Pi), false, []byte{0x40, 0x09, 0x21, 0xFB, 0x54, 0x44, 0x2D, 0x18}, Raw},
		{math.Float64bits(math.NaN()), false, []byte{0x7F, 0xF8, 0, 0, 0, 0, 0, 1}, Raw},
	} {
		b, is := Append(nil, tt.bits, tt.integer)
		if tt.is == Single && tt.bits>>63 == 1 {
			tt.want[0] = 0x80
		}
		assert.Equal(t, tt.is, is, "%x", tt.bits)
		assert.Equal(t, tt.want, b, "%x", tt.bits)
		assert.Equal(t, append([]byte{byte(tt.is)}, tt.want...), AppendTagged(nil, tt.bits, tt.integer))
	}
}

// TestUvarint reads what is written, at any length, and what the standard library writes.
// What is cut off, or too long, is no number.
func TestUvarint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		v := r.Uint64() >> r.IntN(64)
		b := AppendUvarint(nil, v)
		assert.Equal(t, binary.AppendUvarint(nil, v), b)
		for _, behind := range [][]byte{nil, {1, 2, 3, 4, 5}, {0xFF, 0xFF, 0xFF, 0xFF}} {
			got, n := Uvarint(append(append([]byte(nil), b...), behind...))
			assert.Equal(t, [2]uint64{v, uint64(len(b))}, [2]uint64{got, uint64(n)})
		}
		if _, n := Uvarint(b[:len(b)-1]); n > 0 {
			t.Fatalf("%x cut off", b)
		}
		if s := int64(v); AppendSvarint(nil, s) != nil {
			assert.Equal(t, binary.AppendVarint(nil, s), AppendSvarint(nil, s))
		}
	}
	_, n := Uvarint([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1})
	assert.LessOrEqual(t, n, 0)
	assert.Equal(t, []byte{2, 'a', 'b'}, AppendText(nil, "ab"))
}
