package direct

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/table"
)

// Tag is a key and a value. It is an unnamed struct, so that it is the same type as Tag in
// package exporter, which documents it for users.
type Tag = struct{ Key, Value string }

const (
	// maxInterned bounds the names with tags that are remembered. Names with tags that find
	// no room are looked up by their attributes each time.
	maxInterned = 1 << 15
	// entryCost is about what an entry takes besides its text, in bytes. It includes a dead
	// series to which the entry may still refer.
	entryCost = 320
)

// interned finds what is recorded by name and tags, without locks or allocations. Callers
// only add. The collector takes out what has no living series.
type interned struct {
	seed    maphash.Seed
	secrets [3]uint64
	entries table.Table[entry]
	count   atomic.Int64
}

type entry struct {
	hash   uint64
	text   string // kind, name and tags, see keep
	series aggregate.Handle[float64]
	dead   atomic.Bool // it was taken out
}

var sealed entry

func newInterned() *interned {
	t := &interned{seed: maphash.MakeSeed(), secrets: [3]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64()}}
	t.entries.Init(&sealed, func(e *entry) uint64 { return e.hash }, func(e *entry) bool { return e.dead.Load() })
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

// mix mixes a string into h, eight bytes at a time, with the multiplication of wyhash (Wang
// Yi, 2019). The secrets are random, since tags may come from outside. The standard library
// mixes a string of more than 32 bytes.
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

// loadShort returns the bytes of s, of which there are at most eight. Together with the
// length they determine s.
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

// find returns the entry, or nil if there is none.
func (t *interned) find(h uint64, kind uint8, name string, tags []Tag) *entry {
	slots := t.entries.Slots()
	for place := h; ; place++ {
		e := slots.At(place)
		if slots.Ends(e) {
			return nil
		}
		if e.hash == h && e.is(kind, name, tags) && !e.dead.Load() {
			return e
		}
	}
}

// is compares with what keep wrote. It is most of the cost of a look-up, so it reads each
// length and string once.
func (e *entry) is(kind uint8, name string, tags []Tag) bool {
	t := e.text
	at := textHead + 2*lengthSize*len(tags)
	if len(t) < at+len(name) || t[0] != kind || lengthAt(t, 1) != len(tags) || lengthAt(t, 1+lengthSize) != len(name) || t[at:at+len(name)] != name {
		return false
	}
	at += len(name)
	lengths := t[textHead:]
	for i := range tags {
		key, value := tags[i].Key, tags[i].Value
		middle := at + len(key)
		end := middle + len(value)
		if lengthAt(lengths, 0) != len(key) || lengthAt(lengths, lengthSize) != len(value) || end > len(t) || t[at:middle] != key || t[middle:end] != value {
			return false
		}
		at, lengths = end, lengths[2*lengthSize:]
	}
	return at == len(t)
}

// add enters what find did not find. If another caller was faster, it returns that caller's
// entry. The caller has made sure that there is room.
func (t *interned) add(e *entry) *entry {
	return t.entries.Add(e, func(x *entry) bool { return x.hash == e.hash && x.text == e.text })
}

// remember enters an entry, if there is room and memory for it.
func (t *interned) remember(e *entry, memory *account.Budget) {
	switch {
	case len(e.text) > maxTextLen:
	case t.count.Add(1) > maxInterned || !memory.Take(e.cost()):
		t.count.Add(-1)
	case t.add(e) != e:
		t.count.Add(-1)
		memory.Give(e.cost())
	}
}

// cost returns about what an entry takes, in bytes.
func (e *entry) cost() int64 { return int64(entryCost + len(e.text)) }

// sweep takes out the entries whose series is dead, or that never had one of their own, and
// gives their memory back. The collector calls it after a collection.
func (t *interned) sweep(memory *account.Budget) {
	all, gone := 0, 0
	t.entries.Each(func(e *entry) {
		all++
		if !e.dead.Load() && !e.series.Alive() {
			e.dead.Store(true)
			t.count.Add(-1)
			memory.Give(e.cost())
		}
		if e.dead.Load() {
			gone++
		}
	})
	if 4*gone > all {
		t.entries.Rebuild(t.entries.Slots())
	}
}

// keep copies kind, name and tags into one text: the kind, the number of tags, the length
// of each string, and then the strings. The copy keeps no other memory alive, and comparing
// with it touches few cache lines.
func keep(kind uint8, name string, tags []Tag) string {
	b := appendLength(appendLength([]byte{kind}, len(tags)), len(name))
	for _, t := range tags {
		b = appendLength(appendLength(b, len(t.Key)), len(t.Value))
	}
	b = append(b, name...)
	for _, t := range tags {
		b = append(append(b, t.Key...), t.Value...)
	}
	return string(b)
}

const (
	// lengthSize is what a length takes in a text, in bytes.
	lengthSize = 2
	// textHead is the offset at which the lengths of the tags begin.
	textHead = 1 + 2*lengthSize
	// maxTextLen bounds the texts that are kept, so that each length fits.
	maxTextLen = 1 << 15
)

func appendLength(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8)) }

func lengthAt(text string, at int) int { return int(text[at]) | int(text[at+1])<<8 }

// attributes returns tags as an attribute set. If a key repeats, its last value counts.
func attributes(tags []Tag) attribute.Set {
	kvs := make([]attribute.KeyValue, len(tags))
	for i, t := range tags {
		kvs[i] = attribute.String(t.Key, t.Value)
	}
	return attribute.NewSet(kvs...)
}
