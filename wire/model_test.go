package wire_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// The model: points as plain data, without interning and without views. Tests
// compare the text that String gives, where every number shows all its bits.

type point struct {
	metric      metric
	attributes  []attribute
	start, time int64
	bits        uint64
	dist        wire.Distribution
	exemplars   []exemplar
}

type metric struct {
	scope                     scope
	name, unit, description   string
	kind                      wire.Kind
	integer, monotonic, delta bool
}

type scope struct {
	resource              resource
	name, version, schema string
	attributes            []attribute
}

type resource struct {
	schema     string
	attributes []attribute
}

type exemplar struct {
	time        int64
	bits        uint64
	trace, span string
	attributes  []attribute
}

type attribute struct {
	key   string
	value value
}

// value is an attribute value: bits for bool, int64 and float64, text for
// string and bytes, elements for slices, and for maps with their keys.
type value struct {
	kind     wire.ValueType
	bits     uint64
	text     string
	elements []attribute
}

func str(s string) value     { return value{kind: wire.StringValue, text: s} }
func raw(s string) value     { return value{kind: wire.BytesValue, text: s} }
func integer(i int64) value  { return value{kind: wire.Int64Value, bits: uint64(i)} }
func double(f float64) value { return value{kind: wire.Float64Value, bits: math.Float64bits(f)} }
func boolean(b bool) value {
	return value{kind: wire.BoolValue, bits: uint64(wire.AppendBool(nil, b)[0])}
}
func dict(a ...attribute) value { return value{kind: wire.MapValue, elements: a} }

func list(kind wire.ValueType, elements ...value) value {
	v := value{kind: kind}
	for _, e := range elements {
		v.elements = append(v.elements, attribute{value: e})
	}
	return v
}

func f64(v float64) uint64 { return math.Float64bits(v) }

func i64(v int64) uint64 { return uint64(v) }

func extremum(bits uint64) wire.Extremum { return wire.Extremum{Bits: bits, Defined: true} }

func (p point) String() string {
	return fmt.Sprintf("%v %v start=%d time=%d bits=%x %s %v", p.metric, p.attributes, p.start, p.time, p.bits, distText(p.dist), p.exemplars)
}

func (m metric) String() string {
	return fmt.Sprintf("%v metric(%q %q %q %d %t %t %t)", m.scope, m.name, m.unit, m.description, m.kind, m.integer, m.monotonic, m.delta)
}

func (s scope) String() string {
	return fmt.Sprintf("%v scope(%q %q %q %v)", s.resource, s.name, s.version, s.schema, s.attributes)
}

func (r resource) String() string { return fmt.Sprintf("resource(%q %v)", r.schema, r.attributes) }

func (e exemplar) String() string {
	return fmt.Sprintf("exemplar(%d %x %q %q %v)", e.time, e.bits, e.trace, e.span, e.attributes)
}

func (a attribute) String() string { return fmt.Sprintf("%q:%v", a.key, a.value) }

func (v value) String() string {
	return fmt.Sprintf("%d(%x %q %v)", v.kind, v.bits, v.text, v.elements)
}

func distText(d wire.Distribution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "count=%d min=%v max=%v bounds=[", d.Count, d.Min, d.Max)
	for _, v := range d.Bounds {
		fmt.Fprintf(&b, "%x ", f64(v))
	}
	fmt.Fprintf(&b, "] counts=%d scale=%d zero=%d/%x %d %d quantiles=[", d.BucketCounts, d.Scale, d.ZeroCount, f64(d.ZeroThreshold), d.Positive, d.Negative)
	for _, q := range d.Quantiles {
		fmt.Fprintf(&b, "%x:%x ", f64(q.Quantile), f64(q.Value))
	}
	return b.String() + "]"
}

func texts(points []point) []string {
	out := make([]string, 0, len(points))
	for _, p := range points {
		out = append(out, p.String())
	}
	return out
}

// interner turns models into the objects of one Packer, one object for each distinct thing.
type interner map[string]any

// once returns the object kept under kind and text, or makes it.
func once[T any](in interner, kind, text string, build func() *T) *T {
	if o, ok := in[kind+text]; ok {
		return o.(*T)
	}
	o := build()
	in[kind+text] = o
	return o
}

func (in interner) symbol(text string) *wire.Symbol {
	return once(in, "symbol", text, func() *wire.Symbol { return wire.NewSymbol(text) })
}

