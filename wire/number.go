package wire

import (
	"encoding/binary"
	"math"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// number reads what number.Append wrote.
func (r *reader) number(field string, enc number.Encoding, integer bool) uint64 {
	switch enc {
	case number.Zero:
		return 0
	case number.Integer:
		v := r.svarint(field)
		if integer {
			return uint64(v)
		}
		return math.Float64bits(float64(v))
	case number.Raw:
		return r.uint64(field)
	case number.Single, number.Decimal:
		if !integer {
			return r.fraction(field, enc)
		}
	}
	r.fail(field)
	return 0
}

func (r *reader) fraction(field string, enc number.Encoding) uint64 {
	if enc == number.Single {
		if v := r.bytes(field, 4); v != nil {
			return math.Float64bits(float64(math.Float32frombits(binary.BigEndian.Uint32(v))))
		}
		return 0
	}
	exponent := r.byte(field)
	if exponent < 1 || exponent > number.MaxExponent {
		r.fail(field)
		return 0
	}
	return math.Float64bits(float64(r.svarint(field)) / number.PowersOfTen[exponent])
}

// tagged reads what number.AppendTagged wrote.
func (r *reader) tagged(field string, integer bool) uint64 {
	return r.number(field, number.Encoding(r.byte(field)), integer)
}
