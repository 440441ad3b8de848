// Package hostile makes packets that a stranger sends who wants a receiver to work or to
// keep much, for the tests of all receivers.
package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/otelgram/otelgram/wire"
)

// Shape is one kind of such packets. Each fills a packet, and differs from the others of its
// shape by the number it is given.
type Shape struct {
	Name  string
	craft func(c *crafted, n int)
}

// Packet returns the n-th packet of a shape, of at most size bytes.
func (s *Shape) Packet(size, n int, h wire.Header) []byte {
	c := &crafted{limit: size - wire.HeaderSize - wire.TrailerSize}
	s.craft(c, n)
	return c.packet(h)
}

// Packets returns what returns packets of all shapes and of several sizes, each of them
// another, and of another session.
func Packets() (next func() []byte) {
	n := 0
	return func() []byte {
		n++
		shape := &Shapes[n%len(Shapes)]
		return shape.Packet([]int{1400, 8 << 10, 60 << 10}[n/len(Shapes)%3], n, wire.Header{Session: uint64(n)})
	}
}

// crafted is a body under construction, byte by byte as wire's documentation draws it.
type crafted struct {
	b      []byte
	points int
	limit  int // bytes of body
}

func (c *crafted) add(b ...byte) *crafted { c.b = append(c.b, b...); return c }

func (c *crafted) uvarint(n int) *crafted {
	c.b = binary.AppendUvarint(c.b, uint64(n))
	return c
}

func (c *crafted) text(s string) *crafted { return c.uvarint(len(s)).add([]byte(s)...) }

func (c *crafted) left() int { return c.limit - len(c.b) }

// list adds a count and so many bytes, or as many as there is room for.
func (c *crafted) list(n int, each byte) *crafted {
	n = min(n, c.left()-60)
	c.uvarint(n)
	for range n {
		c.add(each)
	}
	return c
}

// metric begins a point with a metric of this kind, in a scope and a resource without
// names, up to the reference to its set.
func (c *crafted) metric(tag, kind byte) *crafted {
	c.points++
	return c.add(tag, 0, 0, 0, 1, 1, 1, 1, 1, 1, kind, 1, 1, 1)
}

// sharing adds points of resources, each of which differs and has the set of this number.
func (c *crafted) sharing(n int, set byte) {
	for i := 0; i < wire.MaxResources-1 && c.left() > 40; i++ {
		c.points++
		c.add(0, 0, 0, 0, 0).text(fmt.Sprint(n*100+i)).add(set, 1, 1, 1, 1, gauge, 1, 1, 1, 1)
	}
}

// fill repeats what add does while a body has room for so many bytes more.
func (c *crafted) fill(bytes int, add func(i int)) *crafted {
	for i := 0; c.left() >= bytes && c.points < wire.MaxItems-4; i++ {
		add(i)
	}
	return c
}

// packet completes a packet.
func (c *crafted) packet(h wire.Header) []byte {
	packet := append(append(make([]byte, wire.HeaderSize), c.b...), 0, 0, 0, 0)
	h.Format, h.Points = wire.Compact, uint16(c.points)
	wire.Stamp(packet, &h)
	return packet
}

const (
	gauge, sum, histogram, exponential, summary = 1, 2, 3, 4, 5

	tagExtras = 0x40
	slice     = byte(wire.SliceValue) << 1
	mapValue  = byte(wire.MapValue) << 1
	bools     = byte(wire.BoolSliceValue) << 1
	texts     = byte(wire.StringSliceValue) << 1
)

