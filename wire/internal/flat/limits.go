package flat

import (
	"math"
	"strconv"

	"github.com/otelgram/otelgram/wire"
)

const (
	// limitScale is the largest scale in which an exponential histogram is given up to
	// limits: each is 2^(1/4) times the one before. So they are the same in most points.
	limitScale = 2
	// maxLimits is up to how many of them it is downscaled.
	maxLimits = 80
)

// Limit is how many measurements of a histogram are at most as large as a bound.
type Limit struct {
	Bound float64
	Count uint64
}

// Limits holds those of one histogram at a time.
type Limits struct {
	list    []Limit
	buckets []Bucket
}

// Of returns them from the lowest up; the last is +Inf, with all measurements. Those of an
// explicit histogram are its bounds, those of an exponential one the ends of its buckets
// that are not empty. They are valid until the next call.
func (l *Limits) Of(pt *wire.Point) []Limit {
	d := pt.Distribution
	l.list = l.list[:0]
	if d == nil {
		return append(l.list, Limit{Bound: math.Inf(1)})
	}
	up := uint64(0)
	if pt.Metric.Kind == wire.Histogram {
		for i, bound := range d.Bounds {
			if i < len(d.BucketCounts) {
				up += d.BucketCounts[i]
			}
			if !math.IsInf(bound, 1) && !math.IsNaN(bound) {
				l.list = append(l.list, Limit{bound, up})
			}
		}
	} else {
		l.buckets, _ = AppendBuckets(l.buckets[:0], pt, limitScale, maxLimits)
		for _, b := range l.buckets {
			up += b.Count
			if Finite(b.High) {
				l.list = append(l.list, Limit{rounded(b.High), up})
			}
		}
	}
	l.list = append(l.list, Limit{math.Inf(1), d.Count})
	return l.list
}

// rounded returns v with six digits: what a processor makes of a power is not the same on
// all in the last ones, and would be another series.
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
