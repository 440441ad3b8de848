package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
)

// interned returns points of a workload as wire's objects.
func interned(w stream, n int) []*wire.Point {
	in := interner{}
	points := make([]*wire.Point, 0, n)
	for _, m := range w.points(n) {
		points = append(points, in.point(m))
	}
	return points
}

// encoder packs points again and again into one buffer.
type encoder struct {
	p      *wire.Packer
	points []*wire.Point
	buf    []byte
	header wire.Header
	next   int
}

func newEncoder(t testing.TB, w stream) *encoder {
	p := newPacker(t, 1472)
	e := &encoder{p: p, points: interned(w, 2000), buf: make([]byte, 0, p.BufferSize()), header: testHeader}
	p.Start(e.buf)
	return e
}

// point adds one point, and finishes the packet if the point does not fit.
func (e *encoder) point() {
	if e.p.Append(e.points[e.next]) != wire.Added {
		e.packet()
		e.p.Append(e.points[e.next])
	}
	e.next = (e.next + 1) % len(e.points)
}

// packet finishes the packet and starts the next one in the same buffer.
func (e *encoder) packet() []byte {
	e.header.Points = uint16(e.p.Points())
	packet := e.p.Finish()
	wire.Stamp(packet, &e.header)
	e.p.Start(e.buf)
	return packet
}

func TestNothingAllocatesInSteadyState(t *testing.T) {
	sink := uint64(0)
	for _, w := range workloads {
		e := newEncoder(t, w)
		for range 2 * len(e.points) {
			e.point()
		}
		assert.Zero(t, allocs.In(5000, e.point), "encode %s", w.name)

		packets, _ := pack(t, 1472, w.points(200))
		var d wire.Decoder
		decode := func() {
			for _, packet := range packets {
				if _, cause := wire.CheckHeader(packet); cause != wire.Accepted || d.Reset(packet) != nil {
					t.Fatal("rejected")
				}
				for d.Next() {
					sink += visit(d.Point())
				}
			}
		}
		decode()
		assert.Zero(t, allocs.In(50, decode), "decode %s", w.name)
	}
	assert.Positive(t, sink)
}

// visit reads everything that a point holds.
func visit(v *wire.PointView) (sum uint64) {
	sum = v.Bits + v.Distribution.Count + uint64(len(v.Metric.Name))
	for _, kv := range v.Attributes.All() {
		sum += weigh(kv.Value)
	}
	for e := v.Exemplars(); e.Next(); {
		sum += e.Exemplar.Bits
		for a := e.Exemplar.Attributes(); a.Next(); {
			sum += uint64(len(a.Key)) + weigh(a.Value)
		}
	}
	return sum
}

func weigh(v wire.Value) (sum uint64) {
	sum = uint64(len(v.Text())) + uint64(v.Int64()) + f64(v.Float64())
	for e := v.Elements(); e.Next(); {
		sum += uint64(len(e.Key)) + weigh(e.Value)
	}
	return sum
}

// TestRareThingsDoNotAllocate: attributes of every type and exemplars are encoded and
// decoded.
func TestRareThingsDoNotAllocate(t *testing.T) {
	p, in := newPacker(t, 1472), interner{}
	buf := make([]byte, 0, p.BufferSize())
	pt := in.point(point{metric: requests, attributes: everyType, exemplars: []exemplar{{time: 5, bits: 1, trace: "0123456789abcdef", attributes: everyType}}})
	h := testHeader
	h.Points = 1
	var d wire.Decoder
	sink := uint64(0)
	again := func() {
		p.Start(buf)
		if p.Append(pt) != wire.Added {
			t.Fatal("not added")
		}
		packet := p.Finish()
		wire.Stamp(packet, &h)
		if d.Reset(packet) != nil || !d.Next() {
			t.Fatal("rejected")
		}
		sink += visit(d.Point())
	}
	again()
	assert.Zero(t, allocs.In(100, again))

	bad := crafted(1, malformed[0].body)
	assert.Zero(t, allocs.In(100, func() {
		if _, cause := wire.CheckHeader(bad[:40]); cause != wire.TooShort && cause != wire.BadChecksum {
			t.Fatal(cause)
		}
		if d.Reset(bad) == nil {
			t.Fatal("accepted")
		}
	}), "rejections")
	require.Positive(t, sink)
}
