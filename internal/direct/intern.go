package direct

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/table"
)

// Tag is a key and a value. It has no name of its own, so that it is the type of the
// same fields in package exporter, where users read of it.
type Tag = struct{ Key, Value string }

const (
	// maxInterned bounds the names with tags that are remembered; those that find no
	// room are looked up by their attributes each time.
	maxInterned = 1 << 15
	// What an entry takes beside its text, and for each tag, in bytes, about.
	entryCost    = 256
	entryTagCost = 48
)

// interned finds what is recorded by a name and tags, without locks or allocations.
// Entries are only ever added.
type interned struct {
	seed    maphash.Seed
	secrets [3]uint64
	entries table.Table[entry]
	count   atomic.Int64
}

type entry struct {
	hash  uint64
	text  string // kind, name and tags, see keep
	bound *aggregate.Bound[float64]
}

var sealed entry

func newInterned() *interned {
	t := &interned{seed: maphash.MakeSeed(), secrets: [3]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64()}}
	t.entries.Init(&sealed, func(e *entry) uint64 { return e.hash }, func(*entry) bool { return false })
	return t
}

// hash mixes the kind, the name, and the keys and values of the tags.
func (t *interned) hash(kind uint8, name string, tags []Tag) uint64 {
	h := t.mix(t.secrets[2]+uint64(kind), name)
	for i := range tags {
		h = t.mix(t.mix(h, tags[i].Key), tags[i].Value)
	}
	return h
}

// mix mixes a string into h, eight bytes at a time, by the multiplication of
// wyhash (Wang Yi, 2019). The secrets are random, since tags may come from
// outside; a string of more than 32 bytes is left to the standard library.
func (t *interned) mix(h uint64, s string) uint64 {
	n := len(s)
	switch {
	case n > 32:
		return multiply(h^t.secrets[1], maphash.String(t.seed, s))
	case n > 16:
		h = multiply(h^load8(s), load8(s[8:])^t.secrets[0])
		fallthrough
	case n > 8:
		rest := s[max(0, n-16):]
		return multiply(h^load8(rest), load8(s[n-8:])^t.secrets[1]^uint64(n)<<56)
	}
	return multiply(h^t.secrets[0], loadShort(s)^t.secrets[1]^uint64(n)<<56)
}

func multiply(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// load8 returns the first eight bytes of s.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// loadShort returns the bytes of s, of which there are at most eight; with the
// length they are s.
func loadShort(s string) uint64 {
	switch n := len(s); {
	case n >= 4:
		return load4(s) | load4(s[n-4:])<<32
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return 0
}

func load4(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// find returns the entry, nil if there is none.
func (t *interned) find(h uint64, kind uint8, name string, tags []Tag) *entry {
	slots := t.entries.Slots()
	for place := h; ; place++ {
		e := slots.At(place)
		if e == nil || e.hash == h && e.is(kind, name, tags) {
			return e
		}
	}
}

func (e *entry) is(kind uint8, name string, tags []Tag) bool {
	rest := e.text
	if rest[0] != kind || !starts(rest[1:], name) {
		return false
	}
	rest = rest[1+lengthSize+len(name):]
	for i := range tags {
		t := &tags[i]
		if !starts(rest, t.Key) {
			return false
		}
		rest = rest[lengthSize+len(t.Key):]
		if !starts(rest, t.Value) {
			return false
		}
		rest = rest[lengthSize+len(t.Value):]
	}
	return rest == ""
}

// add enters what find did not find, and returns the entry of another who was faster if
// there is one. The caller has made sure that there is room.
func (t *interned) add(e *entry) *entry {
	return t.entries.Add(e, func(x *entry) bool { return x.hash == e.hash && x.text == e.text })
}

// keep copies kind, name and tags into one text, each string behind its length:
// it keeps nothing alive that they were cut from, and comparing with it touches
// few cache lines. The tags returned are cut from the text.
func keep(kind uint8, name string, tags []Tag) (text string, own []Tag) {
	b := appendString([]byte{kind}, name)
	ends := make([]int, 0, 2*len(tags))
	for _, t := range tags {
		b = appendString(b, t.Key)
		ends = append(ends, len(b))
		b = appendString(b, t.Value)
		ends = append(ends, len(b))
	}
	text = string(b)
	own = make([]Tag, len(tags))
	for i, t := range tags {
		key, value := ends[2*i], ends[2*i+1]
		own[i] = Tag{Key: text[key-len(t.Key) : key], Value: text[value-len(t.Value) : value]}
	}
	return text, own
}

// lengthSize is what the length of a string takes in a text, in bytes.
const lengthSize = 4

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// starts reports whether text begins with s and its length. A length beyond 32
// bits is never equal to what follows it.
func starts(text, s string) bool {
	return len(text) >= lengthSize+len(s) && load4(text) == uint64(len(s)) && text[lengthSize:lengthSize+len(s)] == s
}

// attributes returns tags as an attribute set; of a key that repeats, the last
// value counts.
func attributes(tags []Tag) attribute.Set {
	kvs := make([]attribute.KeyValue, len(tags))
	for i, t := range tags {
		kvs[i] = attribute.String(t.Key, t.Value)
	}
	return attribute.NewSet(kvs...)
}
