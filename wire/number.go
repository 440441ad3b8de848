package wire

import (
	"encoding/binary"
	"math"
)

// encoding is how a number is written. Part of the wire format.
type encoding byte

const (
	encZero    encoding = iota // +0: no bytes
	encInteger                 // svarint
	encRaw                     // 8 bytes: int64 or IEEE 754 double
	encSingle                  // 4 bytes: IEEE 754 single, equal to the double
	encDecimal                 // exponent byte 1..9, svarint m: the double nearest m / 10^exponent
)

const maxExponent = 9

var powersOfTen = [maxExponent + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// appendNumber writes bits, an int64 or the bits of a float64, in the shortest
// encoding that gives the same bits back.
func appendNumber(b []byte, bits uint64, integer bool) ([]byte, encoding) {
	if bits == 0 {
		return b, encZero
	}
	if integer {
		return appendInteger(b, int64(bits))
	}
	return appendDouble(b, bits)
}

func appendInteger(b []byte, v int64) ([]byte, encoding) {
	if v >= -1<<54 && v < 1<<54 {
		return appendSvarint(b, v), encInteger
	}
	return binary.BigEndian.AppendUint64(b, uint64(v)), encRaw
}

func appendDouble(b []byte, bits uint64) ([]byte, encoding) {
	v := math.Float64frombits(bits)
	if abs := math.Abs(v); abs < 1<<47 { // false for NaN
		if i := int64(v); float64(i) == v && i != 0 {
			return appendSvarint(b, i), encInteger
		}
		m, exponent := decimal(v, abs)
		if exponent > 0 && m < 1<<20 && m > -1<<20 {
			return appendSvarint(append(b, exponent), m), encDecimal
		}
		if f := float32(v); math.Float64bits(float64(f)) == bits {
			return binary.BigEndian.AppendUint32(b, math.Float32bits(f)), encSingle
		}
		if exponent > 0 && m < 1<<40 && m > -1<<40 {
			return appendSvarint(append(b, exponent), m), encDecimal
		}
	}
	return binary.BigEndian.AppendUint64(b, bits), encRaw
}

// decimal finds m and exponent with m / 10^exponent == v, for values with at
// most nine decimals (durations in seconds have nine). The exponent is 0 where
// there is none. Testing 10^9 alone is enough: a division is correctly
// rounded, so every equal fraction gives the same double.
func decimal(v, abs float64) (m int64, exponent byte) {
	if abs >= 1<<20 || abs < 1e-9 {
		return 0, 0
	}
	m = int64(math.Round(v * 1e9))
	if float64(m)/1e9 != v {
		return 0, 0
	}
	exponent = maxExponent
	for exponent > 1 && m%10 == 0 {
		m /= 10
		exponent--
	}
	return m, exponent
}

// number reads what appendNumber wrote.
func (r *reader) number(field string, enc encoding, integer bool) uint64 {
	switch enc {
	case encZero:
		return 0
	case encInteger:
		v := r.svarint(field)
		if integer {
			return uint64(v)
		}
		return math.Float64bits(float64(v))
	case encRaw:
		return r.uint64(field)
	case encSingle, encDecimal:
		if !integer {
			return r.fraction(field, enc)
		}
	}
	r.fail(field)
	return 0
}

func (r *reader) fraction(field string, enc encoding) uint64 {
	if enc == encSingle {
		if v := r.bytes(field, 4); v != nil {
			return math.Float64bits(float64(math.Float32frombits(binary.BigEndian.Uint32(v))))
		}
		return 0
	}
	exponent := r.byte(field)
	if exponent < 1 || exponent > maxExponent {
		r.fail(field)
		return 0
	}
	return math.Float64bits(float64(r.svarint(field)) / powersOfTen[exponent])
}

// appendTagged writes a number behind a byte that names its encoding, for the
// places where no tag has room for it.
func appendTagged(b []byte, bits uint64, integer bool) []byte {
	at := len(b)
	b, enc := appendNumber(append(b, 0), bits, integer)
	b[at] = byte(enc)
	return b
}

func (r *reader) tagged(field string, integer bool) uint64 {
	return r.number(field, encoding(r.byte(field)), integer)
}
