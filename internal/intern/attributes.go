package intern

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

const (
	// maxSymbolLen is the longest string worth keeping, in bytes.
	maxSymbolLen = 1024
	// maxSetLen is the most attributes that a kept set may have. maxSetBytes is its
	// greatest length in wire form.
	maxSetLen   = 128
	maxSetBytes = 4096
	// maxPayload is the largest scratch memory that is kept, in bytes.
	maxPayload = 1024
	// symbolCost and setCost are about what a symbol and a kept set take besides their text
	// and attributes, in bytes. Their places in a map are included.
	symbolCost = 96
	setCost    = 256
	// attributeCost is about what each attribute of a kept set takes besides its text.
	attributeCost = 48
)

// AttributeSets interns attribute sets and their strings.
type AttributeSets struct {
	symbols cache[string, *wire.Symbol]
	sets    cache[attribute.Distinct, *InternedSet]

	memory *account.Budget // of both caches

	// uncached is the last set that found no room, until the next one. temporary are those
	// of its strings that found none.
	uncached  wire.AttributeSet
	temporary []*wire.Symbol
	used      int
	payload   []byte
}

// InternedSet is an attribute set that is kept in wire form.
type InternedSet struct {
	set  attribute.Set
	wire wire.AttributeSet
}

// Is returns the wire form of set if i is that set, and otherwise nil.
func (i *InternedSet) Is(set attribute.Set) *wire.AttributeSet {
	if i == nil || i.set != set {
		return nil
	}
	return &i.wire
}

// noAttributes is the hash of the empty set, which is never kept.
var noAttributes = attribute.EmptySet().Equivalent()

// Candidate returns the set that is kept with the hash of set, or nil. It looks at nothing but
// the hash: what it returns may be another set.
func (a *AttributeSets) Candidate(set attribute.Set) *InternedSet {
	hash := set.Equivalent()
	if hash == noAttributes {
		return nil
	}
	known, _ := a.sets.get(hash)
	return known
}

// Forget drops everything that is kept. An open packet that refers to it must take no more
// points.
func (a *AttributeSets) Forget() {
	a.symbols.forget()
	a.sets.forget()
}

// NewAttributeSets returns an empty AttributeSets. It charges what it keeps to memory.
func NewAttributeSets(limit int, memory *account.Budget) *AttributeSets {
	return &AttributeSets{
		memory:  memory,
		symbols: newCache[string](limit, memory, func(s *wire.Symbol) int64 { return int64(symbolCost + len(s.Text())) }),
		sets:    newCache[attribute.Distinct](limit, memory, func(s *InternedSet) int64 { return setMemory(&s.wire) }),
	}
}

// setMemory returns about what a set takes in memory, without its strings: in wire form,
// and as the copy of the caller's set, which is kept to compare with.
func setMemory(s *wire.AttributeSet) int64 {
	return int64(setCost + 2*attributeCost*s.Len() + 2*s.Weight())
}

// room returns the most that keeping a set takes, its strings included.
func room(s *wire.AttributeSet) int64 {
	return setMemory(s) + int64(2*symbolCost*s.Len()+s.Weight())
}

// Intern returns the wire form of set, valid until the next call. It returns false if a
// value has no wire form. The hash only finds candidates: sets are compared as a whole, so
// that two sets with one hash stay two series.
func (a *AttributeSets) Intern(set attribute.Set) (*wire.AttributeSet, bool) {
	key := set.Equivalent()
	if key == noAttributes && set.Len() == 0 {
		return nil, true
	}
	known, hit := a.sets.get(key)
	if w := known.Is(set); w != nil {
		return w, true
	}
	lent, ok := a.lend(set)
	if !ok || hit || set.Len() > maxSetLen || a.sets.len() >= a.sets.limit || lent.EncodedLen() > maxSetBytes || a.memory.Left() < room(lent) {
		return lent, ok
	}
	e := &InternedSet{set: Own(set)}
	a.compile(&e.wire, set, a.keep) // as it was lent
	a.sets.put(key, e)
	return &e.wire, true
}

// Compile makes to the wire form of set, and keeps the strings. It returns false if a value
// has no wire form, or the set has too many attributes.
func (a *AttributeSets) Compile(to *wire.AttributeSet, set attribute.Set) bool {
	to.Grow(set.Len())
	return a.compile(to, set, a.keep)
}

// lend returns the wire form of set, valid until the next call, and keeps nothing.
func (a *AttributeSets) lend(set attribute.Set) (*wire.AttributeSet, bool) {
	a.used = 0
	ok := a.compile(&a.uncached, set, a.borrow)
	return &a.uncached, ok
}

func (a *AttributeSets) compile(to *wire.AttributeSet, set attribute.Set, symbol func(string) *wire.Symbol) (ok bool) {
	a.payload, ok = compileSet(to, set, symbol, a.payload[:0])
	if cap(a.payload) > maxPayload {
		a.payload = nil
	}
	return ok
}