func (in interner) set(attributes []attribute) *wire.AttributeSet {
	return once(in, "set", fmt.Sprint(attributes), func() *wire.AttributeSet {
		s := &wire.AttributeSet{}
		for _, a := range attributes {
			if a.value.kind == wire.StringValue {
				s.AddString(in.symbol(a.key), in.symbol(a.value.text))
			} else {
				s.AddValue(in.symbol(a.key), a.value.kind, appendPayload(nil, a.value))
			}
		}
		return s
	})
}

func (in interner) resource(r resource) *wire.Resource {
	return once(in, "resource", r.String(), func() *wire.Resource {
		return &wire.Resource{SchemaURL: in.symbol(r.schema), Attributes: in.set(r.attributes)}
	})
}

func (in interner) scope(s scope) *wire.Scope {
	return once(in, "scope", s.String(), func() *wire.Scope {
		return &wire.Scope{
			Resource: in.resource(s.resource), Name: in.symbol(s.name), Version: in.symbol(s.version),
			SchemaURL: in.symbol(s.schema), Attributes: in.set(s.attributes),
		}
	})
}

func (in interner) metric(m metric) *wire.Metric {
	return once(in, "metric", m.String(), func() *wire.Metric {
		return &wire.Metric{
			Scope: in.scope(m.scope), Name: in.symbol(m.name), Unit: in.symbol(m.unit), Description: in.symbol(m.description),
			Kind: m.kind, Integer: m.integer, Monotonic: m.monotonic, Delta: m.delta,
		}
	})
}

func (in interner) point(p point) *wire.Point {
	pt := &wire.Point{
		Metric: in.metric(p.metric), Attributes: in.set(p.attributes),
		StartTime: p.start, Time: p.time, Bits: p.bits,
	}
	if p.metric.kind > wire.Sum {
		pt.Distribution = &p.dist
	}
	for _, e := range p.exemplars {
		x := wire.Exemplar{Time: e.time, Bits: e.bits, TraceID: []byte(e.trace), SpanID: []byte(e.span), AttributeCount: len(e.attributes)}
		for _, a := range e.attributes {
			x.Attributes = appendNested(wire.AppendText(x.Attributes, a.key), a.value)
		}
		pt.Exemplars = append(pt.Exemplars, x)
	}
	return pt
}

func appendNested(b []byte, v value) []byte { return appendPayload(wire.AppendType(b, v.kind), v) }

func appendPayload(b []byte, v value) []byte {
	switch v.kind {
	case wire.EmptyValue:
		return b
	case wire.BoolValue:
		return wire.AppendBool(b, v.bits == 1)
	case wire.Int64Value:
		return wire.AppendInt64(b, int64(v.bits))
	case wire.Float64Value:
		return wire.AppendFloat64(b, math.Float64frombits(v.bits))
	case wire.StringValue, wire.BytesValue:
		return wire.AppendText(b, v.text)
	}
	b = wire.AppendCount(b, len(v.elements))
	for _, e := range v.elements {
		switch v.kind {
		case wire.MapValue:
			b = appendNested(wire.AppendText(b, e.key), e.value)
		case wire.SliceValue:
			b = appendNested(b, e.value)
		default:
			b = appendPayload(b, e.value)
		}
	}
	return b
}

// testHeader is what packets are stamped with, except for their number of points.
var testHeader = wire.Header{
	Format: wire.Compact, Sequence: 0x01020304050607, Time: 1_700_000_000_000_000_000,
	Session: 0x1122334455667788, PointsBefore: 0xA1B2C3D4,
}

// finish ends p's packet and stamps it.
func finish(p *wire.Packer) []byte {
	h := testHeader
	h.Points = uint16(p.Points())
	packet := p.Finish()
	wire.Stamp(packet, &h)
	return packet
}

func newPacker(t testing.TB, limit int) *wire.Packer {
	t.Helper()
	p, err := wire.NewPacker(limit)
	require.NoError(t, err)
	p.Start(nil)
	return p
}

// pack packs points into stamped packets, through one Packer. It returns the
// points that were too large, too.
func pack(t testing.TB, limit int, points []point) (packets [][]byte, tooLarge []point) {
	t.Helper()
	in := interner{}
	packets, rest := packAll(t, limit, len(points), func(i int) *wire.Point { return in.point(points[i]) })
	for _, i := range rest {
		tooLarge = append(tooLarge, points[i])
	}
	return packets, tooLarge
}

