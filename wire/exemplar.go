package wire

import "github.com/otelgram/otelgram/wire/internal/number"

// Exemplar is a measurement that a point keeps as an example.
type Exemplar struct {
	Time int64  // Unix nanoseconds, or NoTime
	Bits uint64 // the value, as [Point.Bits]
	// TraceID and SpanID are empty if the measurement had none.
	TraceID, SpanID []byte
	// Attributes are the filtered attributes in wire form: for each a key (AppendText), a
	// type (AppendType) and a payload.
	Attributes []byte
	// AttributeCount is how many Attributes has.
	AttributeCount int
}

// exemplars writes the extra that carries pt's exemplars. Extras never use the
// dictionaries, so a decoder that does not know one can skip it.
func (p *Packer) exemplars(b []byte, pt *Point) []byte {
	s := p.scratch[:0]
	for i := range pt.Exemplars {
		e := &pt.Exemplars[i]
		if len(s)+len(e.TraceID)+len(e.SpanID)+len(e.Attributes) > p.limit-len(b) {
			p.overflow = true
			break
		}
		s = number.AppendSvarint(s, e.Time-pt.Time)
		s = number.AppendTagged(s, e.Bits, pt.Metric.Integer)
		s = number.AppendText(s, e.TraceID)
		s = number.AppendText(s, e.SpanID)
		s = append(number.AppendUvarint(s, uint64(e.AttributeCount)), e.Attributes...)
		p.items += 1 + items(e.Attributes, e.AttributeCount)
	}
	p.scratch = s
	if p.overflow || len(s) > p.limit-len(b) {
		p.overflow = true
		return b
	}
	p.expanded += pointWeight*len(pt.Exemplars) + valueFactor*len(s)
	b = number.AppendText(append(b, extraExemplars), s)
	return append(b, 0)
}

// items returns how many items n attributes in wire form have, or more than MaxItems.
func items(attributes []byte, n int) int {
	var r reader
	r.reset(attributes, 0)
	for r.take(n, ""); n > 0 && !r.Failed(); n-- {
		r.element(MapValue, MaxDepth)
	}
	return r.items
}

// ExemplarView is an exemplar inside a packet: a view like [PointView].
type ExemplarView struct {
	Time            int64
	Bits            uint64
	TraceID, SpanID []byte
	attributes      []byte
}

// Attributes returns the filtered attributes. Elements yields their keys and values.
func (v *ExemplarView) Attributes() Elements {
	return Value{Type: MapValue, data: v.attributes}.Elements()
}

// Exemplars iterates over the exemplars of a point:
//
//	for e := point.Exemplars(); e.Next(); {
//		use(&e.Exemplar)
//	}
type Exemplars struct {
	// Exemplar is the current exemplar.
	Exemplar ExemplarView

	integer   bool
	pointTime int64
	r         reader
}

func exemplarsOf(extra []byte, pointTime int64, integer bool) Exemplars {
	e := Exemplars{integer: integer, pointTime: pointTime}
	e.r.reset(extra, 0)
	return e
}

// Next moves to the next exemplar and reports whether there is one.
func (e *Exemplars) Next() bool {
	if e.r.Left() == 0 {
		return false
	}
	v := &e.Exemplar
	v.Time = e.pointTime + e.r.Svarint("exemplar time")
	v.Bits = e.r.Tagged("exemplar value", e.integer)
	v.TraceID = e.r.Text("trace id")
	v.SpanID = e.r.Text("span id")
	start := e.r.At
	n := e.r.Count("exemplar attributes", 2)
	e.r.take(1+n, "exemplars")
	for ; n > 0 && !e.r.Failed(); n-- {
		e.r.element(MapValue, MaxDepth)
	}
	v.attributes = e.r.Body[start:e.r.At]
	return !e.r.Failed()
}

// checkExemplars verifies the exemplars of a point, which take length bytes, and counts
// what they unfold to.
func (d *Decoder) checkExemplars(e Exemplars, length int) {
	e.r.items = d.r.items
	for e.Next() {
		d.expanded += pointWeight
	}
	if e.r.Failed() {
		err := e.r.error()
		d.r.failAs(err.Cause, err.Field)
	}
	d.r.items = e.r.items
	d.expanded += valueFactor * length
}
