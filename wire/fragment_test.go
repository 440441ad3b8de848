package wire_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// fragments returns packet in fragments of at most limit bytes, the first with
// the sequence number of testHeader.
func fragments(t testing.TB, packet []byte, limit int) (out [][]byte) {
	t.Helper()
	whole, err := wire.ParseHeader(packet)
	require.NoError(t, err)
	n := wire.Fragments(packet, limit)
	for i := range n {
		h := testHeader
		h.Format, h.Sequence = wire.FragmentFormat, testHeader.Sequence+uint64(i)
		if i == n-1 {
			h.Points = whole.Points
		}
		f := wire.AppendFragment(nil, packet, limit, i)
		wire.Stamp(f, &h)
		require.LessOrEqual(t, len(f), limit)
		out = append(out, f)
	}
	return out
}

// assembled returns packet. If it is larger than limit, it goes through fragments in some
// order.
func assembled(t testing.TB, packet []byte, limit int) []byte {
	t.Helper()
	if wire.Fragments(packet, limit) == 1 {
		require.LessOrEqual(t, len(packet), limit)
		return packet
	}
	require.LessOrEqual(t, len(packet), wire.HeaderSize+wire.MaxBody+wire.TrailerSize)
	parts := fragments(t, packet, limit)
	rand.New(rand.NewPCG(1, uint64(len(packet)))).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	var a wire.Assembly
	for i, part := range parts {
		require.False(t, a.Whole(), "%d of %d", i, len(parts))
		require.True(t, a.Add(readFragment(t, part)))
		require.False(t, a.Add(readFragment(t, part)), "twice")
	}
	require.True(t, a.Whole())
	again := append(append(append([]byte(nil), packet[:wire.HeaderSize]...), a.AppendBody(nil)...), 0, 0, 0, 0)
	h, err := wire.ParseHeader(packet)
	require.NoError(t, err)
	wire.Stamp(again, &h)
	require.Equal(t, packet, again)
	var d wire.Decoder
	require.NoError(t, d.ResetBody(&h, again[wire.HeaderSize:len(again)-wire.TrailerSize]))
	return again
}

func readFragment(t testing.TB, packet []byte) wire.Fragment {
	t.Helper()
	h, cause := wire.CheckHeader(packet)
	require.Equal(t, wire.Accepted, cause)
	f, ok := wire.ReadFragment(packet, &h)
	require.True(t, ok)
	return f
}

// TestLargePointsTravelInFragments: points larger than a packet travel in fragments of
// every usual size.
func TestLargePointsTravelInFragments(t *testing.T) {
	histogram := func(n int) point {
		d := wire.Distribution{Count: uint64(n), BucketCounts: make([]uint64, n+1)}
		for i := range n {
			d.Bounds = append(d.Bounds, 1/float64(i+3))
			d.BucketCounts[i] = uint64(i)
		}
		return point{metric: latency, start: 1, time: 2, bits: f64(1), dist: d}
	}
	for _, limit := range []int{512, 1232, 1472, 7800, 16000, wire.MaxPacketSize} {
		for _, bounds := range []int{1, 130, 200, 1000, 4000, 6000} {
			checkRoundTrip(t, limit, []point{{metric: load, bits: 1}, histogram(bounds), histogram(bounds), {metric: load, bits: 2}})
		}
	}
	_, tooLarge := pack(t, 1472, []point{histogram(8000), histogram(200)})
	assert.Len(t, tooLarge, 1, "10 bytes a bucket: more than any body")
}

// TestWideBodies: what is large and would repeat in each packet shares a body with many
// points, of four packets at most. A point that is large by itself may take more.
func TestWideBodies(t *testing.T) {
	const limit = 1472
	heavy := resource{attributes: []attribute{{"k", str(strings.Repeat("v", 1400))}}}
	var points []point
	for i := range 1000 {
		points = append(points, point{metric: metric{scope: scope{resource: heavy}, name: fmt.Sprintf("counter.%d", i), kind: wire.Sum, integer: true}, time: 5, bits: uint64(i)})
	}
	packets, tooLarge := pack(t, limit, points)
	require.Empty(t, tooLarge)
	bytes := 0
	for _, packet := range packets[:len(packets)-1] {
		require.Equal(t, 4, wire.Fragments(packet, limit))
		bytes += len(packet)
	}
	assert.LessOrEqual(t, bytes, 35*1000, "bytes: the resource is sent a few times")

	// Half of a packet is not large yet.
	light := resource{attributes: []attribute{{"k", str(strings.Repeat("v", 600))}}}
	for i := range points {
		points[i].metric.scope.resource = light
	}
	packets, _ = pack(t, limit, points)
	for _, packet := range packets {
		require.Equal(t, 1, wire.Fragments(packet, limit))
	}
	for _, packet := range packets[:len(packets)-1] {
		assert.Len(t, packet, limit, "padded")
	}
}

