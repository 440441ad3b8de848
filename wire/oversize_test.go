package wire_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/wire"
)

// ones returns n buckets from offset on with a measurement each.
func ones(offset int32, n int) wire.Buckets {
	b := wire.Buckets{Offset: offset, Counts: make([]uint64, n)}
	for i := range b.Counts {
		b.Counts[i] = 1
	}
	return b
}

var (
	long    = strings.Repeat("d", wire.MaxBody)
	talkers = []exemplar{{time: 1, attributes: []attribute{{"text", str(long)}}}, {time: 2}}
)

func described(kind wire.Kind, description string) metric {
	return metric{scope: lib, name: "m", description: description, kind: kind}
}

// newWidePacker returns a packer whose open packet is enlarged.
func newWidePacker(t *testing.T) *wire.Packer {
	p := newPacker(t, 512)
	p.Enlarge(nil)
	return p
}

func TestAppendReduced(t *testing.T) {
	tests := []struct {
		name string
		in   point
		took wire.Reduction
		ok   bool
	}{
		{"exemplars", point{metric: described(wire.Gauge, "kept"), attributes: get, time: 3, bits: f64(4), exemplars: talkers}, wire.Reduction{Exemplars: 2}, true},
		{"description", point{metric: described(wire.Sum, long), attributes: get, time: 3, bits: f64(4)}, wire.Reduction{Description: true}, true},
		{"both", point{metric: described(wire.Gauge, long), exemplars: talkers}, wire.Reduction{Exemplars: 2, Description: true}, true},
		{"small exemplars go before the description", point{metric: described(wire.Gauge, long), exemplars: talkers[1:]}, wire.Reduction{Exemplars: 1, Description: true}, true},
		{"one downscale", point{metric: described(wire.ExponentialHistogram, ""), dist: wire.Distribution{Count: 500, Scale: 3, Positive: ones(-7, 66_000)}}, wire.Reduction{Downscales: 1}, true},
		{"three downscales, both sides", point{metric: described(wire.ExponentialHistogram, ""), dist: wire.Distribution{Count: 2500, Scale: 20, ZeroCount: 1, Positive: ones(-1001, 300_001), Negative: ones(7, 99_999)}}, wire.Reduction{Downscales: 3}, true},
		{"everything", point{metric: described(wire.ExponentialHistogram, long), dist: wire.Distribution{Scale: -1, Positive: ones(0, 66_000)}, exemplars: talkers}, wire.Reduction{Exemplars: 2, Description: true, Downscales: 1}, true},
		{"the lowest scale", point{metric: described(wire.ExponentialHistogram, ""), dist: wire.Distribution{Scale: -10, Positive: ones(-3, 66_000)}}, wire.Reduction{}, false},
		{"down to the lowest scale", point{metric: described(wire.ExponentialHistogram, ""), dist: wire.Distribution{Scale: -9, Positive: ones(-3, 600_000)}}, wire.Reduction{Downscales: 1}, false},
		{"attributes", point{metric: described(wire.Gauge, ""), attributes: []attribute{{"k", str(long)}}}, wire.Reduction{}, false},
		{"attributes of an exponential histogram", point{metric: described(wire.ExponentialHistogram, ""), attributes: []attribute{{"k", str(long)}}, dist: wire.Distribution{Scale: 2, Positive: ones(-3, 3), Negative: ones(5, 1)}}, wire.Reduction{Downscales: 2}, false},
		{"explicit histogram", point{metric: described(wire.Histogram, ""), dist: wire.Distribution{Count: 5, BucketCounts: make([]uint64, 66_000)}}, wire.Reduction{}, false},
		{"explicit histogram loses exemplars", point{metric: described(wire.Histogram, ""), dist: wire.Distribution{Count: 5, Bounds: []float64{1, 2}, BucketCounts: []uint64{1, 2, 3}}, exemplars: talkers}, wire.Reduction{Exemplars: 2}, true},
		{"summary", point{metric: described(wire.Summary, ""), dist: wire.Distribution{Quantiles: make([]wire.Quantile, 33_000)}}, wire.Reduction{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, in := newWidePacker(t), interner{}
			before := test.in
			test.in.dist = cloned(before.dist)
			pt := in.point(test.in)
			require.Equal(t, wire.TooLarge, p.Append(pt))
			took, ok := p.AppendReduced(pt)
			require.Equal(t, test.ok, ok)
			assert.Equal(t, test.took, took)
			next := in.point(point{metric: described(wire.Gauge, "next")})
			if !ok {
				assert.Zero(t, p.Points())
				assert.Equal(t, wire.Added, p.Append(next), "the packet is usable")
				return
			}
			assert.Equal(t, 1, p.Points())
			assert.Equal(t, wire.Full, p.Append(next), "sealed")

			got, err := read(&wire.Decoder{}, finish(p))
			require.NoError(t, err)
			require.Len(t, got, 1)
			assertMerged(t, before.dist, got[0].dist, took.Downscales)
			want := before
			want.dist = got[0].dist
			want.exemplars = nil
			if took.Description {
				want.metric.description = ""
			}
			assert.Equal(t, want.String(), got[0].String())

			p.Start(nil)
			require.Equal(t, wire.Added, p.Append(next))
			got, err = read(&wire.Decoder{}, finish(p))
			require.NoError(t, err)
			assert.Equal(t, "next", got[0].metric.description, "only the reduced point loses its description")
		})
	}
}

