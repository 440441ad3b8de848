// Package compact makes Compact bodies of the events of Plain packets, so that the code
// that handles packets knows one format. Package plain decodes the events.
package compact

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// The parts of a Compact body that a Compactor writes; see the documentation of package
// wire.
const (
	tagPlain     = 0x20 | 0x02 // a point without start time, its value in 8 bytes
	tagPlainTime = tagPlain | 0x08
	none         = 1 // refers to the empty string or set
	define       = 0 // a definition follows
)

// maxShared bounds the weight of a set to which a later record may refer. A record of 11
// bytes, the shortest, may unfold to 1,408, and it weighs 64 and its set. So no packet is
// beyond [wire.MaxExpansion].
const maxShared = 1024

// Compactor makes Compact bodies of the events of Plain packets. Resource and scope are
// empty. Tags become string attributes, in the order of their keys. Events of one name and
// type become points of one metric. Events within the limits of package plain are within
// those of package wire.
type Compactor struct {
	decoder plain.Decoder
	body    []byte
	time    int64 // of the event before
	metrics metricTable
	tags    []tag
	sorted  []tag      // scratch of sort
	places  []keyPlace // scratch of sort
	most    int        // the most tags that an event of the packet has
	sets    int        // how many the body defines
	raw     []byte     // the tags of the set that was defined last
	shared  bool       // a record may refer to that set
}

type tag struct{ key, value []byte }

// keyPlace is the begin of a key, and where its tag stands in the event.
type keyPlace struct {
	begin uint64
	at    int
}

// Compact returns the Compact body for the events in the body of a Plain packet. The body
// is valid until the next call.
func (c *Compactor) Compact(h *wire.Header, events []byte) ([]byte, error) {
	if err := c.decoder.ResetBody(h, events); err != nil {
		return nil, err
	}
	c.metrics.reset(int(c.decoder.Header().Points))
	c.body, c.time, c.sets, c.raw, c.most = c.body[:0], 0, 0, nil, 0
	for c.decoder.Next() {
		c.event(c.decoder.Event())
	}
	c.raw = nil // raw and the elements below point into the packet
	clear(c.tags[:min(c.most, cap(c.tags))])
	clear(c.sorted[:min(c.most, cap(c.sorted))])
	clear(c.metrics.all)
	return c.body, nil
}

func (c *Compactor) event(v *plain.EventView) {
	begin := byte(tagPlain)
	if v.Time != c.time {
		begin = tagPlainTime
	}
	c.body = append(c.body, begin)
	c.metric(v)
	c.set(v)
	if v.Time != c.time {
		c.body = binary.AppendVarint(c.body, v.Time-c.time)
		c.time = v.Time
	}
	c.body = binary.BigEndian.AppendUint64(c.body, v.Bits)
}

// metric writes a reference to the metric of an event, or its definition.
func (c *Compactor) metric(v *plain.EventView) {
	n, known := c.metrics.find(v.Type, v.Name)
	if known {
		c.body = binary.AppendUvarint(c.body, uint64(n))
		return
	}
	c.body = append(c.body, define)
	if n == 1 { // with a definition of the scope, and in that one of the resource
		c.body = append(c.body, define, define, none, none, none, none, none, none)
	} else {
		c.body = append(c.body, 1)
	}
	c.body = append(c.body, byte(v.Type), define)
	c.body = append(wire.AppendText(c.body, v.Name), none, none)
}

// set writes the attributes of an event.
func (c *Compactor) set(v *plain.EventView) {
	switch {
	case len(v.RawTags) == 0:
		c.body = append(c.body, none)
		return
	case c.shared && bytes.Equal(v.RawTags, c.raw): // usual for a histogram that became several numbers
		c.body = binary.AppendUvarint(c.body, uint64(1+c.sets))
		return
	}
	c.sets++
	c.gather(v)
	c.body = binary.AppendUvarint(append(c.body, define), uint64(len(c.tags)))
	weight := 0
	for i := range c.tags {
		t := &c.tags[i]
		c.body = wire.AppendText(append(c.body, define), t.key)
		c.body = wire.AppendText(append(c.body, define<<1|1), t.value) // odd: a string
		weight += 32 + len(t.key) + len(t.value)
	}
	c.raw, c.shared = v.RawTags, weight <= maxShared
}

