package influx

import (
	"bytes"
	"math"
	"strconv"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

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

// Encoder writes points as lines. It is not safe for concurrent use, except for LeftOut.
type Encoder struct{ *flat.Packer }

// New returns an Encoder for datagrams of at most limit bytes.
func New(o Options, limit int, m Memory) *Encoder {
	if o.Resource == nil {
		o.Resource = flat.DefaultResource
	}
	d := &dialect{Options: o}
	p, table := flat.NewPacker(d, flat.Frame{Most: wire.MaxPacketSize}, limit, d, m)
	d.table = table
	return &Encoder{p}
}

// dialect writes the lines of a point.
type dialect struct {
	Options
	table  *flat.Table
	limits flat.Limits
}

// line is a line that is being written.
type line struct {
	w          *flat.Writer
	pt         *wire.Point
	name, tags *flat.Text
	start      int // where the fields begin
}

// Write writes what there is to say about a point.
func (d *dialect) Write(w *flat.Writer, pt *wire.Point) wire.Result {
	if !flat.Finite(flat.Float(pt.Bits, pt.Metric.Integer)) || !flat.Sayable(pt) {
		return wire.Unsayable
	}
	name, tags := d.table.Texts(pt, false)
	l := line{w: w, pt: pt, name: name, tags: tags}
	switch pt.Metric.Kind {
	case wire.Gauge, wire.Sum:
		l.begin("", 0)
		l.field("value")
		d.number(w, pt.Bits, pt.Metric.Integer)
		l.end()
	case wire.Histogram, wire.ExponentialHistogram:
		d.sums(&l)
		for _, limit := range d.limits.Of(pt) {
			if w.Full() {
				break
			}
			l.begin("le", limit.Bound)
			l.field("bucket")
			d.count(w, limit.Count)
			l.end()
		}
	case wire.Summary:
		d.sums(&l)
		d.quantiles(&l)
	default:
		return wire.Unsayable
	}
	return wire.Added
}

// sums writes the line of a histogram or summary as a whole.
func (d *dialect) sums(l *line) {
	dist := l.pt.Distribution
	if dist == nil {
		dist = &wire.Distribution{}
	}
	integer := l.pt.Metric.Integer
	l.begin("", 0)
	l.field("count")
	d.count(l.w, dist.Count)
	l.field("sum")
	d.number(l.w, l.pt.Bits, integer)
	d.extremum(l, "min", dist.Min)
	d.extremum(l, "max", dist.Max)
	l.end()
}

func (d *dialect) extremum(l *line, name string, e wire.Extremum) {
	if !e.Defined {
		return
	}
	if !flat.Finite(flat.Float(e.Bits, l.pt.Metric.Integer)) {
		l.w.LeavePart()
		return
	}
	l.field(name)
	d.number(l.w, e.Bits, l.pt.Metric.Integer)
}

// quantiles writes a line for each quantile of a summary.
func (d *dialect) quantiles(l *line) {
	if l.pt.Distribution == nil {
		return
	}
	for _, q := range l.pt.Distribution.Quantiles {
		if l.w.Full() {
			return
		}
		if !flat.Finite(q.Quantile) || !flat.Finite(q.Value) {
			l.w.LeavePart()
			continue
		}
		l.begin("quantile", q.Quantile)
		l.field("value")
		l.w.B = flat.AppendFloat(l.w.B, q.Value)
		l.end()
	}
}

// begin begins a line with one more tag, or without it if key is empty.
func (l *line) begin(key string, bound float64) {
	b := append(append(l.w.B, l.name.Bytes...), l.tags.Bytes...)
	if key != "" {
		b = append(append(append(b, ','), key...), '=')
		b = flat.AppendBound(b, bound)
	}
	l.start = len(b)
	l.w.B = b
}

// field begins a field.
func (l *line) field(name string) {
	separator := byte(',')
	if len(l.w.B) == l.start {
		separator = ' '
	}
	l.w.B = append(append(append(l.w.B, separator), name...), '=')
}

// maxTime bounds the times that InfluxDB takes, from -maxTime to maxTime, in nanoseconds.
const maxTime = math.MaxInt64 - 1

// end ends the line. Without a time the server takes the time at which it gets the line.
func (l *line) end() {
	if l.pt.Time != wire.NoTime {
		l.w.B = strconv.AppendInt(append(l.w.B, ' '), min(max(l.pt.Time, -maxTime), maxTime), 10)
	}
	l.w.B = append(l.w.B, '\n')
	l.w.End()
}

// number writes a value from its bits.
func (d *dialect) number(w *flat.Writer, bits uint64, integer bool) {
	if w.B = flat.AppendNumber(w.B, bits, integer); integer && !d.Floats {
		w.B = append(w.B, 'i')
	}
}

// count writes a number of measurements. If it is larger than any int64, it is a float.
func (d *dialect) count(w *flat.Writer, n uint64) {
	if n > math.MaxInt64 {
		w.B = flat.AppendFloat(w.B, float64(n))
		return
	}
	d.number(w, n, true)
}

// Cut returns the length of the longest run of lines that takes at most room bytes.
func (d *dialect) Cut(body []byte, room int) int {
	return bytes.LastIndexByte(body[:min(room, len(body))], '\n') + 1
}

// Stamp does nothing: there is nothing around the lines.
func (d *dialect) Stamp([]byte, *wire.Header) {}

// Probe appends an empty line.
func (d *dialect) Probe(b []byte) []byte { return append(b, '\n') }