// assertMerged asserts that to is from with neighbours merged that many times, and
// everything else as it was.
func assertMerged(t *testing.T, from, to wire.Distribution, downscales int) {
	t.Helper()
	assert.Equal(t, int(from.Scale)-downscales, int(to.Scale))
	assert.Equal(t, merged(from.Positive, downscales), counted(to.Positive))
	assert.Equal(t, merged(from.Negative, downscales), counted(to.Negative))
	from.Scale, from.Positive, from.Negative = to.Scale, to.Positive, to.Negative
	assert.Equal(t, distText(from), distText(to))
}

// merged merges in the slow way: bucket i of a scale lies inside bucket floor(i/2) of the
// next lower one.
func merged(b wire.Buckets, downscales int) map[int64]uint64 {
	out := map[int64]uint64{}
	for i, c := range b.Counts {
		index := int64(b.Offset) + int64(i)
		for range downscales {
			if index%2 != 0 {
				index--
			}
			index /= 2
		}
		if c > 0 {
			out[index] += c
		}
	}
	return out
}

// counted returns the buckets that are not empty, by index.
func counted(b wire.Buckets) map[int64]uint64 { return merged(b, 0) }

// TestDownscale compares Downscale with the slow way, at all offsets and lengths around
// zero and at the ends of the offset's range.
func TestDownscale(t *testing.T) {
	for _, base := range []int32{-1 << 31, -4, 1<<31 - 1 - 13} {
		for offset := base; offset <= base+8; offset += testsize.Pick[int32](3, 1) { // even and odd ones
			for n := range 6 {
				// The counts have five bytes, so that the length asks for one downscaling.
				b := ones(offset, n)
				for i := range b.Counts {
					b.Counts[i] = 1<<28 + uint64(i*i)
				}
				d := wire.Distribution{Scale: 4, Positive: b, Negative: ones(0, 66_000)}
				before := cloned(d)
				p := newWidePacker(t)
				pt := interner{}.point(point{metric: described(wire.ExponentialHistogram, ""), dist: d})
				require.Equal(t, wire.TooLarge, p.Append(pt))
				took, ok := p.AppendReduced(pt)
				require.True(t, ok)
				require.Equal(t, wire.Reduction{Downscales: 1}, took)
				got, err := read(&wire.Decoder{}, finish(p))
				require.NoError(t, err)
				assertMerged(t, before, got[0].dist, 1)
				require.LessOrEqual(t, len(got[0].dist.Positive.Counts), n/2+1)
			}
		}
	}
}

// TestReductionIsBounded: if downscaling does not help, it ends at once, whatever the
// scale.
func TestReductionIsBounded(t *testing.T) {
	p := newWidePacker(t)
	large := &wire.AttributeSet{}
	large.AddString(wire.NewSymbol("k"), wire.NewSymbol(strings.Repeat("v", wire.MaxBody)))
	m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Kind: wire.ExponentialHistogram}
	for _, scale := range []int32{20, 1 << 30, math.MaxInt32, math.MinInt32, -10} {
		for _, counts := range [][]uint64{nil, {1}, {1, 1}, {1, 1, 1, 1, 1}} {
			for _, offset := range []int32{-1, 0, math.MinInt32, math.MaxInt32} {
				buckets := wire.Buckets{Offset: offset, Counts: slices.Clone(counts)}
				d := &wire.Distribution{Scale: scale, Positive: buckets, Negative: wire.Buckets{Offset: offset, Counts: slices.Clone(counts)}}
				r, ok := p.AppendReduced(&wire.Point{Metric: m, Attributes: large, Distribution: d})
				require.False(t, ok)
				require.LessOrEqual(t, r.Downscales, 4)
			}
		}
	}
}
