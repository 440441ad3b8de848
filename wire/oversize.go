package wire

// Reduction says what a point larger than a packet had to leave behind. A name,
// a key, a value or an attribute is never cut: that would forge another series.
type Reduction struct {
	Exemplars   int  // exemplars left out
	Description bool // description left out
	Halvings    int  // times an exponential histogram's resolution was halved
}

// minScale is the lowest scale of an exponential histogram: OpenTelemetry's
// data model maps all of float64 to two buckets there.
const minScale = -10

// AppendReduced adds a point for which Append said TooLarge. It leaves out
// one thing after the other until the point fits: its exemplars, its
// description, half the resolution of an exponential histogram, again and
// again. It reports what it took, and false if nothing helped. It modifies pt
// and its Distribution. The packet takes no point after a reduced one, since
// that would share its reduced description.
func (p *Packer) AppendReduced(pt *Point) (Reduction, bool) {
	var r Reduction
	defer func() { p.withoutDescription = false }()
	if r.Exemplars = len(pt.Exemplars); r.Exemplars > 0 {
		pt.Exemplars = nil
		if p.appendLast(pt) {
			return r, true
		}
	}
	if symbolLen(pt.Metric.Description) > 0 {
		r.Description = true
		p.withoutDescription = true
		if p.appendLast(pt) {
			return r, true
		}
	}
	if pt.Metric.Kind != ExponentialHistogram || pt.Distribution == nil {
		return r, false
	}
	for d := pt.Distribution; d.Scale > minScale; {
		before := len(d.Positive.Counts) + len(d.Negative.Counts)
		d.Halve()
		if len(d.Positive.Counts)+len(d.Negative.Counts) == before {
			break // merging does not make it smaller any more
		}
		r.Halvings++
		if p.appendLast(pt) {
			return r, true
		}
	}
	return r, false
}

func (p *Packer) appendLast(pt *Point) bool {
	if p.Append(pt) != Added {
		return false
	}
	p.full = true
	return true
}

// Halve halves the resolution of an exponential histogram in place: it merges
// neighbouring buckets, and the scale drops by one, as the data model allows
// (opentelemetry-specification, metrics/data-model.md, "ExponentialHistogram").
func (d *Distribution) Halve() {
	d.Scale--
	d.Positive.halve()
	d.Negative.halve()
}

func (b *Buckets) halve() {
	if len(b.Counts) == 0 {
		b.Offset >>= 1
		return
	}
	first := b.Offset >> 1 // rounds down, also below zero
	merged := 0
	for i, c := range b.Counts {
		to := int((int64(b.Offset)+int64(i))>>1 - int64(first))
		if to == merged && i > 0 {
			b.Counts[to] += c
			continue
		}
		b.Counts[to] = c
		merged = to
	}
	b.Offset, b.Counts = first, b.Counts[:merged+1]
}
