package intern

import "go.opentelemetry.io/otel/attribute"

// Dedup returns set with one entry for each key of its maps, at any depth, and whether that
// is another set. As in the SDK, the last of equal keys counts. A set without maps and
// slices is only looked through.
func Dedup(set attribute.Set) (attribute.Set, bool) {
	for i := range set.Len() {
		kv, _ := set.Get(i)
		if _, changed := dedup(kv.Value); changed {
			kvs := set.ToSlice()
			for i := range kvs {
				kvs[i].Value, _ = dedup(kvs[i].Value)
			}
			return attribute.NewSet(kvs...), true
		}
	}
	return set, false
}

func dedup(v attribute.Value) (attribute.Value, bool) {
	changed := false
	switch v.Type() {
	case attribute.SLICE:
		vs := v.AsSlice()
		for i := range vs {
			one, other := dedup(vs[i])
			vs[i], changed = one, changed || other
		}
		if changed {
			return attribute.SliceValue(vs...), true
		}
	case attribute.MAP:
		kvs := v.AsMap() // sorted by key, in the order in which they were given
		kept := kvs[:0]
		for i, kv := range kvs {
			if i+1 < len(kvs) && kvs[i+1].Key == kv.Key {
				changed = true
				continue
			}
			one, other := dedup(kv.Value)
			kept, changed = append(kept, attribute.KeyValue{Key: kv.Key, Value: one}), changed || other
		}
		if changed {
			return attribute.MapValue(kept...), true
		}
	}
	return v, false
}
