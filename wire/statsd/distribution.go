package statsd

import (
	"math"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

const (
	// maxRate is how many measurements a value stands for at most: a server repeats it so
	// often. maxLines is how many lines a bucket has at most, and so how many measurements
	// of it a point tells. The rest comes with the next point of a cumulative histogram.
	maxRate  = 100_000
	maxLines = 10
	// maxBuckets is up to how many buckets an exponential histogram is downscaled.
	maxBuckets = 80
	// maxText is up to how many bytes of lines a point has another bucket: a packet takes
	// some more. The rest comes with the next point, too.
	maxText = 48 << 10
	// maxPacked is how many values share a line at most.
	maxPacked = 20
	maxScale  = math.MaxInt32
)

// histogram writes the measurements since the server was told.
func (d *dialect) histogram(w *flat.Writer, pt *wire.Point) wire.Result {
	sum := flat.Float(pt.Bits, pt.Metric.Integer)
	if !flat.Finite(sum) {
		return wire.Unsayable
	}
	scale := int32(maxScale)
	if d.Histograms == Counters {
		scale = 0 // the bounds are powers of two
	}
	if pt.Metric.Delta {
		d.buckets, _ = flat.AppendBuckets(d.buckets[:0], pt, scale, maxBuckets)
		d.say(w, pt, nil, sum)
		return wire.Added
	}
	s, known := d.series(pt)
	if s == nil {
		return wire.NoMemory
	}
	if known {
		s.Renew(pt.StartTime, false)
	}
	var at int32
	d.buckets, at = flat.AppendBuckets(d.buckets[:0], pt, s.MaxScale(scale), maxBuckets)
	list, ok := s.Difference(d.buckets, at)
	if !ok {
		s.Renew(pt.StartTime, true)
		d.buckets, at = flat.AppendBuckets(d.buckets[:0], pt, scale, maxBuckets)
		list, _ = s.Difference(d.buckets, at)
	}
	d.buckets = list
	if !known {
		s.Learn(d.buckets, sum)
		return wire.Added
	}
	d.say(w, pt, s, sum-s.Value)
	return wire.Added
}

// say writes the buckets at hand, whose measurements have a sum.
func (d *dialect) say(w *flat.Writer, pt *wire.Point, s *flat.Series, sum float64) {
	switch {
	case len(d.buckets) == 0: // there is nothing new
	case d.Histograms == Counters:
		d.counters(w, pt, s, sum)
	default:
		low, high := extremes(pt)
		flat.Spread(d.buckets, sum, low, high)
		d.distributions(w, pt, s)
	}
}

// extremes returns the least and the greatest measurement, NaN where that is not known.
func extremes(pt *wire.Point) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	if d := pt.Distribution; d.Min.Defined {
		low = flat.Float(d.Min.Bits, pt.Metric.Integer)
	}
	if d := pt.Distribution; d.Max.Defined {
		high = flat.Float(d.Max.Bits, pt.Metric.Integer)
	}
	return low, high
}

// distributions writes a value for each bucket.
func (d *dialect) distributions(w *flat.Writer, pt *wire.Point, s *flat.Series) {
	factor := 1.0
	if d.Type == "ms" && pt.Metric.Unit != nil && pt.Metric.Unit.Text() == "s" {
		factor = 1000
	}
	for i := 0; i < len(d.buckets) && !w.Full(); {
		if len(w.B) > maxText {
			if s == nil {
				w.LeavePart()
			}
			return
		}
		b := &d.buckets[i]
		if !flat.Finite(b.Low * factor) {
			w.LeavePart()
			i++
			continue
		}
		left := b.Count
		for lines := 0; left > maxRate && lines < maxLines-1; lines++ {
			d.values(w, d.buckets[i:i+1], maxRate, factor)
			left -= maxRate
		}
		last := min(left, maxRate)
		if left > last && s == nil {
			w.LeavePart()
		}
		n := d.alike(i)
		d.values(w, d.buckets[i:i+n], last, factor)
		if s != nil {
			said := b.Count - left + last
			for _, b := range d.buckets[i : i+n] {
				w.Tell(s, b.Slot, said, b.Low*float64(said))
			}
		}
		i += n
	}
}

