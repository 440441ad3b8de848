package wire_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

func TestPacketLimits(t *testing.T) {
	for _, limit := range []int{-1, 0, 511, 65508, math.MaxInt} {
		p, err := wire.NewPacker(limit)
		assert.Nil(t, p)
		assert.EqualError(t, err, fmt.Sprintf("wire: packet size %d: must be between 512 and 65507", limit))
	}
	for _, limit := range []int{512, 1472, 65507} {
		p := newPacker(t, limit)
		in := interner{}
		pt := in.point(point{metric: load, bits: f64(math.Pi)})
		for p.Append(pt) == wire.Added {
			pt.Time += 1 << 50 // so that 4,096 items do not end the packet
		}
		assert.Len(t, finish(p), limit, "padded")
	}
}

func TestStartTakesItsBuffer(t *testing.T) {
	p := newPacker(t, 1472)
	buf := make([]byte, 3, p.BufferSize())
	p.Start(buf)
	assert.Same(t, unsafe.SliceData(buf), unsafe.SliceData(finish(p)))
	small := make([]byte, 0, p.BufferSize()-1)
	p.Start(small)
	assert.NotSame(t, unsafe.SliceData(small), unsafe.SliceData(finish(p)))
}

// TestFullRollsBack: a point that finds no room leaves no trace in the packet, which takes
// nothing more. The next packet defines what only that point had defined.
func TestFullRollsBack(t *testing.T) {
	small := []point{
		{metric: load, attributes: get, start: 1, time: 2, bits: f64(1)},
		{metric: requests, attributes: get, start: 3, time: 4, bits: 5},
	}
	wide := []attribute{{"method", str("GET")}, {"blob", raw(strings.Repeat("x", 200))}, {"text", str(strings.Repeat("y", 100))}}
	big := point{
		metric:     metric{scope: scope{resource: resource{schema: "s", attributes: wide}, name: "new"}, name: "new", kind: wire.Histogram},
		attributes: wide[1:], start: 7, time: 8, bits: f64(9), dist: wire.Distribution{Count: 1, Bounds: []float64{1}, BucketCounts: []uint64{0, 1}},
		exemplars: []exemplar{{time: 8, bits: f64(9)}},
	}
	var want []byte
	for _, withBig := range []bool{false, true} {
		p, in := newPacker(t, 512), interner{}
		for _, m := range small {
			require.Equal(t, wire.Added, p.Append(in.point(m)))
		}
		if !withBig {
			want = finish(p)
			continue
		}
		pt := in.point(big)
		require.Equal(t, wire.Full, p.Append(pt))
		assert.Equal(t, 2, p.Points())
		require.Equal(t, wire.Full, p.Append(in.point(small[0])), "sealed")
		require.Equal(t, wire.Full, p.Append(pt), "sealed")
		assert.Equal(t, want, finish(p))

		p.SetLimit(1472)
		p.Start(nil)
		big.attributes = nil
		require.Equal(t, wire.Added, p.Append(in.point(big)), "a part of it")
		require.Equal(t, wire.Added, p.Append(in.point(small[0])))
		got, err := read(&wire.Decoder{}, finish(p))
		require.NoError(t, err)
		assert.Equal(t, texts([]point{big, small[0]}), texts(got))
	}
}

