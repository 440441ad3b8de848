// Package number writes numbers in the shortest of the forms that package wire describes.
package number

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Encoding is how a number is written. Part of the wire format.
type Encoding byte

const (
	Zero    Encoding = iota // +0: no bytes
	Integer                 // svarint
	Raw                     // 8 bytes: int64 or IEEE 754 double
	Single                  // 4 bytes: IEEE 754 single, equal to the double
	Decimal                 // exponent byte 1..9, svarint m: the double nearest m / 10^exponent
)

// MaxExponent is the largest exponent of a decimal.
const MaxExponent = 9

// PowersOfTen are the divisors of decimals, by exponent.
var PowersOfTen = [MaxExponent + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// Append writes bits, an int64 or the bits of a float64, in the shortest encoding that
// gives the same bits back.
func Append(b []byte, bits uint64, integer bool) ([]byte, Encoding) {
	if bits == 0 {
		return b, Zero
	}
	if integer {
		return appendInteger(b, int64(bits))
	}
	return appendDouble(b, bits)
}

// AppendTagged writes a number behind a byte that names its encoding, for places without a
// tag that has room for it.
func AppendTagged(b []byte, bits uint64, integer bool) []byte {
	at := len(b)
	b, enc := Append(append(b, 0), bits, integer)
	b[at] = byte(enc)
	return b
}

func appendInteger(b []byte, v int64) ([]byte, Encoding) {
	if v >= -1<<54 && v < 1<<54 {
		return AppendSvarint(b, v), Integer
	}
	return binary.BigEndian.AppendUint64(b, uint64(v)), Raw
}

func appendDouble(b []byte, bits uint64) ([]byte, Encoding) {
	v := math.Float64frombits(bits)
	if abs := math.Abs(v); abs < 1<<47 { // false for NaN
		if i := int64(v); float64(i) == v && i != 0 {
			return AppendSvarint(b, i), Integer
		}
		m, exponent := decimal(v, abs)
		if exponent > 0 && m < 1<<20 && m > -1<<20 {
			return AppendSvarint(append(b, exponent), m), Decimal
		}
		if f := float32(v); math.Float64bits(float64(f)) == bits {
			return binary.BigEndian.AppendUint32(b, math.Float32bits(f)), Single
		}
		if exponent > 0 && m < 1<<40 && m > -1<<40 {
			return AppendSvarint(append(b, exponent), m), Decimal
		}
	}
	return binary.BigEndian.AppendUint64(b, bits), Raw
}

// decimal finds m and exponent with m / 10^exponent == v, for values with at most nine
// decimals (durations in seconds have nine). The exponent is 0 if there is no such m.
// Testing 10^9 alone is enough: a division is correctly rounded, so every equal fraction
// gives the same double.
func decimal(v, abs float64) (m int64, exponent byte) {
	if abs >= 1<<20 || abs < 1e-9 {
		return 0, 0
	}
	m = int64(math.Round(v * 1e9))
	if float64(m)/1e9 != v {
		return 0, 0
	}
	exponent = MaxExponent
	for exponent > 1 && m%10 == 0 {
		m /= 10
		exponent--
	}
	return m, exponent
}

// AppendUvarint appends v, seven bits a byte, the lowest first.
func AppendUvarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

// AppendSvarint appends v so that small numbers of both signs are short.
func AppendSvarint(b []byte, v int64) []byte {
	return AppendUvarint(b, uint64(v<<1)^uint64(v>>63))
}

// AppendText appends the length of s and s.
func AppendText[T string | []byte](b []byte, s T) []byte {
	return append(AppendUvarint(b, uint64(len(s))), s...)
}

// Uvarint reads what AppendUvarint wrote, and returns how many bytes it read. n is 0 or
// less if b holds no such number.
func Uvarint(b []byte) (v uint64, n int) {
	if len(b) >= 4 {
		if word := binary.LittleEndian.Uint32(b); !Long(word) {
			return Few(word)
		}
	}
	return binary.Uvarint(b)
}

// Few reads a number of up to four bytes out of the next four, the first of them the lowest
// of word. It has no branch for each byte, since the number of bytes cannot be predicted. If
// the number is longer, so that no byte of word ends it, the result means nothing: see Long.
func Few(word uint32) (v uint64, n int) {
	ends := ^word & 0x80808080
	word &= ends ^ (ends - 1) // up to the first byte that ends
	return uint64(word&0x7F | word>>1&0x3F80 | word>>2&0x1F_C000 | word>>3&0xFE0_0000), (bits.TrailingZeros32(ends) + 1) / 8
}

// Long reports whether Few cannot read the number that begins with word.
func Long(word uint32) bool { return word&0x80808080 == 0x80808080 }
