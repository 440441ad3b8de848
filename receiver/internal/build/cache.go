package build

import (
	"math/bits"
	"math/rand/v2"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// maxRemembered is the largest set worth remembering, in bytes of memory.
const maxRemembered = 16 << 10

const (
	// setCost is what a set, a resource, or an entry of the cache takes in memory besides
	// its attributes and text, in bytes.
	setCost = 256
	// attributeCost is what an attribute takes in memory besides its text. elementCost is
	// the most that each byte of a payload takes: an element of a map has two bytes in a
	// packet and 64 here.
	attributeCost = 88
	elementCost   = 48
	// textCost is what a text takes in the cache besides its bytes.
	textCost = 96
)

// cache remembers texts, attribute sets and resources. When it is full, all of it is
// forgotten and learned again.
//
// Each text has an ID, which is never used again for another text. A set is known by the IDs
// of its keys and values. So a packet's strings are looked up once a packet, and its sets by
// comparing numbers.
type cache struct {
	size, used int // bytes of memory
	ids        uint64
	texts      map[string]text
	// recent are texts that were looked up lately, by what hint says of them. The map takes
	// four times as long.
	recent [256]text
	sets   map[uint64]*knownSet // by the hash of their words
	empty  knownSet
	seeds  [2]uint64 // of the hash; unknown to senders, who could make collisions otherwise

	dictionary [][]byte // of the packet
	// strings and numbers are what is known of the dictionary, by number. From packet to
	// packet most strings of a session keep their numbers. So the text that had a number in
	// the packet before is tried first.
	strings []string
	numbers []uint64 // the IDs; 0: not known to the cache
	words   []word   // of the set at hand
	last    *knownSet
}

// text is a string that the cache remembers.
type text struct {
	string string
	id     uint64 // 0: none
}

// word says what an attribute is, in numbers.
type word struct {
	key   uint64 // the ID of the key, and the type of the value
	value uint64 // the ID of the value, or a short payload
}

// knownSet is an attribute set, and the last resource that was made of it.
type knownSet struct {
	set      attribute.Set
	resource *resource.Resource
	charged  int // for the resource, in bytes
	hash     uint64
	words    []word // empty: not remembered
	// next is the set that came after this one when that was looked up last.
	next *knownSet
}

func newCache(size int) cache {
	return cache{
		size: size, texts: map[string]text{}, sets: map[uint64]*knownSet{}, empty: knownSet{set: *attribute.EmptySet()},
		seeds: [2]uint64{rand.Uint64(), rand.Uint64()},
	}
}

// begin looks up the strings of a packet.
func (c *cache) begin(dictionary [][]byte) {
	c.dictionary = dictionary
	if n := len(dictionary) - len(c.strings); n > 0 {
		c.strings = append(c.strings, make([]string, n)...)
		c.numbers = append(c.numbers, make([]uint64, n)...)
	}
	for i, b := range dictionary {
		if c.numbers[i] == 0 || c.strings[i] != string(b) {
			t := c.look(b)
			c.strings[i], c.numbers[i] = t.string, t.id
		}
	}
}

// end forgets the strings of the packet that the cache does not remember.
func (c *cache) end() {
	for i := range c.dictionary {
		if c.numbers[i] == 0 {
			c.strings[i] = ""
		}
	}
	c.dictionary = nil
}

// text returns a string of the packet.
func (c *cache) text(at int) string {
	if b := c.dictionary[at]; len(c.strings[at]) != len(b) {
		c.strings[at] = string(b)
	}
	return c.strings[at]
}

// id returns the ID of a string of the packet, which the cache remembers from now on.
func (c *cache) id(at int) uint64 {
	if c.numbers[at] == 0 {
		t := c.learn(c.text(at))
		c.strings[at], c.numbers[at] = t.string, t.id
	}
	return c.numbers[at]
}

// look looks up a text. The ID of one that is not known is 0.
func (c *cache) look(b []byte) text {
	recent := &c.recent[hint(b)]
	if recent.id != 0 && recent.string == string(b) {
		return *recent
	}
	t := c.texts[string(b)]
	if t.id != 0 {
		*recent = t
	}
	return t
}

// hint is a number that differs for most texts of a packet.
func hint(b []byte) uint8 {
	n := len(b)
	if n == 0 {
		return 0
	}
	return uint8(n) + 7*b[0] + 31*b[n/2] + 61*b[n-1]
}

// learn enters a text.
func (c *cache) learn(s string) text {
	t, ok := c.texts[s]
	if !ok {
		c.ids++
		t = text{s, c.ids}
		c.texts[s] = t
	}
	return t
}

// name returns a text that is not in the dictionary, and remembers it.
func (c *cache) name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if t := c.look(b); t.id != 0 {
		return t.string
	}
	s := string(b)
	if n := textCost + len(b); n <= maxRemembered && c.makeRoom(n) {
		c.learn(s)
	}
	return s
}