// TestTooLargeLeavesAnEmptyPacket: a point larger than any body leaves an empty packet. The
// packet can take the next point, even if that shares strings, sets and identities.
func TestTooLargeLeavesAnEmptyPacket(t *testing.T) {
	wide := append([]attribute{{"text", str(strings.Repeat("y", wire.MaxBody))}}, get...)
	many := make([]attribute, wire.MaxAttributes+1)
	for i := range many {
		many[i].key = fmt.Sprint(i)
	}
	p, in := newPacker(t, 512), interner{}
	next := point{metric: requests, attributes: get, start: 1, time: 2, bits: 3}
	for _, large := range []point{
		{metric: requests, attributes: wide, start: 5, time: 6},
		{metric: metric{scope: scope{resource: shop, name: strings.Repeat("n", wire.MaxBody)}, name: "requests", kind: wire.Gauge}, attributes: get},
		{metric: metric{scope: lib, name: strings.Repeat("n", 70_000), kind: wire.Gauge}},
		{metric: metric{scope: scope{resource: resource{attributes: wide}}, kind: wire.Gauge}},
		{metric: requests, attributes: []attribute{{"b", raw(strings.Repeat("z", 70_000))}}},
		{metric: requests, exemplars: []exemplar{{attributes: wide}}},
		{metric: latency, dist: wire.Distribution{BucketCounts: make([]uint64, 100_000)}},
		{metric: latency, dist: wire.Distribution{Bounds: make([]float64, 100_000)}},
		{metric: latency, dist: wire.Distribution{Bounds: []float64{0: math.Pi, 99_999: 1}}},
		{metric: metric{scope: lib, kind: wire.Summary}, dist: wire.Distribution{Quantiles: make([]wire.Quantile, 100_000)}},
		{metric: requests, attributes: many},
	} {
		capacity := p.BufferSize()
		pt := in.point(large)
		require.Equal(t, wire.Large, p.Append(pt))
		require.Zero(t, p.Points())
		before := p.Enlarge(nil)
		assert.Equal(t, capacity, cap(before), "the buffer was replaced")
		require.Equal(t, wire.TooLarge, p.Append(pt))
		require.Zero(t, p.Points())
		if len(large.attributes) < len(many) { // such sets are not written to be measured
			assert.Greater(t, p.Size(pt), wire.MaxBody)
		}
		require.Equal(t, wire.Added, p.Append(in.point(next)))
		packet := finish(p)
		assert.Equal(t, wire.LargeBufferSize, cap(packet), "the buffer was replaced")
		got, err := read(&wire.Decoder{}, packet)
		require.NoError(t, err)
		assert.Equal(t, texts([]point{next}), texts(got))
		p.Start(nil)
	}
}

// TestPacketsKeepToTheBudget: there is a set that is large once unfolded, and points that
// only refer to it. The packer closes each packet before the decoder would reject it.
func TestPacketsKeepToTheBudget(t *testing.T) {
	closed := 0
	for _, limit := range []int{512, 1472, 9000} {
		for seed := range uint64(20) {
			e := randomEntropy(seed, 1000)
			text := strings.Repeat("k", 1+limit/(2+e.below(30)))
			var set []attribute
			for i := range 10 * (1 + e.below(20)) {
				set = append(set, attribute{text[:1+i%len(text)], str(text)})
				if e.below(8) == 0 {
					set = append(set, attribute{text, list(wire.BoolSliceValue, slices.Repeat([]value{boolean(true)}, e.below(100))...)})
				}
			}
			in := interner{}
			big, small := in.point(point{metric: load, attributes: set}), in.point(point{metric: load, attributes: get})
			packets, tooLarge := packAll(t, limit, 200, func(int) *wire.Point { return oneOf(e, func() *wire.Point { return small }, big, big) })
			count := 0
			for i, packet := range packets {
				var d wire.Decoder
				require.NoError(t, d.Reset(packet), "packet %d, limit %d, seed %d", i, limit, seed)
				require.LessOrEqual(t, d.Expanded(), wire.MaxExpansion*len(packet))
				count += int(d.Header().Points)
				if i < len(packets)-1 && len(packet) < limit/2 {
					closed++
				}
			}
			require.Equal(t, 200, count+len(tooLarge))
		}
	}
	assert.Positive(t, closed, "no packet was closed for its budget")
}

// TestExpansionSumsAgree: packer and decoder add up the same for a packet.
func TestExpansionSumsAgree(t *testing.T) {
	for seed := range uint64(200) {
		p, in, d := newPacker(t, 9000), interner{}, wire.Decoder{}
		e := randomEntropy(seed, 600)
		for _, m := range e.points(50) {
			if p.Append(in.point(m)) == wire.Full {
				break
			}
		}
		expanded := p.Expanded()
		require.NoError(t, d.Reset(finish(p)))
		require.Equal(t, d.Expanded(), expanded, "seed %d", seed)
	}
}

