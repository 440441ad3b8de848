package intern

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
)

// Own returns a copy of set that shares no memory with it. A caller may have cut its
// strings from something large, which would stay in memory as long as the strings do.
func Own(set attribute.Set) attribute.Set {
	if set.Len() == 0 {
		return attribute.Set{}
	}
	return attribute.NewSet(ownAll(set.ToSlice())...)
}

// OwnScope returns a copy of s that shares no memory with it.
func OwnScope(s instrumentation.Scope) instrumentation.Scope {
	return instrumentation.Scope{
		Name: strings.Clone(s.Name), Version: strings.Clone(s.Version), SchemaURL: strings.Clone(s.SchemaURL), Attributes: Own(s.Attributes),
	}
}

// ScopeSize returns about what the strings and attributes of s take, in bytes.
func ScopeSize(s *instrumentation.Scope) int64 {
	return int64(len(s.Name)+len(s.Version)+len(s.SchemaURL)) + SetSize(s.Attributes)
}

// SetSize returns about what the attributes of a set take, in bytes.
func SetSize(set attribute.Set) int64 {
	size := attributeCost * set.Len()
	for i := range set.Len() {
		kv, _ := set.Get(i)
		size += len(kv.Key) + sizeOf(kv.Value)
	}
	return int64(size)
}

// sizeOf returns about how many bytes of text and numbers a value has.
func sizeOf(v attribute.Value) int {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.EMPTY:
		return 8
	}
	return len(v.String())
}

// ownAll copies what kvs refer to, in place.
func ownAll(kvs []attribute.KeyValue) []attribute.KeyValue {
	for i := range kvs {
		kvs[i] = attribute.KeyValue{Key: attribute.Key(strings.Clone(string(kvs[i].Key))), Value: own(kvs[i].Value)}
	}
	return kvs
}

func own(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(strings.Clone(v.AsString()))
	case attribute.STRINGSLICE:
		vs := v.AsStringSlice()
		for i := range vs {
			vs[i] = strings.Clone(vs[i])
		}
		return attribute.StringSliceValue(vs)
	case attribute.BYTESLICE:
		return attribute.ByteSliceValue(v.AsByteSlice())
	case attribute.SLICE:
		vs := v.AsSlice()
		for i := range vs {
			vs[i] = own(vs[i])
		}
		return attribute.SliceValue(vs...)
	case attribute.MAP:
		return attribute.MapValue(ownAll(v.AsMap())...)
	}
	return v
}
