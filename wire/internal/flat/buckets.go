package flat

import (
	"math"

	"github.com/otelgram/otelgram/wire"
)

// Bucket is a part of a distribution.
type Bucket struct {
	Slot      Slot
	Low, High float64 // -Inf and +Inf if it has no end
	Count     uint64
}

const (
	// maxSpan is how far apart the buckets that are written and remembered may be.
	maxSpan = 1 << 10
	// utmostScale bounds the scales, above and below zero. The scales of OpenTelemetry's
	// SDKs are from -10 to 20.
	utmostScale = 64
)

// Sayable reports whether the buckets of a point have a form.
func Sayable(pt *wire.Point) bool {
	d := pt.Distribution
	return d == nil || pt.Metric.Kind != wire.ExponentialHistogram || d.Scale >= -utmostScale && d.Scale <= utmostScale
}

// AppendBuckets appends the buckets of a histogram that are not empty, from the lowest one
// up. The buckets of an exponential histogram are merged until the scale is at most
// maxScale, there are at most most buckets, and they are not too far apart. AppendBuckets
// returns the scale.
func AppendBuckets(list []Bucket, pt *wire.Point, maxScale int32, most int) ([]Bucket, int32) {
	d := pt.Distribution
	switch {
	case d == nil:
		return list, 0
	case pt.Metric.Kind == wire.Histogram:
		return appendExplicit(list, d), 0
	}
	shift := uint(0)
	if d.Scale > maxScale {
		shift = uint(min(int64(d.Scale)-int64(maxScale), 63))
	}
	for ; shift < 63 && !mergedEnough(d, shift, most); shift++ {
	}
	scale := d.Scale - int32(shift)
	start := len(list)
	list = appendSide(list, &d.Negative, Negative, shift, scale)
	for i, j := start, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	if d.ZeroCount > 0 {
		list = append(list, Bucket{Slot: Slot{Kind: Zero}, Low: -d.ZeroThreshold, High: d.ZeroThreshold, Count: d.ZeroCount})
	}
	return appendSide(list, &d.Positive, Positive, shift, scale), scale
}

func appendExplicit(list []Bucket, d *wire.Distribution) []Bucket {
	if len(d.BucketCounts) == 0 && d.Count > 0 {
		return append(list, Bucket{Slot: Slot{Kind: Explicit}, Low: math.Inf(-1), High: math.Inf(1), Count: d.Count})
	}
	for i, n := range d.BucketCounts {
		if n == 0 {
			continue
		}
		b := Bucket{Slot: Slot{Kind: Explicit, Index: int64(i)}, Low: math.Inf(-1), High: math.Inf(1), Count: n}
		if i > 0 && i <= len(d.Bounds) {
			b.Low = d.Bounds[i-1]
		}
		if i < len(d.Bounds) {
			b.High = d.Bounds[i]
		}
		list = append(list, b)
	}
	return list
}

// mergedEnough reports whether few enough buckets remain if 2^shift of them are merged into
// one.
func mergedEnough(d *wire.Distribution, shift uint, most int) bool {
	n, span := distinct(&d.Negative, shift)
	m, other := distinct(&d.Positive, shift)
	return n+m <= most && max(span, other) < maxSpan
}

// distinct returns how many buckets are not empty if 2^shift of them are merged into one,
// and how far apart they are.
func distinct(b *wire.Buckets, shift uint) (n int, span int64) {
	first, last := int64(math.MinInt64), int64(math.MinInt64)
	for i, c := range b.Counts {
		if c == 0 {
			continue
		}
		at := (int64(b.Offset) + int64(i)) >> shift
		if n == 0 {
			first = at
		}
		if n == 0 || at != last {
			n, last = n+1, at
		}
	}
	return n, last - first
}

// appendSide appends the buckets of one side, beginning next to zero.
func appendSide(list []Bucket, b *wire.Buckets, kind SlotKind, shift uint, scale int32) []Bucket {
	start := len(list)
	for i, c := range b.Counts {
		if c == 0 {
			continue
		}
		at := (int64(b.Offset) + int64(i)) >> shift
		if last := len(list) - 1; last >= start && list[last].Slot.Index == at {
			list[last].Count += c
			continue
		}
		low, high := power(at, scale), power(at+1, scale)
		if kind == Negative {
			low, high = -high, -low
		}
		list = append(list, Bucket{Slot: Slot{Kind: kind, Scale: scale, Index: at}, Low: low, High: high, Count: c})
	}
	return list
}

// power returns the lower bound of a bucket: 2 to the power of index / 2^scale.
func power(index int64, scale int32) float64 {
	return math.Exp2(math.Ldexp(float64(index), int(-scale)))
}

