package wire

import (
	"encoding/binary"
	"math"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// ValueType is the type of an attribute value.
type ValueType uint8

// The types of attribute values, OpenTelemetry's twelve. They are part of the wire format.
const (
	EmptyValue ValueType = iota
	BoolValue
	Int64Value
	Float64Value
	StringValue
	BoolSliceValue
	Int64SliceValue
	Float64SliceValue
	StringSliceValue
	BytesValue
	SliceValue
	MapValue
)

// The Append functions below append the payload of an attribute value to b. A nested value
// is its type (AppendType) and its payload. The package documentation says which payload
// each type has.

// AppendType appends the type of a nested value.
func AppendType(b []byte, t ValueType) []byte { return append(b, byte(t)) }

// AppendBool appends a bool.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendInt64 appends an int64.
func AppendInt64(b []byte, v int64) []byte { return number.AppendSvarint(b, v) }

// AppendFloat64 appends a float64, all its bits.
func AppendFloat64(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendText appends a string, a byte slice or the key of a map's entry.
func AppendText[T string | []byte](b []byte, v T) []byte { return number.AppendText(b, v) }

// AppendCount appends how many elements of a slice or map follow.
func AppendCount(b []byte, n int) []byte { return number.AppendUvarint(b, uint64(n)) }

// Value is an attribute value inside a packet: a view that is valid as long as the packet
// and the Decoder from which it came. A method that does not fit the Type returns a zero.
type Value struct {
	Type ValueType
	// data is the text of a string or bytes value, and the payload of any other.
	data []byte
}

// Bool returns a bool.
func (v Value) Bool() bool { return v.Type == BoolValue && len(v.data) == 1 && v.data[0] == 1 }

// Int64 returns an int64.
func (v Value) Int64() int64 {
	if v.Type != Int64Value {
		return 0
	}
	i, _ := binary.Varint(v.data)
	return i
}

// Float64 returns a float64, bit by bit as it was sent.
func (v Value) Float64() float64 {
	if v.Type != Float64Value || len(v.data) != 8 {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v.data))
}

// Text returns the bytes of a string or bytes value.
func (v Value) Text() []byte {
	if v.Type != StringValue && v.Type != BytesValue {
		return nil
	}
	return v.data
}

// Payload returns the value's bytes in the packet. Values of one type are equal if their
// payloads are.
func (v Value) Payload() []byte { return v.data }

// Elements returns the elements of a slice or map, and none for any other value.
func (v Value) Elements() Elements {
	if elementType(v.Type) == EmptyValue && v.Type != SliceValue && v.Type != MapValue {
		return Elements{}
	}
	e := Elements{of: v.Type}
	e.r.reset(v.data, 0)
	e.left = e.r.Count("count", 1)
	return e
}

// Elements iterates over a slice or map:
//
//	for e := v.Elements(); e.Next(); {
//		use(e.Key, e.Value)
//	}
type Elements struct {
	// Key is the current entry's key: nil in a slice.
	Key []byte
	// Value is the current element.
	Value Value

	of   ValueType
	left int
	r    reader
}

// Len returns how many elements are still to come.
func (e *Elements) Len() int { return e.left }

// Next moves to the next element and reports whether there is one.
func (e *Elements) Next() bool {
	if e.left == 0 {
		return false
	}
	e.left--
	e.Key, e.Value = e.r.element(e.of, MaxDepth)
	return !e.r.Failed()
}

// elementType returns the type of the elements of a homogeneous slice, and EmptyValue for
// everything else.
func elementType(t ValueType) ValueType {
	switch t {
	case BoolSliceValue:
		return BoolValue
	case Int64SliceValue:
		return Int64Value
	case Float64SliceValue:
		return Float64Value
	case StringSliceValue:
		return StringValue
	}
	return EmptyValue
}

// element reads one element of a slice or map of type t. depth is how many levels the
// element may open.
func (r *reader) element(t ValueType, depth int) (key []byte, v Value) {
	if inner := elementType(t); inner != EmptyValue {
		return nil, r.value(inner, depth)
	}
	if t == MapValue {
		key = r.Text("map key")
	}
	return key, r.value(ValueType(r.Byte("value type")), depth)
}

// value reads the payload of a value of type t and everything inside it.
func (r *reader) value(t ValueType, depth int) Value {
	start := r.At
	switch t {
	case EmptyValue:
	case BoolValue:
		if r.Byte("bool") > 1 {
			r.Fail("bool")
		}
	case Int64Value:
		r.Svarint("int64")
	case Float64Value:
		r.Bytes("float64", 8)
	case StringValue, BytesValue:
		return Value{Type: t, data: r.Text("text")}
	case BoolSliceValue, Int64SliceValue, Float64SliceValue, StringSliceValue, SliceValue, MapValue:
		if depth == 0 {
			r.Fail("nesting")
			break
		}
		n := r.Count("elements", 1)
		r.take(n*(MaxDepth-depth+1), "elements")
		for ; n > 0 && !r.Failed(); n-- {
			r.element(t, depth-1)
		}
	default:
		r.Fail("value type")
	}
	if r.Failed() {
		return Value{}
	}
	return Value{Type: t, data: r.Body[start:r.At:r.At]}
}