// TestPadding: a packet is padded if little is missing, and only then.
func TestPadding(t *testing.T) {
	for size := 1; size < 200; size++ {
		p, in, n := newPacker(t, 512), interner{}, 0
		next := func() *wire.Point {
			return in.point(point{metric: load, attributes: []attribute{{"k", str(fmt.Sprintf("%0*d", size+2, n))}}})
		}
		for ; p.Append(next()) == wire.Added; n++ {
		}
		packet := finish(p)
		got, err := read(&wire.Decoder{}, packet)
		require.NoError(t, err)
		assert.Len(t, got, n)
		assert.True(t, len(packet) == 512 || len(packet) < 512-512/16+2, "%d bytes", len(packet))
	}
	for _, w := range workloads {
		packets, _ := pack(t, 1472, w.points(30*w.expected))
		padding, bytes := 0, 0
		for _, packet := range packets[:len(packets)-1] {
			bytes += len(packet)
			body := packet[:len(packet)-wire.TrailerSize]
			for ; body[len(body)-1] == 0xFF; body = body[:len(body)-1] {
				padding++
			}
		}
		share := float64(padding) / float64(bytes)
		t.Logf("%-4s padding %.2f %%", w.name, 100*share)
		if w.name == "W2" || w.name == "W3" {
			assert.LessOrEqual(t, share, 0.01, w.name)
		}
	}
}

func TestMalformedFragments(t *testing.T) {
	whole := golden(t, "gauge_float64")
	body := func(b ...byte) []byte { return append(append(make([]byte, wire.HeaderSize), b...), 0, 0, 0, 0) }
	for _, tt := range []struct {
		name     string
		packet   []byte
		sequence uint64
		points   uint16
		ok       bool
	}{
		{"first", wire.AppendFragment(nil, whole, 60, 0), 0, 0, true},
		{"last", wire.AppendFragment(nil, whole, 60, 2), 2, 1, true},
		{"no data", body(0, 1), 0, 0, false},
		{"no last", body(0), 0, 0, false},
		{"nothing", body(), 0, 0, false},
		{"alone", body(0, 0, 7), 0, 1, false},
		{"beyond the last", body(3, 2, 7), 9, 0, false},
		{"begins before the session", body(1, 2, 7), 0, 0, false},
		{"points in the first", body(0, 1, 7), 0, 1, false},
		{"no points in the last", body(1, 1, 7), 1, 0, false},
		{"of 256", body(0, 255, 7), 0, 0, true},
	} {
		h := wire.Header{Format: wire.FragmentFormat, Sequence: tt.sequence, Points: tt.points}
		wire.Stamp(tt.packet, &h)
		got, cause := wire.CheckHeader(tt.packet)
		require.Equal(t, wire.Accepted, cause)
		f, ok := wire.ReadFragment(tt.packet, &got)
		assert.Equal(t, tt.ok, ok, tt.name)
		assert.Equal(t, ok, f.Data != nil, tt.name)
		assertRejected(t, tt.packet, wire.UnknownVersion, "%s: it is no packet by itself", tt.name)
	}
	var a wire.Assembly
	assert.False(t, a.Whole())
	assert.True(t, a.Add(wire.Fragment{Index: 1, Last: 2, Data: make([]byte, wire.MaxBody)}))
	assert.False(t, a.Add(wire.Fragment{Index: 0, Last: 3, Data: []byte{1}}), "of another body")
	assert.False(t, a.Add(wire.Fragment{Index: 0, Last: 2, Data: []byte{1}}), "more than a body holds")
	assert.False(t, a.Whole())
}