// packAll packs n points; it returns the numbers of those that were too large. A
// packet that was enlarged may be larger than limit.
func packAll(t testing.TB, limit, n int, get func(i int) *wire.Point) (packets [][]byte, tooLarge []int) {
	t.Helper()
	p := newPacker(t, limit)
	for i := range n {
		pt := get(i)
		result := p.Append(pt)
		if result == wire.Full {
			require.Positive(t, p.Points(), "an empty packet is full")
			packets = append(packets, finish(p))
			p.Start(nil)
			result = p.Append(pt)
		}
		if result == wire.Large {
			require.Zero(t, p.Points(), "only an empty packet is enlarged")
			p.Enlarge(nil)
			result = p.Append(pt)
		}
		if result == wire.TooLarge {
			tooLarge = append(tooLarge, i)
			p.Start(nil)
			continue
		}
		require.Equal(t, wire.Added, result)
	}
	return append(packets, finish(p)), tooLarge
}

// read decodes one packet with d into models.
func read(d *wire.Decoder, packet []byte) ([]point, error) {
	if err := d.Reset(packet); err != nil {
		return nil, err
	}
	points := []point{}
	for d.Next() {
		if err := numbersMatch(d, d.Point().Attributes); err != nil {
			return nil, err
		}
		points = append(points, readPoint(d.Point()))
	}
	return points, nil
}

// numbersMatch returns an error if a key or a string value has another number in the
// packet's dictionary.
func numbersMatch(d *wire.Decoder, v *wire.AttributesView) error {
	for i, kv := range v.All() {
		_, key, text := v.Numbers(i)
		if want := kv.Value.Text(); string(d.Dictionary()[key]) != string(kv.Key) || kv.Value.Type == wire.StringValue && string(d.Dictionary()[text]) != string(want) {
			return fmt.Errorf("%q has number %d, %q has number %d", kv.Key, key, want, text)
		}
	}
	return nil
}

func readPoint(v *wire.PointView) point {
	m := v.Metric
	p := point{
		metric: metric{
			scope: readScope(m.Scope), name: string(m.Name), unit: string(m.Unit), description: string(m.Description),
			kind: m.Kind, integer: m.Integer, monotonic: m.Monotonic, delta: m.Delta,
		},
		attributes: readSet(v.Attributes), start: v.StartTime, time: v.Time, bits: v.Bits, dist: cloned(v.Distribution),
	}
	for e := v.Exemplars(); e.Next(); {
		x := &e.Exemplar
		p.exemplars = append(p.exemplars, exemplar{
			time: x.Time, bits: x.Bits, trace: string(x.TraceID), span: string(x.SpanID), attributes: readElements(x.Attributes()),
		})
	}
	return p
}

// cloned copies what the decoder would write over.
func cloned(d wire.Distribution) wire.Distribution {
	d.Bounds = append([]float64(nil), d.Bounds...)
	d.BucketCounts = append([]uint64(nil), d.BucketCounts...)
	d.Positive.Counts = append([]uint64(nil), d.Positive.Counts...)
	d.Negative.Counts = append([]uint64(nil), d.Negative.Counts...)
	d.Quantiles = append([]wire.Quantile(nil), d.Quantiles...)
	return d
}

func readScope(s *wire.ScopeView) scope {
	return scope{
		resource: resource{schema: string(s.Resource.SchemaURL), attributes: readSet(s.Resource.Attributes)},
		name:     string(s.Name), version: string(s.Version), schema: string(s.SchemaURL), attributes: readSet(s.Attributes),
	}
}

func readSet(s *wire.AttributesView) (attributes []attribute) {
	for _, kv := range s.All() {
		attributes = append(attributes, attribute{string(kv.Key), readValue(kv.Value)})
	}
	return attributes
}

func readElements(e wire.Elements) (elements []attribute) {
	for e.Next() {
		elements = append(elements, attribute{string(e.Key), readValue(e.Value)})
	}
	return elements
}

func readValue(v wire.Value) value {
	m := value{kind: v.Type, text: string(v.Text()), elements: readElements(v.Elements())}
	switch v.Type {
	case wire.BoolValue:
		m = boolean(v.Bool())
	case wire.Int64Value:
		m = integer(v.Int64())
	case wire.Float64Value:
		m = double(v.Float64())
	}
	return m
}
