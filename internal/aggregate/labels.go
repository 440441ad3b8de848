package aggregate

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// labels are the attributes of a series. Who makes a series copies them; the collector
// brings them into wire form, when it first sends a point, so that equal strings of all
// series are one.
type labels struct {
	wire    wire.AttributeSet
	pending *attribute.Set // nil once they are in wire form, or are found to have none
}

// sizeOf is about what the attributes of a set take, in bytes.
func sizeOf(set attribute.Set) int64 {
	size := attributeCost * set.Len()
	for i := range set.Len() {
		kv, _ := set.Get(i)
		size += len(kv.Key) + textOf(kv.Value)
	}
	return int64(size)
}

// textOf is how many bytes of text and numbers a value has.
func textOf(v attribute.Value) (n int) {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.EMPTY:
		return 8
	}
	return len(v.String())
}

func own(set attribute.Set) *attribute.Set {
	set = intern.Own(set)
	return &set
}

// compile brings the attributes into wire form, the first time, and reports whether they
// have one. Those that have none stay as they are.
func (l *labels) compile(sets *intern.AttributeSets) bool {
	if l.pending != nil && sets.Compile(&l.wire, *l.pending) {
		l.pending = nil
	}
	return l.pending == nil
}

// attributes returns the wire form, nil where there are none.
func (l *labels) attributes() *wire.AttributeSet {
	if l.wire.Len() == 0 {
		return nil
	}
	return &l.wire
}
