package statsd_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
	"github.com/otelgram/otelgram/wire/statsd"
)

// say returns what is said about points, each in a packet of its own that leaves if left is
// set.
func say(t *testing.T, e *statsd.Encoder, left int, pts ...*wire.Point) (text string) {
	t.Helper()
	for _, p := range pts {
		said := packet(t, e, p)
		if said != "" {
			e.Settled(left)
		}
		text += said
	}
	return text
}

// TestOwedFractions: what is owed of changes is said once, even if changes of zero come.
func TestOwedFractions(t *testing.T) {
	m := delta(points.Metric("f", wire.Sum))
	m.Monotonic = true
	e := newEncoder(t, statsd.StatsD, noTags)
	assert.Equal(t, "f:9223372036854774784|c\n", say(t, e, math.MaxInt, points.Float(m, 1e19)))
	assert.Equal(t, "f:776627963145225216|c\n", say(t, e, math.MaxInt, points.Float(m, 0), points.Float(m, 0), points.Float(m, 0)))
	assert.Equal(t, "f:1|c\n", say(t, e, math.MaxInt, points.Float(m, 0.6), points.Float(m, 0.6), points.Float(m, 0)))
}

// TestTwoSeriesThatLookAlike: metrics that differ only in their description are both right.
// Of two streams with everything in common the later one is said.
func TestTwoSeriesThatLookAlike(t *testing.T) {
	described := points.Counter("c")
	described.Description = wire.NewSymbol("other")
	c := points.Counter("c")
	e := newEncoder(t, statsd.StatsD, noTags)
	assert.Equal(t, "c:1000|c\nc:5|c\nc:1|c\nc:1|c\n", say(t, e, math.MaxInt,
		points.Int(c, 1000), points.Int(described, 5), points.Int(c, 1001), points.Int(described, 6)))
	assert.Equal(t, uint64(1), e.LeftOut().Collisions)
	early, late := points.Int(points.Counter("d"), 1000), points.Int(points.Counter("d"), 5)
	late.StartTime++
	assert.Equal(t, "d:1000|c\nd:5|c\n", say(t, e, math.MaxInt, early, late))
	for range 5 {
		early.Bits++
		late.Bits++
		e.Start(nil)
		require.Equal(t, wire.Unsayable, e.Append(early))
		e.Finish()
		assert.Equal(t, "d:1|c\n", say(t, e, math.MaxInt, late))
	}
	assert.Equal(t, uint64(6), e.LeftOut().Collisions)
	e.Start(nil)
	require.Equal(t, wire.Unsayable, e.Append(early))
	require.Equal(t, wire.Unsayable, e.Append(early))
	e.Finish()
	assert.Equal(t, "d:1005|c\n", say(t, e, math.MaxInt, early), "the others have ended: a clock was put back")
}

// TestDroppedTotals: a dropped change of an up-down counter is in the next total.
func TestDroppedTotals(t *testing.T) {
	d := delta(points.Metric("d", wire.Sum))
	e := newEncoder(t, statsd.StatsD, noTags)
	assert.Equal(t, "d:5|g\n", say(t, e, 0, points.Float(d, 5)))
	assert.Equal(t, "d:6|g\nd:7|g\n", say(t, e, math.MaxInt, points.Float(d, 1), points.Float(d, 1)))
}

// TestBoundsAtInfinity: each bound is said once.
func TestBoundsAtInfinity(t *testing.T) {
	e := newEncoder(t, statsd.StatsD, noTags)
	h := points.Histogram(points.Metric("h", wire.Histogram), []float64{1, 1, math.Inf(1)}, 4, 1, 1, 1, 0)
	want := lines("h.count:3|c", "h.sum:4|c", "h.bucket.le.1:2|c", "h.bucket.le.inf:3|c")
	assert.Equal(t, want, say(t, e, math.MaxInt, h))
	h.Metric = delta(points.Metric("h", wire.Histogram))
	assert.Equal(t, want, say(t, e, math.MaxInt, h))
}