// compileSet makes to the wire form of set, with the symbols that symbol returns. It
// returns false if a value has no wire form, or the set has too many attributes. payload is
// scratch memory, and is returned.
func compileSet(to *wire.AttributeSet, set attribute.Set, symbol func(string) *wire.Symbol, payload []byte) ([]byte, bool) {
	to.Reset()
	if set.Len() > wire.MaxAttributes {
		return payload, false
	}
	for i := range set.Len() {
		kv, _ := set.Get(i)
		if kv.Value.Type() == attribute.STRING {
			to.AddString(symbol(string(kv.Key)), symbol(kv.Value.AsString()))
			continue
		}
		var ok bool
		if payload, ok = appendPayload(payload[:0], kv.Value, wire.MaxDepth); !ok {
			to.Reset() // a part of the set would be another set
			return payload, false
		}
		to.AddValue(symbol(string(kv.Key)), valueTypes[kv.Value.Type()], payload)
	}
	return payload, true
}

// keep returns the symbol for a string that a kept set refers to.
func (a *AttributeSets) keep(text string) *wire.Symbol {
	if s, ok := a.symbols.get(text); ok {
		return s
	}
	own := strings.Clone(text) // text may be a part of something large
	s := wire.NewSymbol(own)
	if len(own) <= maxSymbolLen {
		a.symbols.put(own, s)
	}
	return s
}

// borrow returns a symbol for a string of the uncached set.
func (a *AttributeSets) borrow(text string) *wire.Symbol {
	if s, ok := a.symbols.get(text); ok {
		return s
	}
	if a.used == len(a.temporary) {
		a.temporary = append(a.temporary, &wire.Symbol{})
	}
	s := a.temporary[a.used]
	a.used++
	s.Reset(text)
	return s
}

// valueTypes maps OpenTelemetry's types of values to ours.
var valueTypes = [...]wire.ValueType{
	attribute.EMPTY:        wire.EmptyValue,
	attribute.BOOL:         wire.BoolValue,
	attribute.INT64:        wire.Int64Value,
	attribute.FLOAT64:      wire.Float64Value,
	attribute.STRING:       wire.StringValue,
	attribute.BOOLSLICE:    wire.BoolSliceValue,
	attribute.INT64SLICE:   wire.Int64SliceValue,
	attribute.FLOAT64SLICE: wire.Float64SliceValue,
	attribute.STRINGSLICE:  wire.StringSliceValue,
	attribute.BYTESLICE:    wire.BytesValue,
	attribute.SLICE:        wire.SliceValue,
	attribute.MAP:          wire.MapValue,
}

// appendPayload appends the payload of v. It returns false for an unknown type and for
// values nested deeper than depth.
func appendPayload(b []byte, v attribute.Value, depth int) ([]byte, bool) {
	t := v.Type()
	if depth == 0 && t >= attribute.BOOLSLICE && t != attribute.BYTESLICE {
		return b, false
	}
	switch t {
	case attribute.EMPTY:
	case attribute.BOOL:
		b = wire.AppendBool(b, v.AsBool())
	case attribute.INT64:
		b = wire.AppendInt64(b, v.AsInt64())
	case attribute.FLOAT64:
		b = wire.AppendFloat64(b, v.AsFloat64())
	case attribute.STRING, attribute.BYTESLICE:
		b = wire.AppendText(b, v.AsString())
	case attribute.BOOLSLICE:
		b = appendSlice(b, v.AsBoolSlice(), wire.AppendBool)
	case attribute.INT64SLICE:
		b = appendSlice(b, v.AsInt64Slice(), wire.AppendInt64)
	case attribute.FLOAT64SLICE:
		b = appendSlice(b, v.AsFloat64Slice(), wire.AppendFloat64)
	case attribute.STRINGSLICE:
		b = appendSlice(b, v.AsStringSlice(), wire.AppendText[string])
	case attribute.SLICE:
		return appendNested(b, v, depth)
	case attribute.MAP:
		return appendMap(b, v, depth)
	default:
		return b, false
	}
	return b, true
}

func appendSlice[T any](b []byte, vs []T, element func([]byte, T) []byte) []byte {
	b = wire.AppendCount(b, len(vs))
	for _, v := range vs {
		b = element(b, v)
	}
	return b
}

func appendNested(b []byte, v attribute.Value, depth int) ([]byte, bool) {
	vs := v.AsSlice()
	b = wire.AppendCount(b, len(vs))
	ok := true
	for i := 0; i < len(vs) && ok; i++ {
		b, ok = appendTyped(b, vs[i], depth-1)
	}
	return b, ok
}

func appendMap(b []byte, v attribute.Value, depth int) ([]byte, bool) {
	kvs := v.AsMap()
	return AppendKeyValues(wire.AppendCount(b, len(kvs)), kvs, depth-1)
}

// AppendKeyValues appends keys, types and payloads, as a map and an exemplar have them.
func AppendKeyValues(b []byte, kvs []attribute.KeyValue, depth int) ([]byte, bool) {
	ok := true
	for i := 0; i < len(kvs) && ok; i++ {
		b = wire.AppendText(b, string(kvs[i].Key))
		b, ok = appendTyped(b, kvs[i].Value, depth)
	}
	return b, ok
}

func appendTyped(b []byte, v attribute.Value, depth int) ([]byte, bool) {
	t := v.Type()
	if int(t) >= len(valueTypes) || t < 0 {
		return b, false
	}
	return appendPayload(wire.AppendType(b, valueTypes[t]), v, depth)
}
