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

// The numbers of float64, except 0, are from 2^-1074 to just below 2^1024. The upper bound
// of a bucket belongs to it, and the lower one does not. So the smallest number is in the
// bucket that begins one exponent below.
const (
	minExponent = -1075
	maxExponent = 1024
)

// plausible reports whether an exponential histogram can have been measured. One that
// cannot is dangerous to components that merge histograms. The processor
// delta_to_cumulative v0.165.1 lowers the scale of two points until they are alike: with
// scales or offsets far apart that never ends. It panics at a delta point with a zero
// threshold, which the SDK's points do not have.
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

// inRange reports whether all buckets are of numbers that exist.
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
