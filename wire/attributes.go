package wire

import (
	"math"
	"slices"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// Symbol is a string that many definitions share: a key, a string value, a name. Like every
// interned object, a Symbol remembers its place in the dictionary of the packet that its
// one Packer has open. So writing it again compares two numbers and no strings. Make one
// Symbol for each string: two Symbols of one text are written twice.
type Symbol struct {
	text  string
	place place
}

// NewSymbol returns a Symbol for text, which it keeps.
func NewSymbol(text string) *Symbol { return &Symbol{text: text} }

// Reset makes s a new Symbol for text. Nothing that is still to be written may refer to s.
func (s *Symbol) Reset(text string) { s.text, s.place = text, 0 }

// Text returns the string.
func (s *Symbol) Text() string { return s.text }

// AttributeSet is an interned set of attributes in its wire form. Its zero value is the
// empty set. One goroutine builds it, and it belongs to the Packer with which it is first
// used.
type AttributeSet struct {
	attributes []attribute
	payloads   []byte
	// weight and elements count towards the limits. Both stop at the largest number, which
	// is beyond any limit.
	weight   uint32
	elements uint32 // of all slices and maps
	place    place
}

// attribute holds a string value as a Symbol, and any other value as a payload in
// AttributeSet.payloads.
type attribute struct {
	key, text *Symbol
	kind      ValueType
	start     uint32
	end       uint32
}

// Reset empties the set and keeps its memory.
func (s *AttributeSet) Reset() {
	s.attributes = s.attributes[:0]
	s.payloads = s.payloads[:0]
	s.weight, s.elements = 0, 0
	s.place = 0
}

// Grow makes room for n more attributes.
func (s *AttributeSet) Grow(n int) { s.attributes = slices.Grow(s.attributes, n) }

// AddString adds an attribute whose value is a string.
func (s *AttributeSet) AddString(key, value *Symbol) {
	s.attributes = append(s.attributes, attribute{key: key, text: value, kind: StringValue})
	s.weight = plus(s.weight, attributeWeight+len(key.text)+len(value.text))
}

// AddValue adds an attribute of any type except StringValue. It copies the payload, which
// was written with the Append functions.
func (s *AttributeSet) AddValue(key *Symbol, t ValueType, payload []byte) {
	start := len(s.payloads)
	s.payloads = append(s.payloads, payload...)
	s.attributes = append(s.attributes, attribute{
		key: key, kind: t, start: uint32(start), end: uint32(len(s.payloads)),
	})
	s.weight = plus(s.weight, attributeWeight+len(key.text)+valueFactor*len(payload))
	var r reader
	r.reset(s.payloads[start:], 0)
	r.value(t, MaxDepth)
	s.elements = plus(s.elements, r.items)
}

// plus adds n, and stops at the largest number.
func plus(to uint32, n int) uint32 { return uint32(min(uint64(to)+uint64(n), math.MaxUint32)) }

// Weight returns what the set counts towards MaxExpansion: about the bytes that it takes
// unfolded.
func (s *AttributeSet) Weight() int { return int(s.weight) }

// Len returns the number of attributes; a nil set has none.
func (s *AttributeSet) Len() int {
	if s == nil {
		return 0
	}
	return len(s.attributes)
}

// Attribute is an attribute of an [AttributeSet].
type Attribute struct {
	Key  string
	Type ValueType
	// Text is the value of a StringValue. Payload is the value of any other type, in the
	// form of the Append functions. Payload must not be modified.
	Text    string
	Payload []byte
}

// At returns the i-th attribute, in the order in which they were added.
func (s *AttributeSet) At(i int) Attribute {
	a := &s.attributes[i]
	if a.text != nil {
		return Attribute{Key: a.key.text, Type: StringValue, Text: a.text.text}
	}
	return Attribute{Key: a.key.text, Type: a.kind, Payload: s.payloads[a.start:a.end:a.end]}
}

// Value returns the value of an attribute that is not a StringValue.
func (a *Attribute) Value() Value {
	var r reader
	r.reset(a.Payload, 0)
	return r.value(a.Type, MaxDepth)
}

// Mark returns what SetMark has set, and 0 for a set that was made or Reset since.
func (s *AttributeSet) Mark() uint64 { return uint64(s.place) }

// SetMark makes the set remember a number for an encoder other than the Packer. The number
// stands where the Packer has its place.
func (s *AttributeSet) SetMark(mark uint64) { s.place = place(mark) }

// EncodedLen returns how many bytes the set takes of a packet that has none of its strings
// yet. No packet with the set is shorter. It is not for hot paths.
func (s *AttributeSet) EncodedLen() int { return s.encodedLen(map[string]bool{"": true}) }

// encodedLen counts each string that is not in known once, and enters it there.
func (s *AttributeSet) encodedLen(known map[string]bool) int {
	if s == nil || len(s.attributes) == 0 {
		return 1
	}
	n := 1 + uvarintLen(len(s.attributes))
	for i := range s.attributes {
		a := &s.attributes[i]
		n += symbolBytes(a.key, known) + 1 + int(a.end-a.start)
		if a.text != nil {
			n += symbolBytes(a.text, known) - 1 // the reference is in the tag
		}
	}
	return n
}

// symbolBytes returns the length of s in a packet that has the strings in known.
func symbolBytes(s *Symbol, known map[string]bool) int {
	if s == nil || known[s.text] {
		return 1
	}
	known[s.text] = true
	return 1 + textLen(s.text)
}

// symbol writes a reference to s, and its text if the packet does not have it yet.
func (p *Packer) symbol(b []byte, s *Symbol) []byte {
	if s == nil || s.text == "" {
		return append(b, 1)
	}
	if at, ok := p.known(s.place); ok {
		return number.AppendUvarint(b, at)
	}
	s.place = p.define(&p.strings)
	return p.text(append(b, 0), s.text)
}

// text writes a string, unless the packet has no room for it.
func (p *Packer) text(b []byte, s string) []byte {
	if len(s) > p.limit-len(b) {
		p.overflow = true
		return b
	}
	return number.AppendText(b, s)
}

// items returns how many items the definition of the set has, see [MaxItems].
func (s *AttributeSet) items() int { return len(s.attributes) + int(s.elements) }

// attributes writes a reference to s, and the set if the packet does not have it yet.
func (p *Packer) attributes(b []byte, s *AttributeSet) []byte {
	if s == nil || len(s.attributes) == 0 {
		return append(b, 1)
	}
	if at, ok := p.known(s.place); ok {
		return number.AppendUvarint(b, at)
	}
	p.items += s.items()
	if len(s.attributes) > MaxAttributes {
		p.overflow = true
		return b
	}
	s.place = p.define(&p.sets)
	b = number.AppendUvarint(append(b, 0), uint64(len(s.attributes)))
	for i := range s.attributes {
		if len(b) > p.limit || p.overflow {
			p.overflow = true
			return b
		}
		a := &s.attributes[i]
		if a.text != nil {
			key, keyKnown := p.known(a.key.place)
			text, textKnown := p.known(a.text.place)
			if keyKnown && textKnown && key < 0x80 && text < 0x40 { // as usual
				b = append(b, byte(key), byte(text<<1|1))
				continue
			}
		}
		b = p.attribute(b, s, a)
	}
	return b
}

func (p *Packer) attribute(b []byte, s *AttributeSet, a *attribute) []byte {
	b = p.symbol(b, a.key)
	if a.text == nil {
		b = append(b, byte(a.kind)<<1)
		if int(a.end-a.start) > p.limit-len(b) {
			p.overflow = true
			return b
		}
		return append(b, s.payloads[a.start:a.end]...)
	}
	if a.text.text == "" {
		return append(b, 1<<1|1)
	}
	if at, ok := p.known(a.text.place); ok {
		return number.AppendUvarint(b, at<<1|1)
	}
	a.text.place = p.define(&p.strings)
	return p.text(append(b, 1), a.text.text)
}

// KeyValue is an attribute inside a packet: a view like [Value].
type KeyValue struct {
	Key   []byte
	Value Value
}

// Numbers returns which strings of the packet's [Decoder.Dictionary] the key and a string
// value are. text is 0 for a value of another type. Numbers of an entry of a map, or of an
// attribute of an exemplar, mean nothing.
func (kv *KeyValue) Numbers() (key, text int) { return int(kv.Value.key), int(kv.Value.text) }

// AttributesView is an attribute set inside a packet, valid until the Decoder's next Reset.
type AttributesView struct {
	// Index numbers the sets of one packet from 0, in the order of their definitions. The
	// empty set is number 0.
	Index int
	// All holds the attributes in the order of the sender.
	All []KeyValue

	weight int
	items  int
}

// AppendKey appends bytes that tell the set from any other, whatever packet it is in.
func (v *AttributesView) AppendKey(b []byte) []byte {
	for _, kv := range v.All {
		b = AppendText(b, kv.Key)
		b = AppendType(b, kv.Value.Type)
		b = AppendText(b, kv.Value.Payload())
	}
	return b
}

// attributes reads what Packer.attributes wrote.
func (d *Decoder) attributes() *AttributesView {
	n, ok := d.r.short()
	if !ok {
		n = d.r.longUvarint("attribute set")
	}
	if n == 0 {
		return d.nextAttributes()
	}
	if n > uint64(len(d.sets)) {
		d.r.fail("attribute set reference")
		n = 1
	}
	return &d.sets[n-1]
}

// nextAttributes reads a definition.
func (d *Decoder) nextAttributes() *AttributesView {
	before := d.r.items
	n := d.r.count("attributes", 2)
	if n > MaxAttributes {
		d.r.failAs(OverBudget, "attributes")
	}
	if d.r.take(n, "attributes"); d.r.failed() {
		n = 0
	}
	list := extend(&d.keyValues, n)
	weight := int64(0)
	for i := 0; i < n; i++ {
		did, w := usual(list[i:], d.r.b[d.r.off:], d.strings)
		weight += int64(w)
		d.r.off += 2 * did
		if i += did; i < n {
			weight += int64(d.attribute(&list[i]))
		}
	}
	if weight > int64(d.budget) { // checked here, so that sums of weights do not overflow 32 bits
		d.r.failAs(OverBudget, "expansion")
	}
	set := another(&d.sets)
	set.Index, set.All, set.weight, set.items = len(d.sets)-1, list, int(weight), d.r.items-before
	return set
}

// usual reads attributes of b into list, as many as are a reference to a key and a reference
// to a string value, of one byte each. Most are. It returns how many it has read, and their
// weight. It is a function of its own since its variables then fit into registers.
func usual(list []KeyValue, b []byte, strings [][]byte) (n, weight int) {
	for i := range list {
		at := 2 * i
		if at+1 >= len(b) {
			return i, weight
		}
		key, tag := b[at], b[at+1]
		k, v := uint(key)-1, uint(tag>>1)-1
		if key|tag >= 0x80 || tag&1 == 0 || k >= uint(len(strings)) || v >= uint(len(strings)) {
			return i, weight
		}
		kv := &list[i]
		kv.Key = strings[k]
		kv.Value.Type, kv.Value.key, kv.Value.text = StringValue, uint16(k), uint16(v)
		kv.Value.data = strings[v]
		weight += attributeWeight + len(strings[k]) + len(strings[v])
	}
	return len(list), weight
}

// attribute reads a key and a value into kv and returns their weight.
func (d *Decoder) attribute(kv *KeyValue) int {
	key, text := 0, 0
	kv.Key, key = d.numbered(d.reference("attribute key"), "attribute key")
	tag, ok := d.r.short()
	if !ok {
		tag = d.r.longUvarint("attribute value")
	}
	if tag&1 == 1 {
		kv.Value.data, text = d.numbered(tag>>1, "attribute value")
		kv.Value.Type, kv.Value.key, kv.Value.text = StringValue, uint16(key), uint16(text)
		return attributeWeight + len(kv.Key) + len(kv.Value.data)
	}
	if tag>>1 > uint64(MapValue) || ValueType(tag>>1) == StringValue {
		d.r.fail("attribute type")
		return 0
	}
	start := d.r.off
	kv.Value = d.r.value(ValueType(tag>>1), MaxDepth)
	kv.Value.key = uint16(key)
	return attributeWeight + len(kv.Key) + valueFactor*(d.r.off-start)
}

// symbol reads a reference to a string, or its definition.
func (d *Decoder) symbol(field string) []byte {
	text, _ := d.numbered(d.reference(field), field)
	return text
}

func (d *Decoder) reference(field string) uint64 {
	n, ok := d.r.short()
	if !ok {
		n = d.r.longUvarint(field)
	}
	return n
}

// numbered returns the string to which reference n refers, and its place in d.strings. It
// reads the definition that follows if n is 0. The place fits into 16 bits: a packet has
// three strings at most for each of its items, see [MaxItems].
func (d *Decoder) numbered(n uint64, field string) (text []byte, place int) {
	if n == 0 {
		text = d.r.text(field)
		d.strings = append(d.strings, text)
		return text, len(d.strings) - 1
	}
	if n > uint64(len(d.strings)) {
		d.r.fail(field)
		return nil, 0
	}
	return d.strings[n-1], int(n - 1)
}
