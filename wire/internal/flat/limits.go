package flat

import (
	"math"
	"strconv"

	"github.com/otelgram/otelgram/wire"
)

const (
	// limitScale is the largest scale in which an exponential histogram is written as
	// limits: each limit is 2^(1/4) times the one before. So most points have the same
	// limits.
	limitScale = 2
	// maxLimits is the number of limits to which it is downscaled.
	maxLimits = 80
)

// Limit is the number of measurements of a histogram up to a bound.
type Limit struct {
	Bound float64
	Count uint64
}

// Limits makes the limits of one histogram at a time.
type Limits struct {
	list    []Limit
	buckets []Bucket
}

// Of returns the limits of a point, from the lowest up. The last is +Inf, with all
// measurements. The limits of an explicit histogram are its bounds. The limits of an
// exponential histogram are both ends of its buckets that are not empty. They are valid
// until the next call.
func (l *Limits) Of(pt *wire.Point) []Limit {
	l.list, l.buckets = Reuse(l.list, maxKept), Reuse(l.buckets, maxKept)
	d := pt.Distribution
	if d == nil {
		return append(l.list, Limit{Bound: math.Inf(1)})
	}
	up := uint64(0)
	if pt.Metric.Kind == wire.Histogram {
		for i, bound := range d.Bounds {
			if i < len(d.BucketCounts) {
				up += d.BucketCounts[i]
			}
			l.add(bound, up)
		}
	} else {
		l.buckets, _ = AppendBuckets(l.buckets, pt, limitScale, maxLimits)
		for _, b := range l.buckets {
			// Servers assume that the values of a bucket are spread from the bound before
			// it on. So if the bucket before it is empty, that bucket's upper bound is
			// said, too.
			if low := rounded(b.Low); low < b.High && (len(l.list) == 0 || l.list[len(l.list)-1].Bound < low) {
				l.add(low, up)
			}
			up += b.Count
			l.add(rounded(b.High), up)
		}
	}
	l.list = append(l.list, Limit{math.Inf(1), d.Count})
	return l.list
}

// add adds a bound. Of equal bounds the last counts. An infinite bound is left out, since
// Of adds it last.
func (l *Limits) add(bound float64, up uint64) {
	if !Finite(bound) {
		return
	}
	if last := len(l.list) - 1; last >= 0 && l.list[last].Bound == bound {
		l.list[last].Count = up
		return
	}
	l.list = append(l.list, Limit{bound, up})
}

// OfPowers is Of for an exponential histogram with the powers of two from first to last as
// bounds, whatever its buckets are.
func (l *Limits) OfPowers(pt *wire.Point, first, last int) []Limit {
	l.list, l.buckets = Reuse(l.list, maxKept), Reuse(l.buckets, maxKept)
	l.buckets, _ = AppendBuckets(l.buckets, pt, 0, math.MaxInt)
	next, up := 0, uint64(0)
	for power := first; power <= last; power++ {
		bound := math.Ldexp(1, power)
		for ; next < len(l.buckets) && l.buckets[next].High <= bound; next++ {
			up += l.buckets[next].Count
		}
		l.list = append(l.list, Limit{bound, up})
	}
	if pt.Distribution != nil {
		up = pt.Distribution.Count
	}
	l.list = append(l.list, Limit{math.Inf(1), up})
	return l.list
}

// rounded returns v with six digits: the last digits of a power differ between processors,
// and another bound would be another series.
func rounded(v float64) float64 {
	var buf [32]byte
	r, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], v, 'g', 6, 64)), 64)
	if err != nil {
		return v // beyond the largest number
	}
	return r
}

// AppendBound appends a bound as Prometheus writes it.
func AppendBound(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	return AppendFloat(b, v)
}
