package statsd

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

// MaxDatagram returns the largest datagram, in bytes, that all servers of a dialect take
// whole. collectd has a buffer of 4,096 bytes, and puts a zero behind what it has read. The
// Datadog agent has a buffer of 8,192.
func MaxDatagram(d Dialect) int {
	if d == DogStatsD {
		return 8192
	}
	return 4095
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

// Encoder writes points as lines. It is not safe for concurrent use, except for LeftOut.
type Encoder struct{ *flat.Packer }

// New returns an Encoder for datagrams of at most limit bytes.
func New(d Dialect, o Options, limit int, m Memory) (*Encoder, error) {
	if err := o.Validate(d); err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	x := &dialect{Options: o.withDefaults(d), dog: d == DogStatsD}
	p, table := flat.NewPacker(x, flat.Frame{Most: wire.MaxPacketSize}, limit, x, m)
	x.table = table
	return &Encoder{p}, nil
}

// dialect writes the lines of a point.
type dialect struct {
	Options
	dog   bool
	table *flat.Table

	line    line
	buckets []flat.Bucket
	limits  flat.Limits
}

// Write writes what there is to say about a point.
func (d *dialect) Write(w *flat.Writer, pt *wire.Point) wire.Result {
	m := pt.Metric
	name, tags := d.table.Texts(pt, d.remembers(m))
	d.line = line{name: name, tags: tags, time: pt.Time}
	switch m.Kind {
	case wire.Gauge:
		return d.gauge(w, pt)
	case wire.Sum:
		switch {
		case m.Monotonic:
			return d.counter(w, pt)
		case m.Delta:
			return d.total(w, pt)
		}
		return d.gauge(w, pt)
	case wire.Histogram, wire.ExponentialHistogram:
		return d.histogram(w, pt)
	case wire.Summary:
		return d.summary(w, pt)
	}
	return wire.Unsayable
}

// remembers reports whether something is remembered about a metric's series.
func (d *dialect) remembers(m *wire.Metric) bool {
	fraction := !m.Integer && !d.Fractions // the fraction is owed
	switch m.Kind {
	case wire.Sum:
		if m.Monotonic {
			return !m.Delta || fraction
		}
		return m.Delta
	case wire.Histogram, wire.ExponentialHistogram:
		return !m.Delta || fraction && d.Histograms == Counters
	}
	return m.Kind == wire.Summary
}

// gauge writes a value as it is.
func (d *dialect) gauge(w *flat.Writer, pt *wire.Point) wire.Result {
	v := flat.Float(pt.Bits, pt.Metric.Integer)
	if !flat.Finite(v) {
		return wire.Unsayable
	}
	d.zeroFirst(w, v)
	d.begin(w)
	w.B = flat.AppendNumber(w.B, pt.Bits, pt.Metric.Integer)
	d.end(w, "g", 1)
	w.End()
	return wire.Added
}

// gaugeOf writes a number that was computed.
func (d *dialect) gaugeOf(w *flat.Writer, v float64) {
	d.zeroFirst(w, v)
	d.begin(w)
	w.B = flat.AppendFloat(w.B, v)
	d.end(w, "g", 1)
	w.End()
}

// zeroFirst writes a zero before a negative value, in the same entry: all servers except
// the Datadog agent take a number with a sign for a change.
func (d *dialect) zeroFirst(w *flat.Writer, v float64) {
	if !math.Signbit(v) || d.Agent {
		return
	}
	d.begin(w)
	w.B = append(w.B, '0')
	d.end(w, "g", 1)
}

// total adds up the changes of an up-down counter, since a server is told its value.
func (d *dialect) total(w *flat.Writer, pt *wire.Point) wire.Result {
	s, _, r := d.series(pt)
	if s == nil {
		return r
	}
	v := flat.Float(pt.Bits, pt.Metric.Integer)
	total := s.Value + v
	if !flat.Finite(total) {
		return wire.Unsayable
	}
	d.gaugeOf(w, total)
	w.Add(s, v)
	return wire.Added
}

// counter writes by how much a sum has grown.
func (d *dialect) counter(w *flat.Writer, pt *wire.Point) wire.Result {
	integer := pt.Metric.Integer
	v := flat.Float(pt.Bits, integer)
	if !flat.Finite(v) || v < 0 {
		return wire.Unsayable
	}
	if pt.Metric.Delta && (integer || d.Fractions) {
		if v > maxCount {
			w.LeavePart()
		}
		d.count(w, pt.Bits, integer)
		return wire.Added
	}
	s, known, r := d.series(pt)
	switch {
	case s == nil && pt.Metric.Delta:
		d.countWhole(w, v)
	case s == nil:
		return r
	case pt.Metric.Delta:
		d.sumOwed(w, s, v)
	case !known:
		s.Count, s.Value = pt.Bits, v
		w.LeaveUnknown()
	case integer:
		if pt.Bits < s.Count {
			s.Renew()
		}
		d.countSince(w, s, flat.Slot{}, pt.Bits-s.Count)
	default:
		if v < s.Value-rounding*s.Value {
			s.Renew()
		}
		d.sumSince(w, s, v-s.Value)
	}
	return wire.Added
}

// countSince writes by how much an integer has grown since the server was told of it.
func (d *dialect) countSince(w *flat.Writer, s *flat.Series, slot flat.Slot, n uint64) {
	n = min(n, maxCount)
	d.count(w, n, true)
	w.Tell(s, slot, n, 0)
}

// rounding is the fraction by which a sum may be off because it was rounded.
const rounding = 1e-12

// sumSince writes by how much a number has grown since the server was told of it.
func (d *dialect) sumSince(w *flat.Writer, s *flat.Series, grown float64) {
	say := d.sayable(grown, s.Value)
	d.count(w, math.Float64bits(say), false)
	w.Tell(s, flat.Slot{}, 0, say)
}

// countWhole writes the integer part of a change, when there is no memory for the rest.
func (d *dialect) countWhole(w *flat.Writer, v float64) {
	whole := math.Trunc(v)
	if whole != v || v > maxCount {
		w.LeavePart()
	}
	d.count(w, math.Float64bits(whole), false)
}

// sumOwed writes a change, together with what is owed of the changes before.
func (d *dialect) sumOwed(w *flat.Writer, s *flat.Series, change float64) {
	say := d.sayable(s.Value+change, 0)
	d.count(w, math.Float64bits(say), false)
	w.Tell(s, flat.Slot{}, 0, change-say)
}

// sayable returns what can be said of v. That is nothing if v may come from rounding a sum
// as large as of. It is no fraction if servers cut fractions off.
func (d *dialect) sayable(v, of float64) float64 {
	if v <= rounding*of {
		return 0
	}
	if !d.Fractions {
		v = math.Trunc(v)
	}
	return min(v, maxCount)
}

// maxCount is the largest counter of a line, the largest double below 2^63. A server with
// integers of 64 bits makes a negative number of a larger one.
const maxCount = 1<<63 - 1<<10

// count writes a counter, or nothing for a zero.
func (d *dialect) count(w *flat.Writer, bits uint64, integer bool) {
	v := math.Float64frombits(bits)
	if bits == 0 || !integer && v == 0 {
		return
	}
	d.begin(w)
	switch {
	case integer:
		w.B = strconv.AppendUint(w.B, min(bits, maxCount), 10)
	case v == math.Trunc(v):
		w.B = strconv.AppendUint(w.B, uint64(min(v, maxCount)), 10)
	default:
		w.B = flat.AppendFloat(w.B, v)
	}
	d.end(w, "c", 1)
	w.End()
}

// series returns the series of the point at hand, and whether it is known what the server
// was told about it. That is not known if the series began before this encoder, or before
// others were forgotten: the server may have been told all of it. If s is nil, r says why.
func (d *dialect) series(pt *wire.Point) (s *flat.Series, known bool, r wire.Result) {
	s, known = d.table.Series(d.line.name, d.line.tags, pt)
	switch {
	case s == nil:
		return nil, false, wire.NoMemory
	case pt.Metric.Delta:
		return s, true, wire.Added
	case known && !s.Begins(pt.StartTime):
		d.table.Collide()
		return nil, false, wire.Unsayable
	}
	return s, known, wire.Added
}

// Cut returns the length of the longest run of lines that takes at most room bytes. The
// zero before a negative gauge stays with the gauge.
func (d *dialect) Cut(body []byte, room int) int {
	n := bytes.LastIndexByte(body[:min(room, len(body))], '\n') + 1
	for n > 0 && n < len(body) && d.isChange(body[n:]) {
		n = bytes.LastIndexByte(body[:n-1], '\n') + 1
	}
	return n
}

// isChange reports whether a server would take the line for the change of a gauge.
func (d *dialect) isChange(line []byte) bool {
	at := bytes.IndexByte(line, ':') + 1
	if d.Agent || at >= len(line) || line[at] != '-' {
		return false
	}
	end := at + bytes.IndexByte(line[at:], '|')
	return end+1 < len(line) && line[end+1] == 'g'
}

// Stamp does nothing: there is nothing around the lines.
func (d *dialect) Stamp([]byte, *wire.Header) {}

// Probe appends an empty line.
func (d *dialect) Probe(b []byte) []byte { return append(b, '\n') }