// gather takes the tags of an event, in the order of their keys. If several tags have one
// key, it takes the last.
func (c *Compactor) gather(v *plain.EventView) {
	c.tags = c.tags[:0]
	ordered := true
	for t := v.Tags(); t.Next(); {
		n := len(c.tags)
		ordered = ordered && (n == 0 || bytes.Compare(c.tags[n-1].key, t.Key) < 0)
		c.tags = append(c.tags, tag{t.Key, t.Value})
	}
	c.most = max(c.most, len(c.tags))
	if !ordered {
		c.sort()
	}
}

// sort sorts the tags by key, and leaves out all but the last tag of each key. It skips the
// bytes with which all keys begin, and compares the next eight bytes as numbers first.
func (c *Compactor) sort() {
	same := c.tags[0].key
	for i := range c.tags {
		same = same[:commonLen(same, c.tags[i].key)]
	}
	c.places = c.places[:0]
	for i := range c.tags {
		c.places = append(c.places, keyPlace{beginOf(c.tags[i].key[len(same):]), i})
	}
	slices.SortFunc(c.places, func(a, b keyPlace) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		if n := bytes.Compare(c.tags[a.at].key, c.tags[b.at].key); n != 0 {
			return n
		}
		return a.at - b.at
	})
	c.sorted = c.sorted[:0]
	for i, p := range c.places {
		if t := c.tags[p.at]; i == 0 || !bytes.Equal(t.key, c.sorted[len(c.sorted)-1].key) {
			c.sorted = append(c.sorted, t)
		} else {
			c.sorted[len(c.sorted)-1] = t
		}
	}
	c.tags, c.sorted = c.sorted, c.tags
}

// commonLen returns how many bytes a and b have in common from the begin.
func commonLen(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// beginOf returns the first eight bytes of a key as a number. If two such numbers differ,
// the keys are in the same order as the numbers.
func beginOf(key []byte) uint64 {
	var begin [8]byte
	copy(begin[:], key)
	return binary.BigEndian.Uint64(begin[:])
}

// metricTable finds the metrics of one body by type and name. It is a hash table with at
// least two places for each event of the packet. Its seed is not known outside, so no
// sender can make keys collide.
type metricTable struct {
	seed   maphash.Seed
	places []metricPlace // their number is a power of two
	mask   uint64        // for the places that are used for the packet
	packet uint32
	all    []plainMetric
}

// metricPlace holds the number of a metric, from 1, if packet is the current one; otherwise
// the place is vacant.
type metricPlace struct{ packet, number uint32 }

type plainMetric struct {
	hash uint64
	name []byte
	kind plain.Type
}

// reset empties the table, for a packet of that many events.
func (t *metricTable) reset(events int) {
	if t.places == nil {
		t.seed = maphash.MakeSeed()
	}
	size := 64
	for size < 2*events {
		size *= 2
	}
	if size > len(t.places) {
		t.places = make([]metricPlace, size)
	}
	t.mask = uint64(size - 1)
	if t.packet++; t.packet == 0 { // the places of 2^32 packets before would be valid again
		clear(t.places)
		t.packet = 1
	}
	t.all = t.all[:0]
}

// find returns the number of a metric, and enters the metric if it is not known.
func (t *metricTable) find(kind plain.Type, name []byte) (number int, known bool) {
	hash := maphash.Bytes(t.seed, name) + uint64(kind)
	at := hash & t.mask
	for t.places[at].packet == t.packet {
		n := t.places[at].number
		if m := &t.all[n-1]; m.hash == hash && m.kind == kind && bytes.Equal(m.name, name) {
			return int(n), true
		}
		at = (at + 1) & t.mask
	}
	t.all = append(t.all, plainMetric{hash, name, kind})
	t.places[at] = metricPlace{t.packet, uint32(len(t.all))}
	return len(t.all), false
}