// TestItemsAgree: packer and decoder count the same items, even if resources share sets and
// values are nested.
func TestItemsAgree(t *testing.T) {
	shared := []attribute{{"k", str("v")}, {"m", value{kind: wire.MapValue, elements: []attribute{{"a", integer(1)}, {"b", value{kind: wire.SliceValue, elements: make([]attribute, 3)}}}}}}
	for seed := range uint64(200) {
		p, in, d := newPacker(t, 9000), interner{}, wire.Decoder{}
		points := randomEntropy(seed, 600).points(50)
		for i := range points {
			if i%3 == 0 {
				points[i].metric.scope.resource = resource{schema: fmt.Sprint(i), attributes: shared}
			}
			if i%5 == 0 {
				points[i].attributes = shared
			}
		}
		for _, m := range points {
			if p.Append(in.point(m)) == wire.Full {
				break
			}
		}
		items := p.Items()
		require.NoError(t, d.Reset(finish(p)))
		require.Equal(t, d.Items(), items, "seed %d", seed)
	}
}

// TestExpansionIsAsDocumented adds up by hand: a metric in scope and resource, two points,
// one of them with bounds and an exemplar.
func TestExpansionIsAsDocumented(t *testing.T) {
	m := metric{scope: scope{resource: resource{schema: "abc", attributes: []attribute{{"k", str("vv")}}}, name: "n", version: "ve", schema: "sch", attributes: []attribute{{"key", integer(-1)}}}, name: "name", unit: "u", description: "d", kind: wire.Histogram}
	packets, _ := pack(t, 1472, []point{
		{metric: m, attributes: []attribute{{"f", double(1)}}, dist: wire.Distribution{Bounds: []float64{1, 2, 3}}, exemplars: []exemplar{{}, {}}},
		{metric: m, dist: wire.Distribution{Bounds: []float64{1, 2, 3}}},
	})
	const resource = 64 + 3 + 4*(32+1+2)
	const scope = 64 + 1 + 2 + 3 + (32 + 3 + 8*1)
	const metric = 64 + 4 + 1 + 1
	const first = 64 + (32 + 1 + 8*8) + 8*3 + 2*64 + 8*(2*5) // an exemplar: time, encoding of 0, two lengths, count
	const second = 64 + 8*3
	var d wire.Decoder
	require.NoError(t, d.Reset(packets[0]))
	assert.Equal(t, resource+scope+metric+first+second, d.Expanded())
}

