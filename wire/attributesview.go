package wire

import "iter"

// KeyValue is an attribute inside a packet: a view like [Value].
type KeyValue struct {
	Key   []byte
	Value Value
}

// AttributesView is an attribute set inside a packet, valid until the Decoder's next Reset.
type AttributesView struct {
	// Index numbers the sets of one packet from 0, in the order of their definitions. The
	// empty set is number 0.
	Index int

	d      *Decoder
	list   []attributeEntry
	weight int
	items  int
}

// attributeEntry is an attribute as a Decoder keeps it. It has no pointers: so it is
// written and kept without the help of the garbage collector.
type attributeEntry struct {
	key   uint16 // the place of the key in the strings of the packet
	value uint16 // likewise of a string value
	kind  ValueType
	// start and end are where any other value stands in the body.
	start, end uint32
}

// Len returns the number of attributes.
func (v *AttributesView) Len() int { return len(v.list) }

// All iterates over the attributes in the order of the sender.
func (v *AttributesView) All() iter.Seq2[int, KeyValue] {
	return func(yield func(int, KeyValue) bool) {
		for i := range v.list {
			if !yield(i, v.At(i)) {
				return
			}
		}
	}
}

// At returns the i-th attribute, in the order of the sender.
func (v *AttributesView) At(i int) KeyValue { return KeyValue{v.Key(i), v.Value(i)} }

// Key returns the key of the i-th attribute.
func (v *AttributesView) Key(i int) []byte { return v.d.strings[v.list[i].key] }

// Value returns the value of the i-th attribute.
func (v *AttributesView) Value(i int) Value {
	e := &v.list[i]
	if e.kind == StringValue {
		return Value{StringValue, v.d.strings[e.value]}
	}
	return Value{e.kind, v.d.r.Body[e.start:e.end:e.end]}
}

// Numbers returns the type of the i-th attribute, and which strings of the packet's
// [Decoder.Dictionary] are its key and, if that is a string, its value.
func (v *AttributesView) Numbers(i int) (t ValueType, key, value int) {
	e := &v.list[i]
	return e.kind, int(e.key), int(e.value)
}

// AppendKey appends bytes that tell the set from any other, whatever packet it is in.
func (v *AttributesView) AppendKey(b []byte) []byte {
	for _, kv := range v.All() {
		b = AppendText(b, kv.Key)
		b = AppendType(b, kv.Value.Type)
		b = AppendText(b, kv.Value.Payload())
	}
	return b
}

// attributes reads what Packer.attributes wrote.
func (d *Decoder) attributes() *AttributesView {
	n, ok := d.r.Short()
	if !ok {
		n = d.r.LongUvarint("attribute set")
	}
	if n == 0 {
		return d.nextAttributes()
	}
	if n > uint64(len(d.sets)) {
		d.r.Fail("attribute set reference")
		n = 1
	}
	return &d.sets[n-1]
}

// nextAttributes reads a definition.
func (d *Decoder) nextAttributes() *AttributesView {
	before := d.r.items
	n := d.r.Count("attributes", 2)
	if n > MaxAttributes {
		d.r.failAs(OverBudget, "attributes")
	}
	if d.r.take(n, "attributes"); d.r.Failed() {
		n = 0
	}
	list := extend(&d.attributeList, n)
	weight := int64(0)
	for i := 0; i < n; i++ {
		did, w := usual(list[i:], d.r.Body[d.r.At:], d.strings)
		weight += int64(w)
		d.r.At += 2 * did
		if i += did; i < n {
			weight += int64(d.attribute(&list[i]))
		}
	}
	if weight > int64(d.budget) { // checked here, so that sums of weights do not overflow 32 bits
		d.r.failAs(OverBudget, "expansion")
	}
	set := another(&d.sets)
	if set.d != d {
		set.d = d
	}
	set.Index, set.list, set.weight, set.items = len(d.sets)-1, list, int(weight), d.r.items-before
	return set
}

// usual reads attributes of b into list, as many as are a reference to a key and a reference
// to a string value, of one byte each. Most are. It returns how many it has read, and their
// weight. It is a function of its own since its variables then fit into registers.
func usual(list []attributeEntry, b []byte, strings [][]byte) (n, weight int) {
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
		e := &list[i]
		e.key, e.value, e.kind = uint16(k), uint16(v), StringValue
		weight += attributeWeight + len(strings[k]) + len(strings[v])
	}
	return len(list), weight
}

// attribute reads a key and a value into e and returns their weight.
func (d *Decoder) attribute(e *attributeEntry) int {
	if b := d.r.Body[d.r.At:]; len(b) > 2 {
		// As usual, the key is known and a string of less than 128 bytes is not.
		k, n := uint(b[0])-1, uint(b[2])
		if k < 0x7F && k < uint(len(d.strings)) && b[1] == 1 && n < 0x80 && n < uint(len(b))-2 {
			e.key, e.value, e.kind = uint16(k), uint16(len(d.strings)), StringValue
			d.strings = append(d.strings, b[3:3+n:3+n])
			d.r.At += 3 + int(n)
			return attributeWeight + len(d.strings[k]) + int(n)
		}
	}
	key, at := d.numbered(d.reference("attribute key"), "attribute key")
	e.key = uint16(at)
	tag := d.reference("attribute value")
	if tag&1 == 1 {
		text, at := d.numbered(tag>>1, "attribute value")
		e.value, e.kind = uint16(at), StringValue
		return attributeWeight + len(key) + len(text)
	}
	if tag>>1 > uint64(MapValue) || ValueType(tag>>1) == StringValue {
		d.r.Fail("attribute type")
		return 0
	}
	start := d.r.At
	v := d.r.value(ValueType(tag>>1), MaxDepth)
	e.value, e.kind = 0, v.Type
	e.start, e.end = uint32(d.r.At-len(v.data)), uint32(d.r.At)
	return attributeWeight + len(key) + valueFactor*(d.r.At-start)
}

// symbol reads a reference to a string, or its definition.
func (d *Decoder) symbol(field string) []byte {
	text, _ := d.numbered(d.reference(field), field)
	return text
}

func (d *Decoder) reference(field string) uint64 {
	n, ok := d.r.Short()
	if !ok {
		n = d.r.LongUvarint(field)
	}
	return n
}

// numbered returns the string to which reference n refers, and its place in d.strings. It
// reads the definition that follows if n is 0. The place fits into 16 bits: a packet has
// three strings at most for each of its items, see [MaxItems].
func (d *Decoder) numbered(n uint64, field string) (text []byte, place int) {
	if n == 0 {
		text = d.r.Text(field)
		d.strings = append(d.strings, text)
		return text, len(d.strings) - 1
	}
	if n > uint64(len(d.strings)) {
		d.r.Fail(field)
		return nil, 0
	}
	return d.strings[n-1], int(n - 1)
}
