package otelgramreceiver

import (
	"math"

	"github.com/otelgram/otelgram/wire"
)

// The scales of the SDK (sdk/metric, AggregationBase2ExponentialHistogram).
const (
	minScale = -10
	maxScale = 20
)

// The numbers of float64, other than 0, are from 2^-1074 to just below 2^1024. A bucket has
// its upper bound and not its lower one: so the smallest number is in the bucket that begins
// an exponent below.
const (
	minExponent = -1075
	maxExponent = 1024
)

// plausible reports whether somebody can have measured an exponential histogram. One that
// nobody can have measured is dangerous to components that merge histograms. The processor
// delta_to_cumulative v0.165.1 halves the resolution of two points until they are alike: with
// scales or offsets far apart that never ends. It panics at a delta point that has a zero
// threshold, which the SDK's points have not.
func plausible(v *wire.PointView) bool {
	d := &v.Distribution
	switch t := d.ZeroThreshold; {
	case d.Scale < minScale || d.Scale > maxScale:
		return false
	case math.IsNaN(t) || math.IsInf(t, 0) || t < 0:
		return false
	case t != 0 && v.Metric.Delta:
		return false
	}
	return inRange(d.Scale, &d.Positive) && inRange(d.Scale, &d.Negative)
}

// inRange reports whether all buckets are of numbers that there are.
func inRange(scale int32, b *wire.Buckets) bool {
	last := int64(b.Offset) + max(0, int64(len(b.Counts))-1)
	return b.Offset >= bucketOf(minExponent, scale)-1 && last <= int64(bucketOf(maxExponent, scale))
}

// bucketOf returns the index of the bucket of 2^exponent.
func bucketOf(exponent, scale int32) int32 {
	if scale >= 0 {
		return exponent << scale
	}
	return exponent >> -scale
}
