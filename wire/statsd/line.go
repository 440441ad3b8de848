package statsd

import (
	"math"
	"strconv"
	"time"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

// line holds what is around the value of a line.
type line struct {
	name, tags *flat.Text
	suffix     string
	// key and bound are one more tag, le or quantile. There is none if key is empty.
	key   string
	bound float64
	time  int64
}

// begin begins a line, up to its value.
func (d *dialect) begin(w *flat.Writer) {
	l := &d.line
	w.B = append(append(w.B, l.name.Bytes...), l.suffix...)
	if !d.dog {
		d.beginTags(w, len(l.name.Bytes)+len(l.suffix))
	}
	w.B = append(w.B, ':')
}

// beginTags appends the tags that are part of a name, which has that many bytes. If the
// whole is too long, it cuts the attributes and keeps the tag of the encoder, which tells
// the lines of one point apart.
func (d *dialect) beginTags(w *flat.Writer, name int) {
	l := &d.line
	start := len(w.B)
	if l.key != "" {
		w.B = d.appendBound(w.B)
	}
	tags := l.tags.Bytes
	if left := max(0, d.MaxName-name-(len(w.B)-start)); d.Tags == InName && d.MaxName > 0 && len(tags) > left {
		tags = tags[:left]
		w.LeavePart()
	}
	w.B = append(w.B, tags...)
}

// appendBound appends the tag that is no attribute to a name.
func (d *dialect) appendBound(b []byte) []byte {
	l := &d.line
	if d.Tags == AfterComma {
		return flat.AppendBound(append(append(append(b, ','), l.key...), '='), l.bound)
	}
	b = append(append(append(b, '.'), l.key...), '.')
	if math.IsInf(l.bound, 1) {
		return append(b, "inf"...)
	}
	start := len(b)
	b = flat.AppendFloat(b, l.bound)
	for i, c := range b[start:] {
		if c == '.' || c == '+' {
			b[start+i] = '_'
		}
	}
	return b
}

// end ends a line behind its value, which stands for n measurements.
func (d *dialect) end(w *flat.Writer, kind string, n uint64) {
	l := &d.line
	w.B = append(append(w.B, '|'), kind...)
	if n > 1 {
		w.B = append(w.B, "|@"...)
		w.B = appendRate(w.B, n)
	}
	if d.dog && (len(l.tags.Bytes) > 0 || l.key != "") {
		w.B = append(append(w.B, "|#"...), l.tags.Bytes...)
		if l.key != "" {
			if len(l.tags.Bytes) > 0 {
				w.B = append(w.B, ',')
			}
			w.B = append(append(w.B, l.key...), ':')
			w.B = flat.AppendBound(w.B, l.bound)
		}
	}
	if d.Timestamps && l.time != wire.NoTime && (kind == "c" || kind == "g") {
		w.B = append(w.B, "|T"...)
		w.B = strconv.AppendInt(w.B, l.time/int64(time.Second), 10)
	}
	if d.Container != "" {
		w.B = append(append(w.B, "|c:"...), d.Container...)
	}
	w.B = append(w.B, '\n')
}

// appendRate appends the sample rate of a value that stands for n measurements. Servers
// count int(1/rate) measurements. The next number below 1/n gives n back, for all n up to
// maxRate.
func appendRate(b []byte, n uint64) []byte {
	return strconv.AppendFloat(b, math.Nextafter(1/float64(n), 0), 'f', -1, 64)
}
