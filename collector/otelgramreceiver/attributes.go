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
	// What a set, an attribute and each byte of a list take in memory, at most.
	setCost       = 320
	attributeCost = 160
	elementCost   = 48
	// manyEntries is from how many entries on a map is made by way of a Go map: pdata looks
	// for a key among all those before it.
	manyEntries = 64
)

// attributeWriter writes attribute sets. A set that was written before is copied: pdata
// compares the keys of a set with each other as it is made, and makes its text anew.
type attributeWriter struct {
	known  map[string]*knownSet
	cached int // bytes of memory of known
	last   *knownSet
	key    []byte
	sets   []pcommon.Map // of the packet, by index, as far as they were written; zero before
}

// knownSet is a set that was written before. Senders repeat their sets in the same order:
// so the set that followed it the last time is the first one to compare with.
type knownSet struct {
	written    pcommon.Map
	attributes []knownAttribute
	next       *knownSet
}

type knownAttribute struct {
	key, payload string
	kind         wire.ValueType
}

func (s *knownSet) equals(v *wire.AttributesView) bool {
	if len(s.attributes) != len(v.All) {
		return false
	}
	for i := range v.All {
		a, kv := &s.attributes[i], &v.All[i]
		if a.kind != kv.Value.Type || a.payload != string(kv.Value.Payload()) || a.key != string(kv.Key) {
			return false
		}
	}
	return true
}

func newAttributeWriter() attributeWriter {
	return attributeWriter{known: map[string]*knownSet{}}
}

// attributes writes a set of the packet, and returns how many items it has.
func (w *attributeWriter) attributes(to pcommon.Map, v *wire.AttributesView) (items int) {
	if len(v.All) == 0 {
		return 0
	}
	for len(w.sets) <= v.Index {
		w.sets = append(w.sets, pcommon.Map{})
	}
	if w.sets[v.Index] == (pcommon.Map{}) {
		w.sets[v.Index] = w.set(v)
	}
	w.sets[v.Index].CopyTo(to)
	return len(v.All)
}

// set returns a set, to be copied.
func (w *attributeWriter) set(v *wire.AttributesView) pcommon.Map {
	if w.last != nil && w.last.next != nil && w.last.next.equals(v) {
		w.last = w.last.next
		return w.last.written
	}
	n := cost(v)
	if n > maxRemembered {
		return newSet(v)
	}
	w.key = appendKey(w.key[:0], v)
	s := w.known[string(w.key)]
	if s == nil {
		if w.cached += n; w.cached > cacheSize {
			clear(w.known) // and learned again
			w.cached, w.last = n, nil
		}
		s = newKnownSet(v)
		w.known[string(w.key)] = s
	}
	if w.last != nil {
		w.last.next = s
	}
	w.last = s
	return s.written
}

func newKnownSet(v *wire.AttributesView) *knownSet {
	s := &knownSet{written: newSet(v), attributes: make([]knownAttribute, len(v.All))}
	for i, kv := range v.All {
		s.attributes[i] = knownAttribute{string(kv.Key), string(kv.Value.Payload()), kv.Value.Type}
	}
	return s
}

func newSet(v *wire.AttributesView) pcommon.Map {
	m := pcommon.NewMap()
	if len(v.All) >= manyEntries {
		raw := make(map[string]any, len(v.All))
		for _, kv := range v.All {
			raw[string(kv.Key)] = rawValue(kv.Value)
		}
		_ = m.FromRaw(raw) // it knows the types of rawValue
		return m
	}
	m.EnsureCapacity(len(v.All))
	for _, kv := range v.All {
		writeValue(m.PutEmpty(string(kv.Key)), kv.Value) // of equal keys the last counts
	}
	return m
}

// cost is about what a set and its key take in memory, in bytes.
func cost(v *wire.AttributesView) int {
	n := setCost
	for _, kv := range v.All {
		n += attributeCost + 3*len(kv.Key)
		switch payload := len(kv.Value.Payload()); kv.Value.Type {
		case wire.StringValue, wire.BytesValue:
			n += 3 * payload
		default:
			n += (2 + elementCost) * payload
		}
	}
	return n
}

// appendKey appends what tells one set from another, whatever packet it is in.
func appendKey(key []byte, v *wire.AttributesView) []byte {
	for _, kv := range v.All {
		key = wire.AppendText(key, kv.Key)
		key = wire.AppendType(key, kv.Value.Type)
		key = wire.AppendText(key, kv.Value.Payload())
	}
	return key
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
		to.SetStr(string(v.Text()))
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
		_ = to.FromRaw(rawEntries(e)) // it knows the types of rawValue
		return
	}
	to.EnsureCapacity(e.Len())
	for e.Next() {
		writeValue(to.PutEmpty(string(e.Key)), e.Value)
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
		return string(v.Text())
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
		raw[string(e.Key)] = rawValue(e.Value)
	}
	return raw
}