// find returns the set of a view, or nil if it is not known. It tries first the set that
// came after the last one before: senders have an order, too.
func (c *cache) find(v *wire.AttributesView) *knownSet {
	if c.last != nil && c.last.next != nil && c.is(c.last.next, v) {
		c.last = c.last.next
		return c.last
	}
	c.words = c.words[:0]
	for i := range v.Len() {
		w := c.word(v, i)
		if w.key < idUnit || w.value == 0 {
			return nil
		}
		c.words = append(c.words, w)
	}
	s := c.sets[c.hash()]
	if s == nil || !slices.Equal(s.words, c.words) {
		return nil
	}
	c.follow(s)
	return s
}

// is reports whether a view is the set s.
func (c *cache) is(s *knownSet, v *wire.AttributesView) bool {
	if len(s.words) != v.Len() {
		return false
	}
	for i := range s.words {
		kind, keyAt, valueAt := v.Numbers(i)
		w := word{c.numbers[keyAt]*idUnit | uint64(kind), c.numbers[valueAt]}
		if kind != wire.StringValue { // unusual
			w = c.word(v, i)
		}
		if s.words[i] != w {
			return false
		}
	}
	return true
}

// idUnit is an ID of 1 in the word of a key, which has the type of the value below.
const idUnit = 1 << 4

// word returns the word of an attribute. The ID of a text that the cache does not know is 0.
func (c *cache) word(v *wire.AttributesView, i int) word {
	kind, keyAt, valueAt := v.Numbers(i)
	w := word{c.numbers[keyAt]*idUnit | uint64(kind), c.numbers[valueAt]}
	if kind != wire.StringValue {
		w.value = c.payload(v.Value(i).Payload())
	}
	return w
}

func (c *cache) payload(b []byte) uint64 {
	if len(b) < 8 {
		return short(b)
	}
	return c.look(b).id
}

// follow notes which set comes after which.
func (c *cache) follow(s *knownSet) {
	if c.last != nil {
		c.last.next = s
	}
	c.last = s
}

// short returns a payload of less than eight bytes as a number that is no ID.
func short(payload []byte) uint64 {
	w := uint64(len(payload)) | 1<<63
	for i, b := range payload {
		w |= uint64(b) << (8*i + 3)
	}
	return w
}

// hash returns the hash of c.words.
func (c *cache) hash() uint64 {
	h := c.seeds[0]
	for _, w := range c.words {
		high, low := bits.Mul64(w.key^c.seeds[1], w.value^h)
		h = high ^ low
	}
	return h
}

// remember remembers the set of a view, if it is not too large.
func (c *cache) remember(v *wire.AttributesView, s *knownSet) {
	if cost(v) > maxRemembered {
		return
	}
	n := c.added(v)
	if n <= c.size && c.used+n > c.size {
		c.forget()
		n = c.added(v)
	}
	if !c.makeRoom(n) {
		return
	}
	c.words = c.words[:0]
	for i := range v.Len() {
		kind, keyAt, valueAt := v.Numbers(i)
		c.id(keyAt)
		if kind == wire.StringValue {
			c.id(valueAt)
		} else if payload := v.Value(i).Payload(); len(payload) >= 8 {
			c.learn(string(payload))
		}
		c.words = append(c.words, c.word(v, i))
	}
	s.words, s.hash = slices.Clone(c.words), c.hash()
	c.sets[s.hash] = s
	c.follow(s)
}

// holds reports whether the cache remembers s.
func (c *cache) holds(s *knownSet) bool { return s == &c.empty || c.sets[s.hash] == s }

// added returns what the cache will take in memory for a set that it does not know.
func (c *cache) added(v *wire.AttributesView) int {
	n := setCost + attributeCost*v.Len()
	for i := range v.Len() {
		kind, keyAt, valueAt := v.Numbers(i)
		if c.numbers[keyAt] == 0 {
			n += textCost + len(v.Key(i))
		}
		if kind != wire.StringValue {
			n += textCost + (1+elementCost)*len(v.Value(i).Payload())
		} else if c.numbers[valueAt] == 0 {
			n += textCost + len(v.Value(i).Text())
		}
	}
	return n
}

// cost returns about what a set takes in memory. Since a small packet may unfold to large
// sets, their number does not say how much that is.
func cost(v *wire.AttributesView) int {
	n := setCost
	for _, kv := range v.All() {
		n += attributeCost + 2*len(kv.Key)
		switch payload := len(kv.Value.Payload()); kv.Value.Type {
		case wire.StringValue, wire.BytesValue:
			n += 2 * payload
		default:
			n += (1 + elementCost) * payload
		}
	}
	return n
}

// makeRoom makes room for so many bytes, and reports whether there is room.
func (c *cache) makeRoom(n int) bool {
	if n > c.size {
		return false
	}
	if c.used+n > c.size {
		c.forget()
	}
	c.used += n
	return true
}

// forget forgets everything. The maps are made anew, since a map that is cleared keeps its
// memory. Of what is known of dictionaries only the part of this packet's is cleared.
func (c *cache) forget() {
	c.texts, c.sets = map[string]text{}, map[uint64]*knownSet{}
	c.recent = [256]text{}
	clear(c.strings[len(c.dictionary):])
	c.strings, c.numbers = c.strings[:len(c.dictionary)], c.numbers[:len(c.dictionary)]
	clear(c.strings)
	clear(c.numbers)
	c.empty.resource, c.empty.charged, c.last, c.used = nil, 0, nil, 0
}
