package direct

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/pipeline"
)

// Tag is a key and a value, both strings.
type Tag struct{ Key, Value string }

const (
	// maxInterned bounds the names with tags that are remembered; those that
	// find no room are looked up by the pump each time.
	maxInterned = 1 << 15
	firstSlots  = 1 << 8
	// What an entry takes beside its name, and for each tag, in bytes, about.
	entryCost    = 256
	entryTagCost = 48
)

// interned finds the bound instrument for a name and tags without locks or
// allocations. Entries are only ever added.
type interned struct {
	seed    maphash.Seed
	secrets [2]uint64
	table   atomic.Pointer[slots]

	mu    sync.Mutex // held to add
	count int
}

// slots is an open-addressed table with room for twice its entries.
type slots []atomic.Pointer[entry]

type entry struct {
	hash  uint64
	kind  uint8
	name  string
	tags  []Tag
	bound pipeline.Bound
}

func newInterned() *interned {
	t := &interned{seed: maphash.MakeSeed(), secrets: [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}}
	first := make(slots, firstSlots)
	t.table.Store(&first)
	return t
}

// hash mixes the name and the values of the tags; of the keys, which rarely
// tell two sets apart, only the lengths.
func (t *interned) hash(kind uint8, name string, tags []Tag) uint64 {
	h := t.mix(t.secrets[0]+uint64(kind), name)
	for i := range tags {
		h = t.mix(h+uint64(len(tags[i].Key)), tags[i].Value)
	}
	return h
}

// mix folds a string into h, eight bytes at a time, by the multiplication of
// wyhash (Wang Yi, 2019). The secrets are random, since tags may come from
// outside; a string of more than 32 bytes is left to the standard library.
func (t *interned) mix(h uint64, s string) uint64 {
	if len(s) > 32 {
		return fold(h^t.secrets[1], maphash.String(t.seed, s))
	}
	n := uint64(len(s))
	for len(s) > 8 {
		h = fold(h^t.secrets[0], load(s)^t.secrets[1])
		s = s[8:]
	}
	return fold(h^t.secrets[1], load(s)^t.secrets[0]^n<<56)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// load returns the first eight bytes of s, or as many as there are.
func load(s string) uint64 {
	if len(s) >= 8 {
		return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	}
	v := uint64(0)
	if len(s) >= 4 {
		v = uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
		s = s[4:]
	}
	for i := range len(s) {
		v = v<<8 | uint64(s[i])
	}
	return v
}

// find returns the entry, nil if there is none.
func (t *interned) find(h uint64, kind uint8, name string, tags []Tag) *entry {
	s := *t.table.Load()
	mask := uint64(len(s) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := s[i].Load()
		if e == nil {
			return nil
		}
		if e.hash == h && e.is(kind, name, tags) {
			return e
		}
	}
}

func (e *entry) is(kind uint8, name string, tags []Tag) bool {
	if e.kind != kind || e.name != name || len(e.tags) != len(tags) {
		return false
	}
	for i := range tags {
		if e.tags[i] != tags[i] {
			return false
		}
	}
	return true
}

// add enters what find did not find, and keeps name and tags. It returns nil if
// there is no room, and the entry of another who was faster if there is one.
func (t *interned) add(h uint64, kind uint8, name string, tags []Tag, bind func() pipeline.Bound) (e *entry, added bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.find(h, kind, name, tags); e != nil {
		return e, false
	}
	if t.count == maxInterned {
		return nil, false
	}
	s := *t.table.Load()
	if 2*(t.count+1) > len(s) {
		larger := make(slots, 2*len(s))
		for i := range s {
			if e := s[i].Load(); e != nil {
				larger.put(e)
			}
		}
		t.table.Store(&larger)
		s = larger
	}
	e = &entry{hash: h, kind: kind, name: name, tags: tags, bound: bind()}
	s.put(e)
	t.count++
	return e, true
}

func (s slots) put(e *entry) {
	mask := uint64(len(s) - 1)
	i := e.hash & mask
	for s[i].Load() != nil {
		i = (i + 1) & mask
	}
	s[i].Store(e)
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
