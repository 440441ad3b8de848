package wire

import "slices"

// Decoder reads the points of Compact bodies, one at a time. It takes hostile bytes: it
// accepts a packet whole or not at all, and checks every length before it uses it. Its
// memory is bounded by a multiple of the packet's length. It allocates nothing once its
// tables have grown to the traffic. It is not safe for concurrent use.
//
//	if err := d.Reset(packet); err != nil { ... }
//	for d.Next() {
//		use(d.Point())
//	}
type Decoder struct {
	header    Header
	r         reader
	expanded  int
	budget    int // the most that expanded may be
	prevTime  int64
	prevStart int64
	none      MetricView // stands for the metric of a bad reference

	// The tables of what Reset found in the packet.
	strings       [][]byte
	sets          []AttributesView
	attributeList []attributeEntry // of sets
	resources     []ResourceView
	scopes        []ScopeView
	metrics       []MetricView
	bounds        [][]float64
	floats        []float64 // for bounds
	points        []pointEntry
	distributions []Distribution
	numbers       []uint64   // for the counts of distributions
	quantiles     []Quantile // for distributions

	next  int // the entry of points that Next takes
	point PointView
}

// Reset verifies packet, all of it, and moves before its first point. The Decoder reads
// from packet until the next Reset, so packet must not change. A rejected packet has no
// points. The error is an *[Error], valid until the next Reset.
func (d *Decoder) Reset(packet []byte) error {
	h, cause, offset := parseHeader(packet)
	if cause == Accepted && h.Format != Compact {
		cause, offset = UnknownVersion, 0
	}
	if cause != Accepted {
		d.clear()
		d.r.reset(nil, 0)
		d.r.err = Error{Cause: cause, Field: "header", Offset: offset}
		return &d.r.err
	}
	return d.read(&h, packet[:len(packet)-TrailerSize], HeaderSize)
}

// ResetBody is Reset for a body whose header is known. The header is that of a packet that
// [CheckHeader] has accepted, or of the last fragment if the body was put together from
// fragments. Offsets in errors count from the begin of the body.
func (d *Decoder) ResetBody(h *Header, body []byte) error { return d.read(h, body, 0) }

// read reads all records of b from off on.
func (d *Decoder) read(h *Header, b []byte, off int) error {
	d.clear()
	d.header = *h
	d.r.reset(b, off)
	d.budget = MaxExpansion * (HeaderSize + len(b) - off + TrailerSize)
	d.strings = append(d.strings, nil)
	d.sets = append(d.sets, AttributesView{})
	d.bounds = append(d.bounds, nil)
	for d.r.Left() > 0 && len(d.points) <= int(d.header.Points) {
		d.record()
	}
	if len(d.points) != int(d.header.Points) {
		d.r.Fail("point count")
	}
	if d.r.Failed() {
		d.metrics, d.sets, d.points, d.strings = d.metrics[:0], d.sets[:0], d.points[:0], d.strings[:0]
		return d.r.error()
	}
	d.point.body = b
	return nil
}

// clear forgets the packet and keeps the tables' memory.
func (d *Decoder) clear() {
	d.header = Header{}
	d.expanded = 0
	d.prevTime, d.prevStart = 0, 0
	d.next = 0
	d.strings, d.sets, d.attributeList = d.strings[:0], d.sets[:0], d.attributeList[:0]
	d.resources, d.scopes, d.metrics = d.resources[:0], d.scopes[:0], d.metrics[:0]
	d.bounds, d.floats = d.bounds[:0], d.floats[:0]
	d.points, d.distributions = d.points[:0], d.distributions[:0]
	d.numbers, d.quantiles = d.numbers[:0], d.quantiles[:0]
}

// extend adds n elements to table and returns them, to be overwritten.
func extend[T any](table *[]T, n int) []T {
	start := len(*table)
	*table = slices.Grow(*table, n)[:start+n]
	return (*table)[start : start+n : start+n]
}

// another adds an element to table and returns it, with every field to be overwritten. That
// is faster than appending a struct, which is built elsewhere and copied.
func another[T any](table *[]T) *T {
	n := len(*table)
	if n == cap(*table) {
		*table = slices.Grow(*table, 1)
	}
	*table = (*table)[:n+1]
	return &(*table)[n]
}

// Header returns the header of the packet.
func (d *Decoder) Header() Header { return d.header }

// Metrics returns the identities of the packet, in the order of their Index, valid until
// the next Reset.
func (d *Decoder) Metrics() []MetricView { return d.metrics }

// AttributeSets returns the attribute sets of the packet, in the order of their Index,
// valid until the next Reset.
func (d *Decoder) AttributeSets() []AttributesView { return d.sets }

// Dictionary returns the strings of the packet in the order of their definitions, valid
// until the next Reset. The empty string is number 0. Two of them may be equal.
func (d *Decoder) Dictionary() [][]byte { return d.strings }

// Next moves to the next point and reports whether there is one.
func (d *Decoder) Next() bool {
	if d.next == len(d.points) {
		return false
	}
	e, v := &d.points[d.next], &d.point
	d.next++
	// What is the same is not written again: while the garbage collector runs, a pointer takes
	// much longer to write than to compare.
	if m := &d.metrics[e.metric]; v.Metric != m {
		v.Metric = m
	}
	if set := &d.sets[e.set]; v.Attributes != set {
		v.Attributes = set
	}
	v.StartTime, v.Time, v.Bits = e.start, e.time, e.bits
	v.exemplars, v.exemplarsEnd = e.exemplars, e.exemplarsEnd
	if e.distribution > 0 {
		v.Distribution = d.distributions[e.distribution-1]
	} else if v.distributed {
		v.Distribution = Distribution{}
	}
	v.distributed = e.distribution > 0
	return true
}

// Point returns the current point, valid until the next call of Next or Reset.
func (d *Decoder) Point() *PointView { return &d.point }
