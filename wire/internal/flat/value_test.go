package flat

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/wire"
)

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		kind    wire.ValueType
		payload []byte
		want    string
	}{
		{wire.EmptyValue, nil, ""},
		{wire.BoolValue, wire.AppendBool(nil, true), "true"},
		{wire.Int64Value, wire.AppendInt64(nil, -5), "-5"},
		{wire.Float64Value, wire.AppendFloat64(nil, 0.1), "0.1"},
		{wire.Float64Value, wire.AppendFloat64(nil, math.Inf(-1)), "-Infinity"},
		{wire.Float64Value, wire.AppendFloat64(nil, math.NaN()), "NaN"},
		{wire.BytesValue, wire.AppendText(nil, "\x00\xff"), "AP8="},
		{wire.Int64SliceValue, wire.AppendInt64(wire.AppendInt64(wire.AppendCount(nil, 2), 1), 2), "[1,2]"},
		{wire.StringSliceValue, wire.AppendText(wire.AppendCount(nil, 1), "a\"\\\x01\xffé"), `["a\"\\\u0001�é"]`},
		{wire.SliceValue, append(wire.AppendCount(nil, 3), byte(wire.EmptyValue), byte(wire.BytesValue), 1, 'x', byte(wire.BoolValue), 0), `[null,"eA==",false]`},
		{wire.SliceValue, wire.AppendFloat64(wire.AppendType(wire.AppendCount(nil, 1), wire.Float64Value), math.Inf(1)), `["Infinity"]`},
		{wire.MapValue, wire.AppendText(wire.AppendType(wire.AppendText(wire.AppendCount(nil, 1), "k"), wire.StringValue), "v"), `{"k":"v"}`},
	} {
		a := wire.Attribute{Type: tt.kind, Payload: tt.payload}
		assert.Equal(t, tt.want, string(AppendValue(nil, &a)))
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.1: "0.1", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-07", -2.5: "-2.5", math.MaxFloat64: "1.7976931348623157e+308",
	} {
		assert.Equal(t, want, string(AppendFloat(nil, v)))
		assert.Equal(t, want, string(AppendNumber(nil, math.Float64bits(v), false)))
	}
	minus := int64(-7)
	assert.Equal(t, "-7", string(AppendNumber(nil, uint64(minus), true)))
	assert.Equal(t, "+Inf", string(AppendBound(nil, math.Inf(1))))
}

// TestIntegersAreShortest: an integer has the same digits as an integer and as a float.
func TestIntegersAreShortest(t *testing.T) {
	for shift := range 64 {
		for _, v := range []float64{math.Ldexp(1, shift), math.Ldexp(1, shift) - 1, math.Ldexp(3, shift) + 1, math.Pow(10, float64(shift)/4)} {
			for _, v := range []float64{v, -v, math.Trunc(v), v + 0.5} {
				if math.Abs(v) < 1e21 {
					assert.Equal(t, strconv.FormatFloat(v, 'f', -1, 64), string(AppendFloat(nil, v)))
				}
			}
		}
	}
	assert.Equal(t, "-0", string(AppendFloat(nil, math.Copysign(0, -1))))
}
