package aggregate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// anyValue returns a number, often one that needs care.
func anyValue(r *rand.Rand, spread float64) float64 {
	v := math.Ldexp(1+r.Float64(), int((r.Float64()-0.5)*spread))
	switch r.IntN(12) {
	case 0:
		return 0
	case 1:
		return math.Ldexp(1, r.IntN(20)-10)
	case 2:
		return math.SmallestNonzeroFloat64 * float64(1+r.IntN(100))
	}
	if r.IntN(3) == 0 {
		return -v
	}
	return v
}

// TestStripesAreOneHistogram: measurements on several stripes make the same buckets at the
// same scale as measurements on one, whatever the maximum size is.
func TestStripesAreOneHistogram(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := Config{MaxSize: []int32{1, 2, 3, 20, 160}[r.IntN(5)], MaxScale: r.Int32N(31) - 10}
		size, spread := int(c.MaxSize), []float64{1, 20, 300, 2000}[r.IntN(4)]
		one := emptyScaled[float64](&c)
		stripes := make([]scaled[float64], 1+r.IntN(4))
		for i := range stripes {
			stripes[i] = emptyScaled[float64](&c)
		}
		for range r.IntN(200) {
			v := anyValue(r, spread)
			m := split(math.Abs(v))
			one.record(v, m, size)
			stripes[r.IntN(len(stripes))].record(v, m, size)
		}
		total := &stripes[0]
		for i := range stripes[1:] {
			total.move(&stripes[1+i], size, c.MaxScale)
			require.True(t, stripes[1+i].empty())
		}
		if one.outside > 0 || total.outside > 0 {
			continue // which of them are in a bucket depends on the order
		}
		assert.Equal(t, one.scale, total.scale, "seed %d", seed)
		assert.Equal(t, one.zeros, total.zeros, "seed %d", seed)
		for _, s := range [][2]*side{{&one.positive, &total.positive}, {&one.negative, &total.negative}} {
			assert.Equal(t, inUse(s[0]), inUse(s[1]), "seed %d", seed)
		}
		assert.Equal(t, [2]float64{one.min, one.max}, [2]float64{total.min, total.max})
		assert.InDelta(t, one.sum, total.sum, 1e-9*math.Max(1, math.Abs(one.max)+math.Abs(one.min))*200)
	}
}

// inUse returns the buckets of a side that are not empty.
func inUse(s *side) map[int]uint64 {
	used := map[int]uint64{}
	for i, n := range s.counts {
		if n > 0 {
			used[int(s.first)+i] = n
		}
	}
	return used
}

// TestOutside: numbers on both sides of 1 do not fit into a single bucket. A number that is
// in no bucket is in the sum and the extrema, and that is reported once.
func TestOutside(t *testing.T) {
	w := open(0)
	c := histogramConfig("h", Exponential)
	c.MaxSize = 1
	s := streamOf[float64](t, w, c)
	for range 2 {
		for _, v := range []float64{0.25, 4, 0} {
			require.True(t, s.Record(attribute.Set{}, v))
		}
		w.sink.all = nil
		d := w.collect(false)[0].Distribution
		assert.Equal(t, wire.Extremum{Bits: math.Float64bits(4), Defined: true}, d.Max)
		assert.Equal(t, d.Count, inBuckets(d))
	}
	require.Len(t, w.said, 1)
	assert.ErrorContains(t, w.said[0], "too far apart for a maximum size of 1")
}
