package flat

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/otelgram/otelgram/wire"
)

// maxExact is the end of the range in which every integer is a float64. Beyond it the
// shortest decimal number may have other digits.
const maxExact = 1 << 53

// AppendFloat appends the shortest decimal number that is v, with an exponent if it has
// very many digits.
func AppendFloat(b []byte, v float64) []byte {
	if i := int64(v); float64(i) == v && i != 0 && -maxExact < i && i < maxExact { // faster
		return strconv.AppendInt(b, i, 10)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// AppendNumber appends a value from its bits.
func AppendNumber(b []byte, bits uint64, integer bool) []byte {
	if integer {
		return strconv.AppendInt(b, int64(bits), 10)
	}
	return AppendFloat(b, math.Float64frombits(bits))
}

// Float returns a value from its bits.
func Float(bits uint64, integer bool) float64 {
	if integer {
		return float64(int64(bits))
	}
	return math.Float64frombits(bits)
}

// Finite reports whether v is neither infinite nor NaN.
func Finite(v float64) bool { return v-v == 0 }

// AppendValue appends the value of an attribute as text, as the OpenTelemetry specification
// says for protocols without types (common/README.md, "AnyValue representation for non-OTLP
// protocols").
func AppendValue(b []byte, a *wire.Attribute) []byte {
	if a.Type == wire.StringValue {
		return append(b, a.Text...)
	}
	v := a.Value()
	return appendValue(b, v, false)
}

// appendValue appends v. Within slices and maps it is JSON.
func appendValue(b []byte, v wire.Value, nested bool) []byte {
	switch v.Type {
	case wire.EmptyValue:
		if nested {
			return append(b, "null"...)
		}
		return b
	case wire.BoolValue:
		return strconv.AppendBool(b, v.Bool())
	case wire.Int64Value:
		return strconv.AppendInt(b, v.Int64(), 10)
	case wire.Float64Value:
		return appendFloatValue(b, v.Float64(), nested)
	case wire.StringValue:
		return appendQuoted(b, v.Text())
	case wire.BytesValue:
		if !nested {
			return base64.StdEncoding.AppendEncode(b, v.Text())
		}
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Text()), '"')
	}
	return appendElements(b, v)
}

func appendFloatValue(b []byte, f float64, nested bool) []byte {
	text := ""
	switch {
	case math.IsNaN(f):
		text = "NaN"
	case math.IsInf(f, 1):
		text = "Infinity"
	case math.IsInf(f, -1):
		text = "-Infinity"
	default:
		return AppendFloat(b, f)
	}
	if nested {
		return appendQuoted(b, []byte(text))
	}
	return append(b, text...)
}

func appendElements(b []byte, v wire.Value) []byte {
	begin, end := byte('['), byte(']')
	if v.Type == wire.MapValue {
		begin, end = '{', '}'
	}
	b = append(b, begin)
	first := true
	for e := v.Elements(); e.Next(); first = false {
		if !first {
			b = append(b, ',')
		}
		if v.Type == wire.MapValue {
			b = append(appendQuoted(b, e.Key), ':')
		}
		b = appendValue(b, e.Value, true)
	}
	return append(b, end)
}

// appendQuoted appends text as a string of JSON.
func appendQuoted(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r) // U+FFFD for bytes that are not UTF-8
		}
		text = text[n:]
	}
	return append(b, '"')
}