// TestBounds: bounds come back with all their bits, as decimals or raw.
func TestBounds(t *testing.T) {
	for _, bounds := range [][]float64{
		{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000},
		{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
		{-1e12, 1e-9}, {-8e6, 1e-9}, {1e-9, 8e12}, {-4194304.3, 1e-9}, {-4503599.627370497, 1e-9}, {1 << 52}, {1<<52 - 1}, {-1 << 53, 0.5},
		{math.Copysign(0, -1), 1}, {math.Inf(-1), 0, math.Inf(1)}, {math.NaN()}, {math.MaxFloat64, -math.MaxFloat64}, {5e-324}, {1. / 3}, {3, 2, 1},
	} {
		m := point{metric: latency, dist: wire.Distribution{Bounds: bounds}}
		checkRoundTrip(t, 1472, []point{m, m})
	}
	e := randomEntropy(1, 1<<16)
	for range 5000 {
		a, b := float64(int64(e.uint64())>>e.below(64))/1e3, float64(int32(e.uint64()))/1e9
		packets, _ := pack(t, 1472, []point{{metric: latency, dist: wire.Distribution{Bounds: []float64{a, b}}}})
		got, err := read(&wire.Decoder{}, packets[0])
		require.NoError(t, err)
		require.Equal(t, []float64{a, b}, got[0].dist.Bounds)
		if len(e.bytes) < 64 {
			e = randomEntropy(e.uint64(), 1<<16)
		}
	}
}

// TestResourceEncodedLen: EncodedLen is what a packet grows by, with each string once.
func TestResourceEncodedLen(t *testing.T) {
	length := func(r resource) (packet, resource int) {
		in := interner{}
		p := newPacker(t, 9000)
		require.Equal(t, wire.Added, p.Append(in.point(point{metric: metric{scope: scope{resource: r}, kind: wire.Gauge}})))
		return len(finish(p)), in.resource(r).EncodedLen()
	}
	bare, _ := length(resource{})
	same := str(strings.Repeat("v", 100))
	for _, r := range []resource{
		{}, {schema: "http://x"}, shop, {schema: "s", attributes: everyType[:7]},
		{attributes: []attribute{{"a", same}, {"b", same}, {"c", str("a")}}}, {schema: "a", attributes: []attribute{{"a", str("a")}}},
		{attributes: []attribute{{"", str("")}, {"a", str("")}, {strings.Repeat("k", 128), str(strings.Repeat("v", 300))}}},
	} {
		packet, encoded := length(r)
		assert.Equal(t, packet-bare, encoded-3, "%v", r)
	}
	assert.Equal(t, 3, (&wire.Resource{}).EncodedLen())
}

// TestResetObjects: objects that are reset between points, since no cache keeps them, are
// defined anew each time.
func TestResetObjects(t *testing.T) {
	p, in := newPacker(t, 1472), interner{}
	key, text, set := wire.NewSymbol("k"), wire.NewSymbol("v"), &wire.AttributeSet{}
	var want []point
	for i := range 4 {
		v := strings.Repeat("v", i)
		key.Reset("key" + v)
		text.Reset(v)
		set.Reset()
		set.AddString(key, text)
		set.AddValue(text, wire.Int64Value, wire.AppendInt64(nil, int64(i)))
		assert.Equal(t, "key"+v, key.Text())
		assert.Equal(t, 2, set.Len())
		pt := in.point(point{metric: load})
		pt.Attributes = set
		require.Equal(t, wire.Added, p.Append(pt))
		want = append(want, point{metric: load, attributes: []attribute{{"key" + v, str(v)}, {v, integer(int64(i))}}})
	}
	got, err := read(&wire.Decoder{}, finish(p))
	require.NoError(t, err)
	assert.Equal(t, texts(want), texts(got))
}

// TestDistributionFollowsTheKind: a missing Distribution is a zero one, and gauges and sums
// ignore theirs.
func TestDistributionFollowsTheKind(t *testing.T) {
	p, in := newPacker(t, 1472), interner{}
	var want []point
	for kind := wire.Gauge; kind <= wire.Summary; kind++ {
		m := point{metric: metric{scope: lib, kind: kind}}
		pt := in.point(m)
		pt.Distribution = nil
		if kind <= wire.Sum {
			pt.Distribution = &wire.Distribution{Count: 5, BucketCounts: []uint64{5}}
		}
		require.Equal(t, wire.Added, p.Append(pt))
		want = append(want, m)
	}
	got, err := read(&wire.Decoder{}, finish(p))
	require.NoError(t, err)
	assert.Equal(t, texts(want), texts(got))
}

// TestAccessorsOfOtherTypes: accessors that do not fit a value's type return zeros.
func TestAccessorsOfOtherTypes(t *testing.T) {
	packets, _ := pack(t, 1472, []point{{metric: load, attributes: everyType}})
	var d wire.Decoder
	require.NoError(t, d.Reset(packets[0]))
	require.True(t, d.Next())
	sets := d.AttributeSets()
	require.Len(t, sets, 3)
	for i, kv := range sets[2].All() {
		v, kind := kv.Value, everyType[i].value.kind
		require.Equal(t, kind, v.Type)
		elements := v.Elements()
		assert.Equal(t, kind == wire.BoolValue, v.Bool(), kv.Key)
		assert.Equal(t, kind == wire.Int64Value, v.Int64() != 0, kv.Key)
		assert.Equal(t, kind == wire.Float64Value, v.Float64() != 0, kv.Key)
		assert.Equal(t, kind == wire.StringValue || kind == wire.BytesValue, v.Text() != nil, kv.Key)
		assert.Equal(t, len(everyType[i].value.elements), elements.Len(), kv.Key)
	}
	assert.Equal(t, []byte{0x8F, 0x03}, sets[2].Value(2).Payload())
}