// Difference takes from each bucket what the server was told of it, and returns the buckets
// of which anything is left. It returns false if the server was told more than there is,
// which means that the series began anew.
func (s *Series) Difference(list []Bucket, scale int32) ([]Bucket, bool) {
	t := &s.Told
	if len(t.Positive.Counts)+len(t.Negative.Counts) == 0 {
		t.Scale = scale
	}
	for t.Scale > scale {
		t.Downscale()
	}
	kept, left := list[:0], s.total()
	for _, b := range list {
		told := s.told(b.Slot)
		if told > b.Count {
			return list, false
		}
		left -= told
		if b.Count -= told; b.Count > 0 {
			kept = append(kept, b)
		}
	}
	return kept, left == 0 // otherwise a bucket is empty now of which the server was told
}

// total returns of how many measurements of buckets the server was told.
func (s *Series) total() (n uint64) {
	for _, list := range [][]uint64{s.Told.BucketCounts, s.Told.Positive.Counts, s.Told.Negative.Counts} {
		for _, c := range list {
			n += c
		}
	}
	return n + s.Told.ZeroCount
}

// MaxScale returns the scale at which to compare buckets with what the server was told.
func (s *Series) MaxScale(most int32) int32 {
	if len(s.Told.Positive.Counts)+len(s.Told.Negative.Counts) == 0 {
		return most
	}
	return min(most, s.Told.Scale)
}

// told returns of how many measurements of a slot the server was told.
func (s *Series) told(slot Slot) uint64 {
	switch slot.Kind {
	case Explicit:
		if slot.Index < int64(len(s.Told.BucketCounts)) {
			return s.Told.BucketCounts[slot.Index]
		}
	case Zero:
		return s.Told.ZeroCount
	case Positive:
		return at(&s.Told.Positive, slot.Index)
	case Negative:
		return at(&s.Told.Negative, slot.Index)
	}
	return 0
}

// Spread sets Low of each bucket to the value with which the bucket is said. All values lie
// at the same fraction of their buckets, chosen so that they add up to sum, or in the
// middle if no fraction does. low and high are the least and the greatest measurement, if
// they are finite.
func Spread(list []Bucket, sum, low, high float64) {
	if mean := sum / float64(list[0].Count); len(list) == 1 && within(mean, &list[0]) {
		b := &list[0]
		if Finite(low) {
			b.Low = max(b.Low, low)
		}
		if Finite(high) {
			b.High = min(b.High, high)
		}
		b.Low = max(min(mean, b.High), b.Low) // rounding may have moved the mean beyond the extremes
		return
	}
	least, span := 0.0, 0.0
	for i := range list {
		b := &list[i]
		b.bound(low, high)
		least += float64(b.Count) * b.Low
		span += float64(b.Count) * (b.High - b.Low)
	}
	part := (sum - least) / span
	if !(part >= -rounding && part <= 1+rounding) { // true for NaN, too
		part = 0.5
	}
	part = min(max(part, 0), 1)
	for i := range list {
		b := &list[i]
		b.Low = max(min(Round(b.Low+part*(b.High-b.Low), estimateDigits), b.High), b.Low)
	}
}

// estimateDigits is how many digits a value has that is no measurement.
const estimateDigits = 9

// Round returns v with that many digits.
func Round(v float64, digits int) float64 {
	if v == 0 || !Finite(v) {
		return v
	}
	places := digits - 1 - int(math.Floor(math.Log10(math.Abs(v))))
	if places < -300 || places > 300 {
		return v
	}
	r := 0.0
	if places >= 0 {
		r = math.Round(v*math.Pow10(places)) / math.Pow10(places)
	} else {
		r = math.Round(v/math.Pow10(-places)) * math.Pow10(-places)
	}
	if !Finite(r) {
		return v
	}
	return r
}

// rounding is by how much a fraction may be off because of rounding.
const rounding = 1e-6

// within reports whether v lies in a bucket, with a margin for rounding.
func within(v float64, b *Bucket) bool {
	margin := 1e-9 * math.Abs(v)
	return Finite(v) && v >= b.Low-margin && v <= b.High+margin
}

// bound makes both ends of a bucket finite.
func (b *Bucket) bound(low, high float64) {
	if Finite(low) {
		b.Low = max(b.Low, low)
	}
	if Finite(high) {
		b.High = min(b.High, high)
	}
	switch {
	case math.IsInf(b.Low, -1) && math.IsInf(b.High, 1):
		b.Low, b.High = 0, 0
	case math.IsInf(b.Low, -1):
		b.Low = min(0, 2*b.High)
	case math.IsInf(b.High, 1):
		b.High = max(0, 2*b.Low)
	}
	if !Finite(b.Low) || !Finite(b.High) { // twice a bound is beyond the largest number
		b.Low = max(min(b.Low, math.MaxFloat64), -math.MaxFloat64)
		b.High = max(min(b.High, math.MaxFloat64), -math.MaxFloat64)
	}
	b.Low = min(b.Low, b.High)
}