// TestBoundsOnWork: a body of fragments has the budget of the packet that it would make.
func TestBoundsOnWork(t *testing.T) {
	set := func(n int) (attributes []attribute) {
		for i := range n {
			attributes = append(attributes, attribute{fmt.Sprint(i), value{}})
		}
		return attributes
	}
	checkRoundTrip(t, 1472, []point{{metric: load, attributes: set(wire.MaxAttributes)}})
	_, large := pack(t, 1472, []point{{metric: load, attributes: set(wire.MaxAttributes + 1)}})
	assert.Len(t, large, 1)
	more := "00" + gaugeInt + "00 81 04" + strings.Repeat("01 01", wire.MaxAttributes+1)
	e := rejection(t, crafted(1, more), wire.OverBudget, "attributes")
	assert.Equal(t, "attributes", e.Field)

	// Sets of many small attributes, in a large packet.
	var sets []point
	for i := range 30 {
		many := set(wire.MaxAttributes - i)
		sets = append(sets, point{metric: load, attributes: many})
	}
	packets, tooLarge := pack(t, wire.MaxPacketSize, sets)
	require.Empty(t, tooLarge)
	assert.Len(t, packets, 4, "4,096 items are reached after 8 sets")
	checkRoundTrip(t, wire.MaxPacketSize, sets)
	body := "00" + gaugeInt + "01"
	for range wire.MaxItems/128 + 1 {
		body += "00 01 00 80 01" + strings.Repeat("01 00", 128)
	}
	e = rejection(t, crafted(wire.MaxItems/128+2, body), wire.OverBudget, "attributes in all sets")
	assert.Equal(t, "attributes", e.Field)

	// Elements of values, and exemplars with their attributes, count as well.
	list := func(n int) []attribute {
		return []attribute{{"k", value{kind: wire.SliceValue, elements: make([]attribute, n)}}}
	}
	checkRoundTrip(t, wire.MaxPacketSize, []point{{metric: load, attributes: list(wire.MaxItems - 1)}})
	_, large = pack(t, wire.MaxPacketSize, []point{{metric: load, attributes: list(wire.MaxItems)}})
	assert.Len(t, large, 1)
	exemplars := make([]exemplar, wire.MaxItems/2)
	for i := range exemplars {
		exemplars[i].attributes = []attribute{{"k", value{}}}
	}
	checkRoundTrip(t, wire.MaxPacketSize, []point{{metric: load, exemplars: exemplars}})
	_, large = pack(t, wire.MaxPacketSize, []point{{metric: load, exemplars: append(exemplars, exemplar{})}})
	assert.Len(t, large, 1)
	for _, over := range []struct {
		name, field string
		points      int
		body        string
	}{
		{"elements", "elements", 1, "00" + gaugeInt + "00 01 01 14 80 20" + strings.Repeat("00", wire.MaxItems)},
		{"elements in elements", "elements", 1, "00" + gaugeInt + "00 01 01 14 02 0A FF 0F" + strings.Repeat("00", wire.MaxItems/2-1) + "0A 80 10" + strings.Repeat("00", wire.MaxItems/2)},
		{"points", "points", wire.MaxItems - 2, "00" + gaugeInt + "01" + strings.Repeat("00 01 01", wire.MaxItems-3)},
		{"metrics", "metrics", wire.MaxItems / 2, "00" + gaugeInt + "01" + strings.Repeat("00 00 01 09 01 01 01 01", wire.MaxItems/2-1)},
		{"exemplars", "exemplars", 1, "40" + gaugeInt + "01 01 85 A0 01" + strings.Repeat("00 00 00 00 00", wire.MaxItems+1) + "00"},
	} {
		e = rejection(t, crafted(over.points, over.body), wire.OverBudget, "%s", over.name)
		assert.Equal(t, over.field, e.Field, over.name)
	}

	var points []point
	for i := range 3 * wire.MaxResources {
		points = append(points, point{metric: metric{scope: scope{resource: resource{schema: fmt.Sprint(i)}}, kind: wire.Gauge}})
	}
	packets, _ = pack(t, wire.MaxPacketSize, points)
	assert.Len(t, packets, 3)
	checkRoundTrip(t, wire.MaxPacketSize, points)
	many := strings.Repeat("00"+gaugeInt+"01", wire.MaxResources+1)
	e = rejection(t, crafted(wire.MaxResources+1, many), wire.OverBudget, "resources")
	assert.Equal(t, "resources", e.Field)
}

