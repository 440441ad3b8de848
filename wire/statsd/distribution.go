package statsd

import (
	"math"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

const (
	// maxRate is how many measurements a value stands for at most, since a server repeats
	// it that often. maxLines is how many lines a bucket has at most, which bounds how many
	// of its measurements a point tells. The rest comes with the next point of a cumulative
	// histogram.
	maxRate  = 100_000
	maxLines = 10
	// maxBuckets is the number of buckets to which an exponential histogram is downscaled.
	maxBuckets = 80
	// maxText is how many bytes of lines end a point, since a packet does not take much
	// more. The rest comes with the next point of a cumulative histogram.
	maxText = 48 << 10
	// maxPacked is how many values share a line at most.
	maxPacked = 20
	maxScale  = math.MaxInt32
)

// histogram writes the measurements of which the server was not told yet.
func (d *dialect) histogram(w *flat.Writer, pt *wire.Point) wire.Result {
	sum := flat.Float(pt.Bits, pt.Metric.Integer)
	if !flat.Finite(sum) || !flat.Sayable(pt) {
		return wire.Unsayable
	}
	d.buckets = flat.Reuse(d.buckets, mostKept)
	switch {
	case d.Histograms == Counters:
		return d.counters(w, pt, sum)
	case pt.Metric.Delta:
		d.buckets, _ = flat.AppendBuckets(d.buckets, pt, maxScale, maxBuckets)
		d.distribution(w, pt, nil, sum)
		return wire.Added
	}
	s, known, r := d.series(pt)
	if s == nil {
		return r
	}
	d.buckets, sum = d.difference(pt, s, sum)
	if !known {
		s.Learn(d.buckets, sum)
		w.LeaveUnknown()
		return wire.Added
	}
	d.distribution(w, pt, s, sum)
	return wire.Added
}

// mostKept is how many buckets a list may have for its memory to be kept.
const mostKept = 1 << 12

// difference returns the buckets with the measurements of which the server was not told
// yet, and the sum of these measurements.
func (d *dialect) difference(pt *wire.Point, s *flat.Series, sum float64) ([]flat.Bucket, float64) {
	list, scale := flat.AppendBuckets(d.buckets, pt, s.MaxScale(maxScale), maxBuckets)
	if since, ok := s.Difference(list, scale); ok {
		return since, sum - s.Value
	}
	s.Renew()
	list, scale = flat.AppendBuckets(list[:0], pt, maxScale, maxBuckets)
	since, _ := s.Difference(list, scale)
	return since, sum
}

// distribution writes d.buckets. Their measurements add up to sum.
func (d *dialect) distribution(w *flat.Writer, pt *wire.Point, s *flat.Series, sum float64) {
	if len(d.buckets) == 0 {
		return
	}
	low, high := extremes(pt)
	flat.Spread(d.buckets, sum, low, high)
	if s != nil && len(d.buckets) == 1 {
		d.buckets[0].Low = flat.Round(d.buckets[0].Low, sumDigits)
	}
	d.distributions(w, pt, s)
}

// sumDigits is how many digits are significant in the difference of two sums; the others
// are rounding.
const sumDigits = 12

// extremes returns the least and the greatest measurement, or NaN for one that is not
// known.
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
		i += d.bucket(w, s, i, factor)
	}
}

// bucket writes the i-th bucket, and the buckets behind it that share its line. It returns
// how many buckets these are.
func (d *dialect) bucket(w *flat.Writer, s *flat.Series, i int, factor float64) int {
	b := &d.buckets[i]
	if !flat.Finite(b.Low*factor) || !flat.Finite(b.Low*float64(b.Count)) {
		w.LeavePart()
		return 1
	}
	left, said := b.Count, uint64(0)
	for lines := 1; left > maxRate && lines < maxLines && len(w.B) < maxText; lines++ {
		d.values(w, s, d.buckets[i:i+1], maxRate, factor)
		left, said = left-maxRate, said+maxRate
	}
	last := min(left, maxRate)
	n := d.alike(w, i, factor)
	d.values(w, s, d.buckets[i:i+n], last, factor)
	if said+last < b.Count && s == nil {
		w.LeavePart()
	}
	return n
}

// exactDigits is how many digits of a number are exact; the others are rounding.
const exactDigits = 15

// valueLen is how long a value is at most, with the byte that separates it from the next.
const valueLen = 26

// alike returns how many of the buckets from i on may share a line.
func (d *dialect) alike(w *flat.Writer, i int, factor float64) int {
	n, first := 1, d.buckets[i].Count
	if !d.Agent || first > maxRate {
		return n
	}
	most := min(maxPacked, (w.Room()-len(d.line.name.Bytes)-len(d.line.tags.Bytes)-len(d.Container)-2*valueLen)/valueLen)
	for n < most && i+n < len(d.buckets) {
		b := &d.buckets[i+n]
		if b.Count != first || !flat.Finite(b.Low*factor) || !flat.Finite(b.Low*float64(b.Count)) {
			break
		}
		n++
	}
	return n
}

// values writes a line with the values of some buckets, each for n measurements.
func (d *dialect) values(w *flat.Writer, s *flat.Series, buckets []flat.Bucket, n uint64, factor float64) {
	d.begin(w)
	for i := range buckets {
		if i > 0 {
			w.B = append(w.B, ':')
		}
		v := buckets[i].Low
		if factor != 1 {
			v = flat.Round(v*factor, exactDigits) // without the digits that the multiplication adds
		}
		w.B = flat.AppendFloat(w.B, v)
	}
	d.end(w, d.Type, n)
	w.End()
	if s != nil {
		for i := range buckets {
			w.Tell(s, buckets[i].Slot, n, buckets[i].Low*float64(n))
		}
	}
}

