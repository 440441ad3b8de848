package aggregate

import (
	"math"

	"github.com/otelgram/otelgram/wire"
)

// The scales of exponential histograms (opentelemetry-specification, metrics/sdk.md, "Base2
// Exponential Bucket Histogram Aggregation"). At the least scale there are two buckets for
// all numbers. The largest scale is the SDK's.
const (
	MinScale = -10
	MaxScale = 20
)

// exponential counts measurements in buckets whose bounds are powers of a base. The base
// grows with the range of the measurements. The buckets equal the SDK's one by one, even
// after stripes are put together: the scale is the largest at which the buckets from the
// first to the last in use are no more than the maximum size, and that does not depend on
// the order of the measurements.
type exponential[N Number] struct {
	first stripe[scaled[N]]
}

// scaled is what one stripe of an exponential histogram holds. With a maximum size of 1,
// numbers on both sides of 1 find no bucket even at the least scale. As in the SDK they are
// in the sum, the minimum and the maximum, and in no count. That is reported once a stream.
type scaled[N Number] struct {
	summary[N]
	zeros              uint64
	outside            uint64 // measurements that are in no bucket
	scale              int32
	positive, negative side
}

// side holds the buckets of the positive or of the negative measurements, from the first to
// the last in use.
type side struct {
	first  int32
	counts []uint64
}

func (h *exponential[N]) record(e *Series[N], v N) result {
	x := split(math.Abs(float64(v)))
	s := &h.first
	if !s.tryHold() {
		s = hold(s, &e.stream.base, emptyScaled[N])
	}
	if e.isDead() {
		s.release()
		e.stream.registry.memory.Give(s.refund()) // the collector may have refunded before s was in the list
		return late
	}
	s.state.record(v, x, int(e.stream.config.MaxSize))
	s.release()
	return taken
}

// magnitude is the absolute value of a measurement as a fraction of a power of two.
type magnitude struct {
	exponent int32
	exact    bool    // the value is a power of two
	log      float64 // of the fraction, to the base of two
}

func split(v float64) magnitude {
	fraction, exponent := math.Frexp(v)
	return magnitude{int32(exponent), fraction == .5, math.Log(fraction) * math.Log2E}
}

// bucket returns the index of the bucket at a scale. The bounds of a bucket are its index
// and the next one, as exponents of the base. The upper bound belongs to the bucket.
func (m magnitude) bucket(scale int32) int32 {
	if scale > 0 {
		return m.exponent<<scale + int32(m.log*float64(int32(1)<<scale)) - 1
	}
	below := m.exponent - 1 // the fraction is at least a half
	if m.exact {
		below--
	}
	return below >> -scale
}

func (s *scaled[N]) record(v N, m magnitude, size int) {
	s.add(v)
	if v == 0 {
		s.zeros++
		return
	}
	to := &s.positive
	if v < 0 {
		to = &s.negative
	}
	b := m.bucket(s.scale)
	if by := to.excess(b, b, size); by > 0 {
		if s.scale-by < MinScale {
			s.outside++
			return
		}
		s.downscale(by)
		b = m.bucket(s.scale)
	}
	to.add(b, 1, size)
}

// excess returns by how much the scale must drop so that the buckets in use and the buckets
// from first to last are no more than size.
func (b *side) excess(first, last int32, size int) (by int32) {
	if len(b.counts) > 0 {
		first = min(first, b.first)
		last = max(last, b.first+int32(len(b.counts))-1)
	}
	for int(last)-int(first) >= size && by <= MaxScale-MinScale {
		first, last, by = first>>1, last>>1, by+1
	}
	return by
}

func (s *scaled[N]) downscale(by int32) {
	s.scale -= by
	s.positive.downscale(by)
	s.negative.downscale(by)
}

// downscale merges 2^by buckets into one.
func (b *side) downscale(by int32) {
	if len(b.counts) == 0 || by == 0 {
		return
	}
	first := b.first >> by
	n := 0
	for i, c := range b.counts {
		to := int((b.first+int32(i))>>by - first)
		if to > n || i == 0 {
			b.counts[to] = c
			n = to
			continue
		}
		b.counts[to] += c
	}
	b.first, b.counts = first, b.counts[:n+1]
}

