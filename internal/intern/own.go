package intern

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// Own returns a copy of set that shares no memory with it. A caller may have cut its
// strings from something large, which would stay as long as they do.
func Own(set attribute.Set) attribute.Set {
	if set.Len() == 0 {
		return attribute.Set{}
	}
	return attribute.NewSet(ownAll(set.ToSlice())...)
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