// Shapes are all that there are.
var Shapes = []Shape{
	{"schema URLs", func(c *crafted, n int) {
		c.fill(800, func(i int) {
			c.points++
			c.add(0, 0, 0, 0, 0).text(fmt.Sprintf("%01024d", n*100+i)[:min(1000, c.left())]).add(1, 1, 1, 1, 1, gauge, 1, 1, 1, 1)
		})
	}},
	{"small resources", func(c *crafted, n int) {
		for i := range wire.MaxResources {
			c.points++
			c.add(0, 0, 0, 0, 0).text(fmt.Sprint(n*100+i)).add(1, 1, 1, 1, 1, gauge, 1, 1, 1, 1)
			if c.left() < 60 {
				break
			}
		}
	}},
	{"scopes", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(30, func(i int) {
			c.points++
			c.add(0, 0, 0, 1, 0).text(fmt.Sprint(n, i)).add(1, 1, 1, gauge, 1, 1, 1, 1)
		})
	}},
	{"metrics", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(10, func(int) { c.points++; c.add(0, 0, 1, sum, 1, 1, 1, 1) })
	}},
	{"metrics with histograms", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(14, func(int) { c.points++; c.add(0, 0, 1, histogram, 1, 1, 1, 1, 0, 0, 1, 0) })
	}},
	{"points", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(4, func(int) { c.points++; c.add(0, 1, 1) })
	}},
	{"points in turns", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		for range 60 {
			c.points++
			c.add(0, 0, 1, sum, 1, 1, 1, 1)
		}
		c.fill(4, func(i int) { c.points++; c.add(0, byte(1+i%60), 1) })
	}},
	{"references to one long key", func(c *crafted, n int) {
		c.metric(0, gauge)
		keys := min(wire.MaxAttributes, (c.left()-1100)/2)
		c.add(0).uvarint(keys).add(0).text(fmt.Sprintf("%01000d", n)).add(3)
		for range keys - 1 {
			c.add(2, 3)
		}
	}},
	{"sets of references to long keys", func(c *crafted, n int) {
		c.metric(0, gauge).add(0).uvarint(2).add(0).text(fmt.Sprintf("%0200d", n)).add(3, 0).text("k").add(3)
		c.fill(2*60+8, func(i int) {
			c.points++
			c.add(0, 1, 0).uvarint(60)
			for k := range 60 {
				c.add(byte(2+(k+i)&1), 3)
			}
		})
	}},
	{"sets to be sorted", func(c *crafted, n int) {
		keys := min(c.limit/16, wire.MaxAttributes)
		c.metric(0, gauge).add(0).uvarint(keys)
		for k := range keys {
			c.add(0).text(fmt.Sprintf("%x", k*7919%keys)).add(1 | 1<<1)
		}
		for i := 0; c.left() > 3*keys+8 && (i+2)*keys <= wire.MaxItems; i++ {
			c.points++
			c.add(0, 1, 0).uvarint(keys)
			for k := range keys {
				c.uvarint(2 + (k*(2*i+3)+n)%keys).add(1 | 1<<1)
			}
		}
	}},
	{"many small sets", func(c *crafted, n int) {
		c.metric(0, gauge).add(0).uvarint(2).add(0).text("b").add(3, 0).text(fmt.Sprint("a", n)).add(3)
		c.fill(12, func(i int) { c.points++; c.add(0, 1, 0, 1, byte(2+i&1), 2*2+1) })
	}},
	{"a list of nothing", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(slice).list(wire.MaxItems-8, 0)
	}},
	{"a map of nothing", func(c *crafted, n int) {
		entries := min((c.left()-60)/2, wire.MaxItems-8)
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(mapValue).uvarint(entries)
		for range entries {
			c.add(0, 0)
		}
	}},
	{"a map to be sorted", func(c *crafted, n int) {
		entries := min((c.left()-60)/4, wire.MaxItems-8)
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(mapValue).uvarint(entries)
		for i := range entries {
			c.add(2, byte(i*37), byte(i*101>>7), 0)
		}
	}},
	{"maps in maps", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(mapValue)
		inner := min((c.left()-60)/14, wire.MaxItems/12)
		c.uvarint(inner)
		for i := range inner {
			c.add(1, byte(i*37), byte(wire.MapValue), 1, 0, byte(wire.MapValue), 1, 0, byte(wire.MapValue), 1, 0, byte(wire.MapValue), 0)
		}
	}},
	{"lists in lists", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(slice)
		inner := min((c.left()-60)/20, wire.MaxItems/60)
		c.uvarint(inner)
		for range inner {
			for range 9 {
				c.add(byte(wire.SliceValue), 1)
			}
			c.add(byte(wire.SliceValue), 0)
		}
	}},
	{"bools", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(bools).list(wire.MaxItems-8, 1)
	}},
	{"empty texts", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(texts).list(wire.MaxItems-8, 0)
	}},
	{"short lists in many sets", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(slice, 1, 0)
		c.fill(16, func(int) { c.points++; c.add(0, 1, 0, 1, 2, slice, 3, 0, 0, 0) })
	}},
	{"buckets", func(c *crafted, n int) {
		c.metric(0, histogram).add(1, 0, 0, 1).list(1<<20, 1)
	}},
	{"bounds by reference", func(c *crafted, n int) {
		bounds := c.limit / 16
		c.metric(0, histogram).add(1, 0, 0, 0).uvarint(bounds).add(0)
		for range bounds {
			c.add(2)
		}
		c.add(0)
		c.fill(8, func(int) { c.points++; c.add(0, 1, 1, 0, 0, 2, 0) })
	}},
	{"bounds in turns", func(c *crafted, n int) {
		c.metric(0, histogram).add(1, 0, 0, 0).uvarint(100).add(0)
		for range 100 {
			c.add(2)
		}
		c.add(0)
		c.points++
		c.add(0, 1, 1, 0, 0, 0, 1, 0, 2, 0)
		c.fill(8, func(i int) { c.points++; c.add(0, 1, 1, 0, 0, byte(2+i&1), 0) })
	}},
	{"exponential buckets", func(c *crafted, n int) {
		c.metric(0, exponential).add(1, 0, 0, 0, 0, 0, 0).list(1<<20, 1).add(0, 0)
	}},
	{"exponential histograms", func(c *crafted, n int) {
		c.metric(0, exponential).add(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		c.fill(18, func(int) { c.points++; c.add(0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1) })
	}},
	{"quantiles", func(c *crafted, n int) {
		quantiles := (c.left() - 60) / 2
		c.metric(0, summary).add(1, 0).uvarint(quantiles)
		for range quantiles {
			c.add(0, 0)
		}
	}},
	{"exemplars", func(c *crafted, n int) {
		exemplars := min((c.left()-60)/5, wire.MaxItems-8)
		c.metric(tagExtras, gauge).add(1, 1).uvarint(5 * exemplars)
		for range exemplars {
			c.add(0, 0, 0, 0, 0)
		}
		c.add(0)
	}},
	{"exemplars of many points", func(c *crafted, n int) {
		c.metric(tagExtras, gauge).add(1, 0)
		c.fill(14, func(int) { c.points++; c.add(tagExtras, 1, 1, 1, 5, 0, 0, 0, 0, 0, 0) })
	}},
	{"an exemplar's attributes", func(c *crafted, n int) {
		attributes := min((c.left()-60)/2, wire.MaxItems-8)
		c.metric(tagExtras, gauge).add(1, 1).uvarint(4 + len(binary.AppendUvarint(nil, uint64(attributes))) + 2*attributes)
		c.add(0, 0, 0, 0).uvarint(attributes)
		for range attributes {
			c.add(0, 0)
		}
		c.add(0)
	}},
	{"exemplars with maps to be sorted", func(c *crafted, n int) {
		entries := min((c.left()-80)/4, wire.MaxItems-8)
		inner := len(binary.AppendUvarint(nil, uint64(entries))) + 4*entries
		c.metric(tagExtras, gauge).add(1, 1).uvarint(4 + 1 + 2 + inner)
		c.add(0, 0, 0, 0, 1, 0, byte(wire.MapValue)).uvarint(entries)
		for i := range entries {
			c.add(2, byte(i*37), byte(i*101>>7), 0)
		}
		c.add(0)
	}},
	{"resources that share a map", func(c *crafted, n int) {
		entries := min((c.left()-60)/6, wire.MaxItems/4)
		c.metric(0, gauge).add(0, 1, 0).text("k").add(mapValue).uvarint(entries)
		for i := range entries {
			c.add(2, byte(i*37), byte(i*101>>7), 0)
		}
		c.sharing(n, 2)
	}},
	{"resources that share a set", func(c *crafted, n int) {
		keys := min((c.left()-60)/8, wire.MaxAttributes)
		c.metric(0, gauge).add(0).uvarint(keys)
		for k := range keys {
			c.add(0, 2, byte(k), byte(k>>8), 0)
		}
		c.sharing(n, 2)
	}},
	{"long keys that differ at their end", func(c *crafted, n int) {
		long := strings.Repeat("k", min(2000, c.limit/8))
		c.metric(0, gauge).add(0).uvarint(2).add(0).text(long+"a").add(1|1<<1, 0).text(long + "b").add(1 | 1<<1)
		c.fill(2*500+20, func(i int) {
			c.points++
			c.add(0, 1, 0).uvarint(500)
			for k := range 500 {
				c.add(byte(2+(k+i)&1), 1|1<<1)
			}
		})
	}},
	{"one long value", func(c *crafted, n int) {
		c.metric(0, gauge).add(0, 1, 0).text("k").add(1).text(strings.Repeat("v", min(2000, c.limit/8)))
		c.fill(16, func(i int) { c.points++; c.add(0, 1, 0, 1, 0).text(fmt.Sprint(i)).add(3<<1 | 1) })
	}},
	{"deep chains", func(c *crafted, n int) {
		leaves := min(c.left()-80, wire.MaxItems/16)
		c.metric(0, gauge).add(0, 1, 0).text(fmt.Sprint(n)).add(slice)
		for range 14 {
			c.add(1, byte(wire.SliceValue))
		}
		c.list(leaves, 0)
	}},
	{"extensions", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(4, func(int) { c.add(0x80, 1, 0) })
	}},
	{"strings", func(c *crafted, n int) {
		c.metric(0, gauge).add(1)
		c.fill(2*wire.MaxAttributes+40, func(int) {
			c.points++
			c.add(0, 1, 0).uvarint(wire.MaxAttributes / 2)
			for range wire.MaxAttributes / 2 {
				c.add(0, 0, 1, 0)
			}
		})
	}},
}
