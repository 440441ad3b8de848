package wire

import (
	"encoding/binary"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// Point is one data point to be written.
type Point struct {
	Metric     *Metric
	Attributes *AttributeSet // nil: none
	// StartTime and Time are Unix nanoseconds, or NoTime.
	StartTime, Time int64
	// Bits is the value of a gauge or sum, or the sum of the other kinds: an int64 if the
	// metric is Integer, and the bits of a float64 otherwise.
	Bits uint64
	// Distribution holds what the kinds other than Gauge and Sum add. nil is a zero
	// Distribution. Gauge and Sum ignore it.
	Distribution *Distribution
	Exemplars    []Exemplar
}

var noDistribution Distribution

func (pt *Point) distribution() *Distribution {
	if pt.Distribution == nil {
		return &noDistribution
	}
	return pt.Distribution
}

// The tag that begins a record: the number's encoding, and what follows.
const (
	tagEncoding  = 0x07
	tagTime      = 0x08
	tagStart     = 0x30
	tagExtras    = 0x40
	tagExtension = 0x80
	tagPadding   = 0xFF

	startSame  = 0x00
	startDelta = 0x10
	startNone  = 0x20
)

const extraExemplars = 1

// point writes pt to the end of b.
func (p *Packer) point(b []byte, pt *Point) []byte {
	at := len(b)
	tag := byte(0)
	p.items++
	b = p.metric(append(b, 0), pt.Metric)
	b = p.attributes(b, pt.Attributes)
	p.expanded += pointWeight + setWeight(pt.Attributes)
	if pt.Time != p.prevTime {
		tag |= tagTime
		b = number.AppendSvarint(b, pt.Time-p.prevTime)
		p.prevTime = pt.Time
	}
	switch pt.StartTime {
	case p.prevStart:
	case NoTime:
		tag |= startNone
	default:
		tag |= startDelta
		b = number.AppendSvarint(b, pt.StartTime-p.prevStart)
		p.prevStart = pt.StartTime
	}
	b, enc := number.Append(b, pt.Bits, pt.Metric.Integer)
	if pt.Metric.Kind > Sum {
		b = p.distribution(b, pt.Metric, pt.distribution())
	}
	if len(pt.Exemplars) > 0 {
		tag |= tagExtras
		b = p.exemplars(b, pt)
	}
	b[at] = tag | byte(enc)
	return b
}

// PointView is a data point inside a packet: a view that is valid until the Decoder moves
// on. Its slices must not be modified or kept.
type PointView struct {
	Metric     *MetricView
	Attributes *AttributesView
	// StartTime and Time are Unix nanoseconds, or NoTime.
	StartTime, Time int64
	// Bits is the value or the sum, as in [Point].
	Bits uint64
	// Distribution is zero for gauges and sums.
	Distribution Distribution

	body                    []byte
	exemplars, exemplarsEnd int32 // where they stand in the body
	distributed             bool  // Distribution is not zero
}

// HasExemplars reports whether the point has exemplars.
func (v *PointView) HasExemplars() bool { return v.exemplarsEnd > v.exemplars }

// Exemplars returns an iterator over the point's exemplars.
func (v *PointView) Exemplars() Exemplars {
	return exemplarsOf(v.body[v.exemplars:v.exemplarsEnd], v.Time, v.Metric.Integer)
}

// pointEntry is a point as a Decoder keeps it. The rest of the point is in the Decoder's
// tables.
type pointEntry struct {
	start, time             int64
	bits                    uint64
	metric, set             int32
	distribution            int32 // number from 1; 0: none
	exemplars, exemplarsEnd int32 // offsets in the packet
}

// record reads a point, or skips an extension or padding.
func (d *Decoder) record() {
	m, set := (*MetricView)(nil), (*AttributesView)(nil)
	r := &d.r
	tag := byte(0)
	word := uint32(0)
	if at := r.At; len(r.Body)-at >= 4 {
		word = binary.LittleEndian.Uint32(r.Body[at:])
	}
	if n := uint(word>>8)&0xFF - 1; word&tagExtension == 0 && n < 0x7F && n < uint(len(d.metrics)) {
		// As usual, a reference of one byte follows the tag.
		tag, m = byte(word), &d.metrics[n]
		if n = uint(word>>16)&0xFF - 1; n < 0x7F && n < uint(len(d.sets)) {
			r.At += 3
			set = &d.sets[n]
		} else {
			r.At += 2
			set = d.attributes()
		}
	} else {
		if tag = r.Byte("tag"); tag >= tagExtension {
			d.skip(tag)
			return
		}
		m = d.metric()
		set = d.attributes()
	}
	if tag&tagTime != 0 {
		d.prevTime += r.Svarint("time")
	}
	start := d.prevStart
	if how := tag & tagStart; how != startSame {
		start = d.start(how)
	}
	value := uint64(0)
	if enc := number.Encoding(tag & tagEncoding); enc == number.Integer && m.Integer {
		value = uint64(r.Svarint("value"))
	} else {
		value = r.Number("value", enc, m.Integer)
	}
	distribution, exemplars, exemplarsEnd := 0, 0, 0
	d.expanded += pointWeight + set.weight
	if m.Kind > Sum {
		d.distribution(m)
		distribution = len(d.distributions)
	}
	if tag&tagExtras != 0 {
		exemplars, exemplarsEnd = d.extras(m)
	}
	m.Points++
	r.take(1, "points")
	e := another(&d.points)
	e.start, e.time, e.bits = start, d.prevTime, value
	e.metric, e.set, e.distribution = int32(m.Index), int32(set.Index), int32(distribution)
	e.exemplars, e.exemplarsEnd = int32(exemplars), int32(exemplarsEnd)
	if d.expanded > d.budget {
		r.failAs(OverBudget, "expansion")
	}
}

// start reads a start time that is not that of the point before.
func (d *Decoder) start(how byte) int64 {
	switch how {
	case startDelta:
		d.prevStart += d.r.Svarint("start time")
		return d.prevStart
	case startNone:
		return NoTime
	}
	d.r.Fail("start time")
	return d.prevStart
}

// skip skips an extension, which later versions may add, or the padding at the end of a
// body.
func (d *Decoder) skip(tag byte) {
	switch tag {
	case tagExtension:
		d.r.Uvarint("extension kind")
		d.r.Text("extension")
	case tagPadding:
		for d.r.Left() > 0 {
			if d.r.Byte("padding") != tagPadding {
				d.r.Fail("padding")
			}
		}
	default:
		d.r.Fail("tag")
	}
}

// extras reads the fields behind a point, and returns where its exemplars stand. It skips
// fields of later versions.
func (d *Decoder) extras(m *MetricView) (exemplars, end int) {
	for {
		id := d.r.Uvarint("extra")
		if id == 0 {
			return exemplars, end
		}
		body := d.r.Text("extra")
		if id != extraExemplars || d.r.Failed() {
			continue
		}
		if end > 0 {
			d.r.Fail("second exemplars")
			continue
		}
		exemplars, end = d.r.At-len(body), d.r.At
		d.checkExemplars(exemplarsOf(body, d.prevTime, m.Integer), len(body))
	}
}
