package direct

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// rawAttributes is what an option of the experimental metric/x module
// implements; it needs no import to be recognised.
type rawAttributes interface {
	RawAttributes() []attribute.KeyValue
	Experimental()
}

// withRaw adds to set the attributes of experimental options, which win over
// those of the others.
func withRaw[O any](set attribute.Set, opts []O) attribute.Set {
	var kvs []attribute.KeyValue
	for _, o := range opts {
		if raw, ok := any(o).(rawAttributes); ok {
			if kvs == nil {
				kvs = set.ToSlice()
			}
			kvs = append(kvs, raw.RawAttributes()...)
		}
	}
	if kvs == nil {
		return set
	}
	return attribute.NewSet(kvs...)
}

func addAttributes(opts []metric.AddOption) attribute.Set {
	if len(opts) == 0 {
		return attribute.Set{}
	}
	return withRaw(metric.NewAddConfig(opts).Attributes(), opts)
}

func recordAttributes(opts []metric.RecordOption) attribute.Set {
	if len(opts) == 0 {
		return attribute.Set{}
	}
	return withRaw(metric.NewRecordConfig(opts).Attributes(), opts)
}

func observeAttributes(opts []metric.ObserveOption) attribute.Set {
	return withRaw(metric.NewObserveConfig(opts).Attributes(), opts)
}

// allowedKeys returns the keys an instrument keeps by an experimental option,
// and whether there is one.
func allowedKeys[O any](opts []O) (keys []attribute.Key, limited bool) {
	for _, o := range opts {
		if a, ok := any(o).(interface{ AllowedKeys() []attribute.Key }); ok {
			limited = true
			keys = append(keys, a.AllowedKeys()...)
		}
	}
	return keys, limited
}

// filtered returns the attributes of set whose keys are allowed.
func filtered(set attribute.Set, keys []attribute.Key) attribute.Set {
	kept, _ := set.Filter(func(kv attribute.KeyValue) bool { return slices.Contains(keys, kv.Key) })
	return kept
}