// TestZerosStayZero: the rounding of sums makes no measurements below the least.
func TestZerosStayZero(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	h := points.Metric("h", wire.Histogram)
	e := newEncoder(t, statsd.DogStatsD, noTags)
	p := points.Histogram(h, []float64{0, 10}, 0, 0, 0, 0)
	p.Distribution.Min = wire.Extremum{Defined: true}
	sum := 0.0
	for range 2000 {
		i := r.IntN(2)
		p.Distribution.BucketCounts[i]++
		p.Distribution.Count++
		if i == 1 {
			sum += r.Float64() * 10
			p.Bits = math.Float64bits(sum)
		}
		assert.NotContains(t, say(t, e, math.MaxInt, p), "-")
	}
}

// TestPackedValuesFit: as many share a line as it has room for.
func TestPackedValuesFit(t *testing.T) {
	e := newEncoder(t, statsd.DogStatsD, statsd.Options{Agent: true, MaxTag: 400})
	bounds, counts := make([]float64, 40), make([]uint64, 41)
	for i := range bounds {
		bounds[i], counts[i] = math.Pow(1.1, float64(i)), 1
	}
	tags := make([]string, 8)
	for i := range tags {
		tags[i] = string(rune('a'+i)) + strings.Repeat("x", 150)
	}
	h := points.Histogram(points.Metric("h", wire.Histogram), bounds, 190, counts...)
	h.Attributes = points.Set(tags...)
	text := packet(t, e, h)
	assert.Greater(t, strings.Count(text, "\n"), 2)
	for l := range strings.Lines(text) {
		assert.LessOrEqual(t, len(l), 1432)
	}
}

// TestMaxTag: a value is cut, and never a key.
func TestMaxTag(t *testing.T) {
	e := newEncoder(t, statsd.DogStatsD, statsd.Options{MaxTag: 16, Resource: []string{}})
	p := points.Float(points.Metric("g", wire.Gauge), 1, "exactly_fifteen", "v", "http.response.status_code", "200", "http.response.size", "1", "short", "a long value")
	assert.Equal(t, "g:1|g|#short:a long val\n", packet(t, e, p))
	assert.Equal(t, wire.LeftOut{Shortened: 1}, e.LeftOut())
}

// TestManyKeysThatBecomeOne: this takes no longer than it takes to write them.
func TestManyKeysThatBecomeOne(t *testing.T) {
	var texts []string
	for i := range wire.MaxAttributes {
		texts = append(texts, "k"+string(rune(0x4e00+i)), "v")
	}
	e, err := statsd.New(statsd.DogStatsD, noTags, wire.MaxPacketSize, &points.Memory{})
	require.NoError(t, err)
	text := packet(t, e, points.Float(points.Metric("g", wire.Gauge), 1, texts...))
	seen := map[string]bool{}
	for tag := range strings.SplitSeq(strings.TrimSpace(text[strings.Index(text, "#")+1:]), ",") {
		assert.False(t, seen[tag], tag)
		seen[tag] = true
	}
	assert.Len(t, seen, wire.MaxAttributes)
}

// TestOddScales: an exponential histogram whose scale no SDK has costs only itself.
func TestOddScales(t *testing.T) {
	p := points.Float(points.Metric("e", wire.ExponentialHistogram), 1)
	p.Distribution = &wire.Distribution{Count: 1, Scale: 20, Positive: wire.Buckets{Counts: []uint64{1}}}
	for _, d := range []statsd.Dialect{statsd.StatsD, statsd.DogStatsD} {
		e := newEncoder(t, d, noTags)
		p.Distribution.Scale = 20
		say(t, e, math.MaxInt, p)
		for _, scale := range []int32{math.MinInt32, math.MaxInt32, 65, -65} {
			p.Distribution.Scale = scale
			e.Start(nil)
			assert.Equal(t, wire.Unsayable, e.Append(p))
			e.Finish()
		}
		p.Metric.SetMark(0)
		p.Attributes.SetMark(0)
	}
}