// alike returns how many of the buckets from i on may share a line.
func (d *dialect) alike(i int) int {
	n := 1
	if first := d.buckets[i].Count; d.Agent && first <= maxRate {
		for n < maxPacked && i+n < len(d.buckets) && d.buckets[i+n].Count == first && flat.Finite(d.buckets[i+n].Low) {
			n++
		}
	}
	return n
}

// values writes a line with the values of some buckets, each for n measurements.
func (d *dialect) values(w *flat.Writer, buckets []flat.Bucket, n uint64, factor float64) {
	d.begin(w)
	for i := range buckets {
		if i > 0 {
			w.B = append(w.B, ':')
		}
		w.B = flat.AppendFloat(w.B, buckets[i].Low*factor)
	}
	d.end(w, d.Type, n)
	w.End()
}

// The bounds of exponential histograms as counters: powers of two. They are always the same,
// since counters up to a bound that comes later would lack what came before.
const (
	firstPower = -10
	lastPower  = 20
)

// counters writes how many measurements there were, their sum, and how many there were up
// to each bound.
func (d *dialect) counters(w *flat.Writer, pt *wire.Point, s *flat.Series, sum float64) {
	total := uint64(0)
	for i := range d.buckets {
		b := &d.buckets[i]
		total += b.Count
		if s != nil {
			w.Tell(s, b.Slot, b.Count, 0)
		}
	}
	d.line.suffix = ".count"
	d.count(w, total, true)
	d.line.suffix = ".sum"
	d.sum(w, s, sum)
	d.line.suffix, d.line.key = ".bucket", "le"
	next, up := 0, uint64(0)
	upTo := func(bound float64) {
		for ; next < len(d.buckets) && d.buckets[next].High <= bound; next++ {
			up += d.buckets[next].Count
		}
		if d.line.bound = bound; up > 0 && !w.Full() {
			d.count(w, up, true)
		}
	}
	if pt.Metric.Kind == wire.Histogram {
		for _, bound := range pt.Distribution.Bounds {
			upTo(bound)
		}
	} else {
		for i := firstPower; i <= lastPower; i++ {
			upTo(math.Ldexp(1, i))
		}
	}
	upTo(math.Inf(1))
}

// sum writes by how much a sum has grown. A counter cannot say that it has become less.
func (d *dialect) sum(w *flat.Writer, s *flat.Series, sum float64) {
	switch {
	case sum < 0:
		w.LeavePart()
	case s != nil:
		d.carry(w, s, sum, 0)
	case d.Fractions || sum == math.Trunc(sum):
		d.count(w, math.Float64bits(sum), false)
	default:
		w.LeavePart() // the fraction
		d.count(w, math.Float64bits(math.Trunc(sum)), false)
	}
}

// summary writes a summary as counters, and its quantiles as gauges.
func (d *dialect) summary(w *flat.Writer, pt *wire.Point) wire.Result {
	sum := math.Float64frombits(pt.Bits)
	if !flat.Finite(sum) {
		return wire.Unsayable
	}
	s, known := d.series(pt)
	if s == nil {
		return wire.NoMemory
	}
	dist := pt.Distribution
	if dist == nil {
		dist = &wire.Distribution{}
	}
	if known {
		s.Renew(pt.StartTime, dist.Count < s.Count)
		d.line.suffix = ".count"
		n := dist.Count - s.Count
		d.count(w, n, true)
		w.Tell(s, flat.Slot{}, n, 0)
		d.line.suffix = ".sum"
		d.sum(w, s, sum-s.Value)
	} else {
		s.Count, s.Value = dist.Count, sum
	}
	d.line.suffix, d.line.key = ".quantile", "quantile"
	for _, q := range dist.Quantiles {
		if !flat.Finite(q.Quantile) || !flat.Finite(q.Value) {
			w.LeavePart()
			continue
		}
		d.line.bound = q.Quantile
		d.gaugeOf(w, q.Value)
	}
	return wire.Added
}
