package intern

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"

	"github.com/otelgram/otelgram/internal/allocs"
)

// nested returns a value of each kind of strings, cut from the large one.
func nested(large string) []attribute.KeyValue {
	cut := func(i int) string { return large[i : i+4] }
	return []attribute.KeyValue{
		attribute.String(cut(0), cut(4)),
		attribute.StringSlice("list", []string{cut(8), cut(12)}),
		{Key: "slice", Value: attribute.SliceValue(attribute.StringValue(cut(16)), attribute.IntValue(1))},
		{Key: "map", Value: attribute.MapValue(attribute.String(cut(20), cut(24)), attribute.KeyValue{
			Key: attribute.Key(cut(28)), Value: attribute.MapValue(attribute.String("k", cut(32))),
		})},
		{Key: "bytes", Value: attribute.ByteSliceValue([]byte(cut(36)))},
		attribute.Int("number", 1),
	}
}

// texts calls f for each string in kvs.
func texts(kvs []attribute.KeyValue, f func(string)) {
	for _, kv := range kvs {
		f(string(kv.Key))
		textsOf(kv.Value, f)
	}
}

func textsOf(v attribute.Value, f func(string)) {
	switch v.Type() {
	case attribute.STRING:
		f(v.AsString())
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			f(s)
		}
	case attribute.SLICE:
		for _, e := range v.AsSlice() {
			textsOf(e, f)
		}
	case attribute.MAP:
		texts(v.AsMap(), f)
	}
}

// TestOwn: the copy is equal, and no string of it is a part of the caller's.
func TestOwn(t *testing.T) {
	large := strings.Repeat("0123456789abcdefghijklmnop", 1000)
	set := attribute.NewSet(nested(large)...)
	own := Own(set)
	assert.Equal(t, set, own)
	begin := uintptr(unsafe.Pointer(unsafe.StringData(large)))
	of := func(s attribute.Set) (theirs int) {
		texts(s.ToSlice(), func(text string) {
			if at := uintptr(unsafe.Pointer(unsafe.StringData(text))); at-begin < uintptr(len(large)) {
				theirs++
			}
		})
		return theirs
	}
	assert.Equal(t, 9, of(set))
	assert.Zero(t, of(own))
	assert.Equal(t, attribute.Set{}, Own(*attribute.EmptySet()))
}

// TestDedup: as in the SDK, the last of the entries of a map with equal keys counts, at any
// depth.
func TestDedup(t *testing.T) {
	twice := func(key string) attribute.Value {
		return attribute.MapValue(attribute.Int(key, 1), attribute.Int("other", 3), attribute.Int(key, 2))
	}
	once := func(key string) attribute.Value {
		return attribute.MapValue(attribute.Int("other", 3), attribute.Int(key, 2))
	}
	of := func(v attribute.Value) attribute.Set { return attribute.NewSet(attribute.KeyValue{Key: "k", Value: v}) }
	for _, tt := range []struct {
		name        string
		given, want attribute.Value
	}{
		{"a map", twice("k"), once("k")},
		{"in a slice", attribute.SliceValue(attribute.IntValue(1), twice("k")), attribute.SliceValue(attribute.IntValue(1), once("k"))},
		{"in a map", attribute.MapValue(attribute.KeyValue{Key: "in", Value: twice("k")}), attribute.MapValue(attribute.KeyValue{Key: "in", Value: once("k")})},
		{"maps of equal keys", attribute.MapValue(attribute.KeyValue{Key: "in", Value: once("a")}, attribute.KeyValue{Key: "in", Value: twice("k")}),
			attribute.MapValue(attribute.KeyValue{Key: "in", Value: once("k")})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, changed := Dedup(of(tt.given))
			assert.True(t, changed)
			want := of(tt.want)
			assert.Equal(t, want.Equivalent(), got.Equivalent())
			same, changed := Dedup(want)
			assert.False(t, changed)
			assert.Equal(t, want, same)
		})
	}
	plain := attribute.NewSet(nested(strings.Repeat("0123456789", 10))[:2]...)
	assert.Zero(t, allocs.In(100, func() { Dedup(plain) }))
}

// TestOwnScope: the copy is equal, and no string of it is a part of the caller's.
func TestOwnScope(t *testing.T) {
	large := strings.Repeat("0123456789", 100)
	scope := instrumentation.Scope{Name: large[:5], Version: large[5:8], SchemaURL: large[8:20], Attributes: attribute.NewSet(attribute.String(large[20:24], large[24:28]))}
	own := OwnScope(scope)
	assert.Equal(t, scope, own)
	begin := uintptr(unsafe.Pointer(unsafe.StringData(large)))
	for _, text := range []string{own.Name, own.Version, own.SchemaURL} {
		assert.GreaterOrEqual(t, uintptr(unsafe.Pointer(unsafe.StringData(text)))-begin, uintptr(len(large)))
	}
	texts(own.Attributes.ToSlice(), func(text string) {
		assert.GreaterOrEqual(t, uintptr(unsafe.Pointer(unsafe.StringData(text)))-begin, uintptr(len(large)))
	})
}

// TestSizes: what a set and a scope take is no less than their texts and numbers, and grows by
// what a text grows.
func TestSizes(t *testing.T) {
	empty := SetSize(attribute.Set{})
	assert.Zero(t, empty)
	for _, tt := range []struct {
		kv    attribute.KeyValue
		least int
	}{
		{attribute.String("key", "value"), 8},
		{attribute.Int("key", 1), 3 + 8},
		{attribute.Bool("key", true), 3},
		{attribute.StringSlice("key", []string{"abc", "defg"}), 3 + 7},
		{attribute.KeyValue{Key: "key", Value: attribute.MapValue(attribute.String("a", "bcd"))}, 3 + 4},
		{attribute.KeyValue{Key: "key"}, 3},
	} {
		size := SetSize(attribute.NewSet(tt.kv))
		assert.GreaterOrEqual(t, size, int64(attributeCost+tt.least), "%v", tt.kv)
		longer := tt.kv
		longer.Key += "0123456789"
		assert.Equal(t, size+10, SetSize(attribute.NewSet(longer)))
		assert.Equal(t, size+SetSize(attribute.NewSet(attribute.Int("another", 1))), SetSize(attribute.NewSet(tt.kv, attribute.Int("another", 1))))
		scope := instrumentation.Scope{Name: "name", Version: "v1", SchemaURL: "url", Attributes: attribute.NewSet(tt.kv)}
		assert.Equal(t, size+9, ScopeSize(&scope))
	}
}
