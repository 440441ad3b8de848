package otelgramreceiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelgram/otelgram/wire"
)

const (
	// cacheSize is how many bytes of memory a processor may take for attribute sets.
	cacheSize = 8 << 20
	// maxRemembered is the largest set that is remembered, in bytes of memory.
	maxRemembered = 16 << 10
	// setCost is what a set that is remembered takes besides its attributes. attributeCost
	// is what each attribute takes besides its text. Both are in bytes.
	setCost       = 320
	attributeCost = 100
	// attributeSize is what an attribute of pdata takes in memory besides its text.
	// elementSize is the most that a list or map takes for each of its bytes in a packet,
	// in which an element may have one byte.
	attributeSize = 64
	elementSize   = 48
	// manyEntries is from how many entries on a map is made from a Go map. The other way
	// compares each key with all keys before it.
	manyEntries = 64
)

// attributeWriter writes attribute sets. Making a set compares its keys with each other and
// allocates its text. Copying a set does neither, so a set that was written before is
// copied.
type attributeWriter struct {
	known  map[string]*knownSet
	cached int // bytes of memory of known
	last   *knownSet
	key    []byte
	sets   []writtenSet // of the packet, by index; zero until they are written
}

// writtenSet is a set to be copied. A copy takes about size bytes.
type writtenSet struct {
	pcommon.Map
	size int
}

// knownSet is a set that was written before. Senders repeat their sets in the same order,
// so the set that followed last time is the first one to compare with.
type knownSet struct {
	written    writtenSet
	attributes []knownAttribute
	next       *knownSet
}

type knownAttribute struct {
	key, payload string
	kind         wire.ValueType
}

func (s *knownSet) equals(v *wire.AttributesView) bool {
	if len(s.attributes) != v.Len() {
		return false
	}
	for i := range s.attributes {
		a, value := &s.attributes[i], v.Value(i)
		if a.kind != value.Type || a.payload != string(value.Payload()) || a.key != string(v.Key(i)) {
			return false
		}
	}
	return true
}

func newAttributeWriter() attributeWriter {
	return attributeWriter{known: map[string]*knownSet{}}
}

// attributes writes a set of the packet, and returns about how many bytes it takes.
func (w *attributeWriter) attributes(to pcommon.Map, v *wire.AttributesView) (bytes int) {
	if v.Len() == 0 {
		return 0
	}
	for len(w.sets) <= v.Index {
		w.sets = append(w.sets, writtenSet{})
	}
	s := &w.sets[v.Index]
	if s.size == 0 {
		*s = w.set(v)
	}
	s.CopyTo(to)
	return s.size
}

// set returns a set to be copied.
func (w *attributeWriter) set(v *wire.AttributesView) writtenSet {
	if w.last != nil && w.last.next != nil && w.last.next.equals(v) {
		w.last = w.last.next
		return w.last.written
	}
	size := setSize(v)
	// The text is in the copy that is kept, in the key, and in the attributes to compare
	// with.
	n := setCost + attributeCost*v.Len() + 3*size
	if n > maxRemembered {
		return writtenSet{newSet(v), size}
	}
	w.key = v.AppendKey(w.key[:0])
	s := w.known[string(w.key)]
	if s == nil {
		if w.cached += n; w.cached > cacheSize {
			clear(w.known) // sets are learned again
			w.cached, w.last = n, nil
		}
		s = newKnownSet(v, size)
		w.known[string(w.key)] = s
	}
	if w.last != nil {
		w.last.next = s
	}
	w.last = s
	return s.written
}

func newKnownSet(v *wire.AttributesView, size int) *knownSet {
	s := &knownSet{written: writtenSet{newSet(v), size}, attributes: make([]knownAttribute, v.Len())}
	for i, kv := range v.All() {
		s.attributes[i] = knownAttribute{string(kv.Key), string(kv.Value.Payload()), kv.Value.Type}
	}
	return s
}

func newSet(v *wire.AttributesView) pcommon.Map {
	m := pcommon.NewMap()
	if v.Len() >= manyEntries {
		raw := make(map[string]any, v.Len())
		for _, kv := range v.All() {
			raw[valid(kv.Key)] = rawValue(kv.Value)
		}
		_ = m.FromRaw(raw) // it never fails: it knows the types of rawValue
		return m
	}
	m.EnsureCapacity(v.Len())
	for _, kv := range v.All() {
		writeValue(m.PutEmpty(valid(kv.Key)), kv.Value) // of equal keys the last counts
	}
	return m
}

// setSize returns about what a set takes in memory, in bytes.
func setSize(v *wire.AttributesView) (bytes int) {
	for i := range v.Len() {
		bytes += attributeSize + len(v.Key(i)) + valueSize(v.Value(i))
	}
	return bytes
}

// entriesSize returns about what the entries of a map, or the attributes of an exemplar,
// take in memory, in bytes.
func entriesSize(e wire.Elements) (bytes int) {
	for e.Next() {
		bytes += attributeSize + len(e.Key) + valueSize(e.Value)
	}
	return bytes
}

// valueSize returns about what a value takes in memory besides its attribute, in bytes.
func valueSize(v wire.Value) int {
	switch v.Type {
	case wire.StringValue, wire.BytesValue:
		return len(v.Payload())
	}
	return (1 + elementSize) * len(v.Payload())
}

// writeValue writes a value of a packet.
func writeValue(to pcommon.Value, v wire.Value) {
	switch v.Type {
	case wire.EmptyValue:
	case wire.BoolValue:
		to.SetBool(v.Bool())
	case wire.Int64Value:
		to.SetInt(v.Int64())
	case wire.Float64Value:
		to.SetDouble(v.Float64())
	case wire.StringValue:
		to.SetStr(valid(v.Text()))
	case wire.BytesValue:
		to.SetEmptyBytes().FromRaw(v.Text())
	case wire.MapValue:
		writeEntries(to.SetEmptyMap(), v.Elements())
	case wire.BoolSliceValue, wire.Int64SliceValue, wire.Float64SliceValue, wire.StringSliceValue, wire.SliceValue:
		slice, elements := to.SetEmptySlice(), v.Elements()
		slice.EnsureCapacity(elements.Len())
		for elements.Next() {
			writeValue(slice.AppendEmpty(), elements.Value)
		}
	}
}

// writeEntries writes the entries of a map, or the attributes of an exemplar.
func writeEntries(to pcommon.Map, e wire.Elements) {
	if e.Len() >= manyEntries {
		_ = to.FromRaw(rawEntries(e)) // it never fails: it knows the types of rawValue
		return
	}
	to.EnsureCapacity(e.Len())
	for e.Next() {
		writeValue(to.PutEmpty(valid(e.Key)), e.Value)
	}
}

// rawValue returns a value of a packet as a plain Go value.
func rawValue(v wire.Value) any {
	switch v.Type {
	case wire.EmptyValue:
		return nil
	case wire.BoolValue:
		return v.Bool()
	case wire.Int64Value:
		return v.Int64()
	case wire.Float64Value:
		return v.Float64()
	case wire.StringValue:
		return valid(v.Text())
	case wire.BytesValue:
		return append([]byte{}, v.Text()...)
	case wire.MapValue:
		return rawEntries(v.Elements())
	}
	elements := v.Elements()
	slice := make([]any, 0, elements.Len())
	for elements.Next() {
		slice = append(slice, rawValue(elements.Value))
	}
	return slice
}

func rawEntries(e wire.Elements) map[string]any {
	raw := make(map[string]any, e.Len())
	for e.Next() {
		raw[valid(e.Key)] = rawValue(e.Value)
	}
	return raw
}
