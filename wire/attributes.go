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