// add adds n to a bucket. The caller has made sure that size has room for the bucket.
func (b *side) add(bucket int32, n uint64, size int) {
	if len(b.counts) == 0 {
		b.first = bucket
	}
	b.include(bucket, size)
	b.counts[bucket-b.first] += n
}

// include extends the buckets from the first to the last, so that they contain bucket.
func (b *side) include(bucket int32, size int) {
	below := max(0, int(b.first-bucket))
	length := max(len(b.counts), int(bucket-b.first)+1) + below
	if length > cap(b.counts) {
		grown := make([]uint64, length, min(size, max(2*cap(b.counts), length, 8)))
		copy(grown[below:], b.counts)
		b.counts = grown
	} else if length > len(b.counts) {
		before := len(b.counts)
		b.counts = b.counts[:length]
		clear(b.counts[before:])
		if below > 0 {
			copy(b.counts[below:], b.counts[:before])
			clear(b.counts[:below])
		}
	}
	b.first -= int32(below)
}

func emptyScaled[N Number](c *Config) scaled[N] {
	return scaled[N]{summary: noSummary[N](), scale: c.MaxScale}
}

func (h *exponential[N]) giveUp() { h.first.giveUpAll() }

func (h *exponential[N]) drop() int64 { return h.first.dropAll() }

// move adds from to s, and empties from.
func (s *scaled[N]) move(from *scaled[N], size int, scale int32) {
	if by := from.scale - s.scale; by > 0 {
		from.downscale(by)
	} else {
		s.downscale(-by)
	}
	by := max(s.positive.excessOf(&from.positive, size), s.negative.excessOf(&from.negative, size))
	if s.scale-by >= MinScale {
		s.downscale(by)
		from.downscale(by)
		s.positive.move(&from.positive, size)
		s.negative.move(&from.negative, size)
	} else {
		s.outside += from.positive.total() + from.negative.total()
	}
	s.zeros += from.zeros
	s.outside += from.outside
	s.summary.move(&from.summary)
	from.reset(scale)
}

func (b *side) excessOf(o *side, size int) int32 {
	if len(o.counts) == 0 {
		return 0
	}
	return b.excess(o.first, o.first+int32(len(o.counts))-1, size)
}

func (b *side) move(from *side, size int) {
	for i, n := range from.counts {
		if n > 0 {
			b.add(from.first+int32(i), n, size)
		}
	}
}

// reset empties s and keeps its memory.
func (s *scaled[N]) reset(scale int32) {
	*s = scaled[N]{summary: noSummary[N](), scale: scale, positive: side{counts: s.positive.counts[:0]}, negative: side{counts: s.negative.counts[:0]}}
}

func (*exponential[N]) takeBack(N) (v N, some bool) { return 0, false }

func (h *exponential[N]) collect(c *Config, r *reading, p *wire.Point) outcome {
	r.kill()
	got := h.first.gather(r.last, func(from, to *scaled[N]) { to.move(from, int(c.MaxSize), c.MaxScale) })
	if got == refused {
		return busy
	}
	defer h.first.release()
	s := &h.first.state
	d := distributionOf(&r.distribution, p, c, &s.summary)
	d.Scale, d.ZeroCount = s.scale, s.zeros
	d.Count = s.zeros + s.positive.total() + s.negative.total()
	r.outside = s.outside > 0
	d.Positive = s.positive.appendTo(d.Positive)
	d.Negative = s.negative.appendTo(d.Negative)
	o := outcomeOf(got, s.empty())
	if r.take {
		s.reset(c.MaxScale)
	}
	return o
}

// total returns how many measurements all buckets have.
func (b *side) total() (n uint64) {
	for _, count := range b.counts {
		n += count
	}
	return n
}

func (b *side) appendTo(to wire.Buckets) wire.Buckets {
	to.Counts = append(to.Counts[:0], b.counts...)
	to.Offset = b.first
	return to
}