// The bounds of exponential histograms as counters are powers of two, always the same: a
// counter for a bound that is added later would lack what came before.
const (
	firstPower = -10
	lastPower  = 20
)

// counters writes the count, the sum, and the number of measurements up to each bound. For
// a cumulative histogram it writes by how much these have grown.
func (d *dialect) counters(w *flat.Writer, pt *wire.Point, sum float64) wire.Result {
	limits := d.limitsOf(pt)
	if pt.Metric.Delta {
		d.line.suffix = ".count"
		d.count(w, limits[len(limits)-1].Count, true)
		d.line.suffix = ".sum"
		d.sum(w, pt, nil, sum)
		d.line.suffix, d.line.key = ".bucket", "le"
		for i := 0; i < len(limits) && !w.Full(); i++ {
			d.line.bound = limits[i].Bound
			d.count(w, limits[i].Count, true)
		}
		return wire.Added
	}
	s, known, r := d.series(pt)
	switch {
	case s == nil:
		return r
	case !known:
		learnLimits(s, limits, sum)
		w.LeaveUnknown()
		return wire.Added
	case isLess(pt.Metric.Kind, limits, s):
		s.Renew()
	}
	d.line.suffix = ".count"
	d.countSince(w, s, flat.Slot{}, limits[len(limits)-1].Count-s.Count)
	d.line.suffix = ".sum"
	d.sum(w, pt, s, sum-s.Value)
	d.line.suffix, d.line.key = ".bucket", "le"
	for i := 0; i < len(limits) && !w.Full(); i++ {
		d.line.bound = limits[i].Bound
		d.countSince(w, s, flat.Slot{Kind: flat.Explicit, Index: int64(i)}, limits[i].Count-min(limits[i].Count, told(s, i)))
	}
	return wire.Added
}

func (d *dialect) limitsOf(pt *wire.Point) []flat.Limit {
	if pt.Metric.Kind == wire.Histogram {
		return d.limits.Of(pt)
	}
	return d.limits.OfPowers(pt, firstPower, lastPower)
}

// told returns of how many measurements up to the i-th bound the server was told.
func told(s *flat.Series, i int) uint64 {
	if i < len(s.Told.BucketCounts) {
		return s.Told.BucketCounts[i]
	}
	return 0
}

// learnLimits notes that the server was told of all measurements.
func learnLimits(s *flat.Series, limits []flat.Limit, sum float64) {
	s.Count, s.Value = limits[len(limits)-1].Count, sum
	for _, l := range limits {
		s.Told.BucketCounts = append(s.Told.BucketCounts, l.Count)
	}
}

// isLess reports whether the server was told of more than there is, which means that the
// histogram began anew. If an exponential histogram was downscaled, there may be less up to
// a bound that is no bound of its buckets any more. That bound is said again when there is
// more.
func isLess(k wire.Kind, limits []flat.Limit, s *flat.Series) bool {
	if limits[len(limits)-1].Count < s.Count || len(limits) < len(s.Told.BucketCounts) {
		return true
	}
	if k != wire.Histogram {
		return false
	}
	for i, n := range s.Told.BucketCounts {
		if limits[i].Count < n {
			return true
		}
	}
	return false
}

// sum writes by how much a sum has grown. A counter cannot say that it has become less. If
// fractions are not said, the fraction of a delta is owed.
func (d *dialect) sum(w *flat.Writer, pt *wire.Point, s *flat.Series, grown float64) {
	switch {
	case grown < 0:
		if s == nil || grown < -rounding*s.Value {
			w.LeavePart()
		}
	case s != nil:
		d.sumSince(w, s, grown)
	case d.Fractions || pt.Metric.Integer:
		d.count(w, math.Float64bits(grown), false)
	default:
		if s, _, _ = d.series(pt); s != nil {
			d.sumOwed(w, s, grown)
			return
		}
		d.countWhole(w, grown)
	}
}

// summary writes a summary as counters, and its quantiles as gauges.
func (d *dialect) summary(w *flat.Writer, pt *wire.Point) wire.Result {
	sum := math.Float64frombits(pt.Bits)
	if !flat.Finite(sum) {
		return wire.Unsayable
	}
	s, known, r := d.series(pt)
	if s == nil {
		return r
	}
	dist := pt.Distribution
	if dist == nil {
		dist = &wire.Distribution{}
	}
	if known {
		if dist.Count < s.Count {
			s.Renew()
		}
		d.line.suffix = ".count"
		d.countSince(w, s, flat.Slot{}, dist.Count-s.Count)
		d.line.suffix = ".sum"
		d.sum(w, pt, s, sum-s.Value)
	} else {
		s.Count, s.Value = dist.Count, sum
	}
	d.line.suffix, d.line.key = ".quantile", "quantile"
	for i := 0; i < len(dist.Quantiles) && !w.Full(); i++ {
		q := &dist.Quantiles[i]
		if !flat.Finite(q.Quantile) || !flat.Finite(q.Value) {
			w.LeavePart()
			continue
		}
		d.line.bound = q.Quantile
		d.gaugeOf(w, q.Value)
	}
	if len(w.B) == 0 && !known {
		w.LeaveUnknown()
	}
	return wire.Added
}
