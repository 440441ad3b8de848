package direct

import (
	"reflect"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// rawAttributes is what an option of the experimental module metric/x implements.
// Recognising it needs no import.
type rawAttributes interface {
	RawAttributes() []attribute.KeyValue
	Experimental()
}

// attributesOption is the type of the API's own options for attributes.
var attributesOption = reflect.TypeOf(metric.WithAttributeSet(attribute.Set{}))

// withRaw adds to set the attributes of experimental options, which win over the attributes
// of other options. Comparing types is cheaper than asking for an interface, and is enough
// for nearly all options.
func withRaw[O any](set attribute.Set, opts []O) attribute.Set {
	var kvs []attribute.KeyValue
	for _, o := range opts {
		if reflect.TypeOf(o) == attributesOption {
			continue
		}
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
	return withRaw(metric.NewAddConfig(opts).Attributes(), opts)
}

func recordAttributes(opts []metric.RecordOption) attribute.Set {
	return withRaw(metric.NewRecordConfig(opts).Attributes(), opts)
}

func observeAttributes(opts []metric.ObserveOption) attribute.Set {
	return withRaw(metric.NewObserveConfig(opts).Attributes(), opts)
}

// allowedKeys returns the keys that an instrument keeps because of an experimental option,
// and whether it has that option.
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
