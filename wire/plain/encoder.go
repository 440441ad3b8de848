package plain

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

// Options are what can be chosen for an [Encoder].
type Options struct {
	// Resource lists the attributes of the resource that go with each event; "*" stands for
	// all. nil means service.namespace, service.name, service.instance.id and
	// deployment.environment.name. An attribute of the point wins over an attribute of the
	// resource.
	Resource []string
	// Scope adds otel.scope.name, otel.scope.version and the attributes of the
	// instrumentation scope.
	Scope bool
}

// Memory is what an Encoder charges for what it keeps.
type Memory interface {
	// Take takes that many bytes for what can be made anew, and returns false if there are
	// not that many left. Return gives them back.
	Take(bytes int64) bool
	Return(bytes int64)
	// Need takes that many bytes for what points are dropped without, and returns false if
	// there are not that many left. Give gives them back.
	Need(bytes int64) bool
	Give(bytes int64)
}

// Encoder writes points as events. It is not safe for concurrent use, except for LeftOut.
type Encoder struct{ *flat.Packer }

// MostBytes is the largest packet of an Encoder, in bytes. A packet of this length or less
// cannot have more than MaxItems items.
const MostBytes = 20_000

// NewEncoder returns an Encoder for packets of at most limit bytes, and never more than
// MostBytes.
func NewEncoder(o Options, limit int, m Memory) *Encoder {
	if o.Resource == nil {
		o.Resource = flat.DefaultResource
	}
	w := &writer{Options: o}
	p, table := flat.NewPacker(w, flat.Frame{Head: HeaderSize, Tail: TrailerSize, Most: MostBytes}, limit, w, m)
	w.table = table
	return &Encoder{p}
}

// writer writes the events of a point.
type writer struct {
	Options
	table  *flat.Table
	limits flat.Limits

	name, tags *flat.Text
	time       int64
	key        string // of one more tag; empty: no such tag
	bound      float64
	bounds     []byte
}

// Write writes what there is to say about a point.
func (x *writer) Write(w *flat.Writer, pt *wire.Point) wire.Result {
	m := pt.Metric
	x.name, x.tags = x.table.Texts(pt, false)
	if x.tags.Fit == flat.Unsayable || !flat.Sayable(pt) {
		return wire.Unsayable
	}
	x.time, x.key = pt.Time, ""
	own := Type(m.Kind)
	if m.Integer {
		own |= Integer
	}
	sum := Sum
	if m.Delta {
		sum |= Delta
	}
	switch m.Kind {
	case wire.Gauge:
		x.event(w, "", own, pt.Bits)
	case wire.Sum:
		if m.Monotonic {
			sum |= Monotonic
		}
		x.event(w, "", own|sum, pt.Bits)
	case wire.Histogram, wire.ExponentialHistogram, wire.Summary:
		x.distribution(w, pt, sum)
	default:
		return wire.Unsayable
	}
	return wire.Added
}

// distribution writes the events of a histogram or summary. sum is the type of its sums.
func (x *writer) distribution(w *flat.Writer, pt *wire.Point, sum Type) {
	integer := Type(0)
	if pt.Metric.Integer {
		integer = Integer
	}
	d := pt.Distribution
	if d == nil {
		d = &wire.Distribution{}
	}
	x.count(w, ".count", sum, d.Count)
	x.event(w, ".sum", sum|integer, pt.Bits)
	if d.Min.Defined {
		x.event(w, ".min", Gauge|integer, d.Min.Bits)
	}
	if d.Max.Defined {
		x.event(w, ".max", Gauge|integer, d.Max.Bits)
	}
	if pt.Metric.Kind == wire.Summary {
		x.key = "quantile"
		for _, q := range d.Quantiles {
			if w.Full() {
				return
			}
			x.bound = q.Quantile
			x.event(w, ".quantile", Gauge, math.Float64bits(q.Value))
		}
		return
	}
	x.key = "le"
	for _, limit := range x.limits.Of(pt) {
		if w.Full() {
			return
		}
		x.bound = limit.Bound
		x.count(w, ".bucket", sum, limit.Count)
	}
}

// count writes a number of measurements. If it is larger than any int64, it is a float.
func (x *writer) count(w *flat.Writer, suffix string, sum Type, n uint64) {
	if n > math.MaxInt64 {
		x.event(w, suffix, sum|Monotonic, math.Float64bits(float64(n)))
		return
	}
	x.event(w, suffix, sum|Monotonic|Integer, n)
}

// event writes one event.
func (x *writer) event(w *flat.Writer, suffix string, t Type, bits uint64) {
	b := append(w.B, byte(t))
	b = binary.BigEndian.AppendUint16(b, uint16(len(x.name.Bytes)+len(suffix)))
	b = append(append(b, x.name.Bytes...), suffix...)
	b = binary.BigEndian.AppendUint64(b, bits)
	b = binary.BigEndian.AppendUint64(b, uint64(x.time))
	b = append(b, x.tags.Bytes...)
	if x.key != "" {
		x.bounds = flat.AppendBound(x.bounds[:0], x.bound)
		b = appendBytes(appendText(b, x.key), x.bounds)
	}
	w.B = append(b, 0, 0)
	w.End()
}

// AppendName appends the name of a metric.
func (x *writer) AppendName(b []byte, m *wire.Metric) (_ []byte, cut bool) {
	if m.Name == nil {
		return b, false
	}
	return append(b, m.Name.Text()...), false
}

// AppendCommon appends the attributes of resource and scope that the options ask for.
func (x *writer) AppendCommon(tags []flat.Tag, s *wire.Scope) []flat.Tag {
	return flat.Common{Resource: x.Resource, Scope: x.Scope}.Append(tags, s)
}

// AppendTags appends attributes. The keys le and quantile are this encoding's own. An
// attribute set has no form if it has more attributes than an event may have, or an
// attribute that is longer than a text may be.
func (x *writer) AppendTags(b []byte, tags []flat.Tag) ([]byte, flat.Fit) {
	if len(tags) >= MaxTags {
		return b, flat.Unsayable
	}
	for _, t := range tags {
		key := t.Key
		switch string(key) {
		case "", "le", "quantile":
			for key = append([]byte(nil), key...); has(tags, key) || len(key) == len(t.Key); {
				key = append(key, '_')
			}
		}
		if len(key) > MaxText || len(t.Value) > MaxText {
			return b, flat.Unsayable
		}
		b = appendBytes(appendBytes(b, key), t.Value)
	}
	return b, flat.Whole
}

// has reports whether one of the tags has that key.
func has(tags []flat.Tag, key []byte) bool {
	return slices.ContainsFunc(tags, func(t flat.Tag) bool { return bytes.Equal(t.Key, key) })
}

func appendBytes(b, text []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// Cut returns the length of the longest run of events that takes at most room bytes.
func (x *writer) Cut(body []byte, room int) int {
	n := 0
	for n < len(body) {
		end := n + eventLen(body[n:])
		if end > room {
			break
		}
		n = end
	}
	return n
}

// eventLen returns the length of the event at the begin of b, which this encoder wrote.
func eventLen(b []byte) int {
	text := func(at int) int { return at + 2 + int(binary.BigEndian.Uint16(b[at:])) }
	at := text(1) + 16
	for b[at]|b[at+1] != 0 {
		at = text(text(at))
	}
	return at + 2
}

// Stamp writes sequence, time and checksum.
func (x *writer) Stamp(datagram []byte, h *wire.Header) { Stamp(datagram, h.Sequence, h.Time) }

// Probe appends nothing: a packet without events says nothing.
func (x *writer) Probe(b []byte) []byte { return b }