func TestNoScope(t *testing.T) {
	e := newEncoder(t, statsd.DogStatsD, statsd.Options{Scope: true})
	assert.Equal(t, "g:0|g\n", packet(t, e, &wire.Point{Metric: &wire.Metric{Kind: wire.Gauge, Name: wire.NewSymbol("g")}}))
}

// TestOwedBesideOthers: what is owed stays owed in packets without a line and in dropped
// ones, and nothing of another series is mixed up with it.
func TestOwedBesideOthers(t *testing.T) {
	f := delta(points.Metric("f", wire.Sum))
	f.Monotonic = true
	c, g := points.Counter("c"), points.Metric("g", wire.Gauge)
	for _, o := range []string{"alone", "first", "last"} {
		e := newEncoder(t, statsd.StatsD, noTags)
		for _, m := range []*wire.Metric{f, c, g} {
			m.SetMark(0)
		}
		switch first := points.Float(f, 0.6); o {
		case "alone":
			assert.Empty(t, packet(t, e, first))
		case "first":
			assert.Equal(t, "g:1|g\n", packet(t, e, first, points.Float(g, 1)))
			assert.Equal(t, 1, e.Settled(0), o)
		case "last":
			assert.Equal(t, "g:1|g\n", packet(t, e, points.Float(g, 1), first))
			assert.Equal(t, 1, e.Settled(0), o)
		}
		assert.Equal(t, "c:10|c\n", packet(t, e, points.Int(c, 10)))
		e.Settled(0)
		assert.Equal(t, "f:1|c\nc:11|c\n", packet(t, e, points.Float(f, 0.6), points.Int(c, 11)), o)
		e.Settled(math.MaxInt)
	}
}

// TestDownscaledCounters: bounds between the bounds of a coarser scale wait, and nothing is
// said twice.
func TestDownscaledCounters(t *testing.T) {
	e := newEncoder(t, statsd.StatsD, noTags)
	p := points.Float(points.Metric("e", wire.ExponentialHistogram), 5)
	counts := make([]uint64, 200)
	told := map[string]int{}
	add := func(text string) {
		for l := range strings.Lines(text) {
			name, rest, _ := strings.Cut(l, ":")
			told[name] += int(mustFloat(t, strings.TrimSuffix(rest, "|c\n")))
		}
	}
	total := uint64(0)
	for i, scale := range []int32{0, 0, -1, -1, -2} {
		for k := range 10 << i {
			counts[k%len(counts)]++
			total++
		}
		p.Distribution = &wire.Distribution{Count: total, Scale: scale, Positive: wire.Buckets{Offset: -8 >> i, Counts: counts}}
		add(say(t, e, math.MaxInt, p))
	}
	assert.Equal(t, int(total), told["e.count"])
	assert.Equal(t, int(total), told["e.bucket.le.inf"])
	for name, n := range told {
		assert.LessOrEqual(t, n, int(total), name)
	}
}

// TestBucketsThatVanish: it is noticed that a histogram began anew, whichever of its
// buckets show it.
func TestBucketsThatVanish(t *testing.T) {
	h := points.Metric("h", wire.Histogram)
	e := newEncoder(t, statsd.DogStatsD, noTags)
	bounds := []float64{1, 2}
	assert.Equal(t, "h:0.5|h|@0.19999999999999998\nh:1.5|h|@0.49999999999999994\nh:0.5|h|@0.16666666666666663\n", say(t, e, math.MaxInt,
		points.Histogram(h, bounds, 2.5, 5, 0, 0), points.Histogram(h, bounds, 3, 0, 2, 0), points.Histogram(h, bounds, 6, 6, 2, 0)))
}