// FuzzFragments feeds fragments to an assembly, in any order, and the result to a decoder.
func FuzzFragments(f *testing.F) {
	for i := range 4 {
		f.Add(golden(f, fmt.Sprintf("fragment_%d", i)), golden(f, "gauge_float64"), uint8(60), uint16(i))
	}
	f.Fuzz(func(t *testing.T, raw, packet []byte, size uint8, order uint16) {
		if len(raw) >= wire.HeaderSize+wire.TrailerSize {
			h := wire.Header{Format: wire.FragmentFormat, Sequence: uint64(order), Points: order % 3}
			raw = append([]byte(nil), raw...)
			wire.Stamp(raw, &h)
			if fragment, ok := wire.ReadFragment(raw, &h); ok {
				var a wire.Assembly
				require.True(t, a.Add(fragment))
				require.False(t, a.Whole())
			}
		}
		_, err := wire.ParseHeader(packet)
		limit := wire.HeaderSize + wire.TrailerSize + 2 + 1 + int(size)
		if err != nil || len(packet) > 255*(1+int(size)) {
			return
		}
		var d wire.Decoder
		if points, err := read(&d, packet); err == nil && len(points) > 0 {
			again := assembled(t, packet, limit)
			got, err := read(&d, again)
			require.NoError(t, err)
			require.Equal(t, texts(points), texts(got))
		}
	})
}

// FuzzBounds packs sets and resources of any number, around their bounds. What the packer
// takes the decoder takes, and no packet is beyond a bound.
func FuzzBounds(f *testing.F) {
	f.Add(uint16(wire.MaxAttributes), uint8(wire.MaxResources), uint16(1472), uint8(3))
	f.Add(uint16(wire.MaxAttributes+1), uint8(wire.MaxResources+1), uint16(512), uint8(0))
	f.Add(uint16(3), uint8(200), uint16(9000), uint8(77))
	f.Add(uint16(500), uint8(255), uint16(60_000), uint8(200))
	f.Fuzz(func(t *testing.T, attributes uint16, resources uint8, size uint16, length uint8) {
		limit := min(wire.MinPacketSize+int(size), wire.MaxPacketSize)
		set, value := &wire.AttributeSet{}, wire.NewSymbol(strings.Repeat("v", 40*int(length)))
		for i := range int(attributes) % 1024 {
			set.AddString(wire.NewSymbol(fmt.Sprintf("%0*d", length, i)), value)
		}
		pts := make([]*wire.Point, 1+int(resources))
		for i := range pts {
			r := &wire.Resource{SchemaURL: wire.NewSymbol(fmt.Sprint(i % (1 + int(length))))}
			pts[i] = &wire.Point{Metric: &wire.Metric{Scope: &wire.Scope{Resource: r}, Kind: wire.Gauge}}
			if i%5 == 0 {
				pts[i].Attributes = set
			}
		}
		packets, tooLarge := packAll(t, limit, len(pts), func(i int) *wire.Point { return pts[i] })
		count := len(tooLarge)
		var d wire.Decoder
		for _, packet := range packets {
			require.NoError(t, d.Reset(assembled(t, packet, limit)))
			require.LessOrEqual(t, d.Expanded(), wire.MaxExpansion*len(packet))
			found := map[int]bool{}
			for _, m := range d.Metrics() {
				found[m.Scope.Resource.Index] = true
			}
			require.LessOrEqual(t, len(found), wire.MaxResources)
			for _, s := range d.AttributeSets() {
				require.LessOrEqual(t, s.Len(), wire.MaxAttributes)
			}
			count += int(d.Header().Points)
		}
		require.Equal(t, len(pts), count)
		for _, i := range tooLarge {
			require.Same(t, set, pts[i].Attributes)
			n := set.EncodedLen()
			require.True(t, set.Len() > wire.MaxAttributes || n > wire.MaxBody-100 || set.Weight() > wire.MaxExpansion*n, "%d attributes, %d bytes", set.Len(), n)
		}
	})
}
