package wire

// Reduction says what a point larger than any body was sent without. A name, a key, a value
// or an attribute is never cut: that would forge another series.
type Reduction struct {
	Exemplars   int  // exemplars left out
	Description bool // description left out
	Downscales  int  // times an exponential histogram was downscaled by one
}

// minScale is the lowest scale of an exponential histogram, at which OpenTelemetry's data
// model maps all of float64 to two buckets.
const minScale = -10

// AppendReduced adds a point for which Append returned TooLarge. It takes one thing after
// the other away until the point fits: its exemplars, its description, half the resolution
// of an exponential histogram, again and again. It returns what it took away, and false if
// nothing helped. It modifies pt and its Distribution. The packet takes no point after a
// reduced one, since that point would share the reduced description.
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
		d.Downscale()
		if len(d.Positive.Counts)+len(d.Negative.Counts) == before {
			break // merging does not make it smaller any more
		}
		r.Downscales++
		if p.appendLast(pt) {
			return r, true
		}
	}
	return r, false
}

// Size returns how many bytes the body of pt alone would have, after TooLarge. If that is
// more than 16 MB, it returns at least 16 MB. It is for messages, and it allocates.
func (p *Packer) Size(pt *Point) int {
	limit, buf, scratch := p.limit, p.buf, p.scratch
	p.limit, p.buf = maxMeasured, make([]byte, HeaderSize, LargeBufferSize)
	p.restart()
	p.overflow = false
	n := len(p.point(p.buf, pt)) - HeaderSize
	p.limit, p.buf, p.scratch = limit, buf, scratch
	p.restart()
	return n
}

// maxMeasured is the length up to which Size measures, in bytes.
const maxMeasured = 16 << 20

func (p *Packer) appendLast(pt *Point) bool {
	if p.Append(pt) != Added {
		return false
	}
	p.full = true
	return true
}

// Downscale lowers the scale of an exponential histogram by one, in place: it merges each two
// neighbouring buckets, as the data model allows
// (opentelemetry-specification, metrics/data-model.md, "ExponentialHistogram").
func (d *Distribution) Downscale() {
	d.Scale--
	d.Positive.downscale()
	d.Negative.downscale()
}

func (b *Buckets) downscale() {
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
