package flat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
)

// TestSpreadKeepsSums: whatever was measured, the values have the sum of the measurements,
// and each value is in its bucket.
func TestSpreadKeepsSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	bounds := []float64{-10, -1, 0, 0.5, 2, 7, 100}
	for round := range 2000 {
		n := 1 + r.IntN(50)
		counts := make([]uint64, len(bounds)+1)
		sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
		for range n {
			v := (r.Float64() - 0.3) * math.Pow(10, float64(r.IntN(4)))
			i := 0
			for i < len(bounds) && v > bounds[i] {
				i++
			}
			counts[i]++
			sum += v
			low, high = min(low, v), max(high, v)
		}
		p := points.Histogram(points.Metric("h", wire.Histogram), bounds, sum, counts...)
		list, _ := AppendBuckets(nil, p, 0, 1000)
		Spread(list, sum, low, high)
		got := 0.0
		for _, b := range list {
			got += b.Low * float64(b.Count)
			i := b.Slot.Index
			if i > 0 {
				require.GreaterOrEqual(t, b.Low, bounds[i-1]-1e-9)
			}
			if i < int64(len(bounds)) {
				require.LessOrEqual(t, b.Low, bounds[i]+1e-9)
			}
		}
		require.InDelta(t, sum, got, 1e-7*(1+math.Abs(low)+math.Abs(high)), "round %d", round)
	}
}

// TestSpreadOfWhatCannotBe: if no measurements can have the sum, values are finite, and in
// the middle.
func TestSpreadOfWhatCannotBe(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		list           []Bucket
		sum, low, high float64
		want           []float64
	}{
		{[]Bucket{{Low: 1, High: 2, Count: 1}, {Low: 2, High: 4, Count: 1}}, 1000, nan, nan, []float64{1.5, 3}},
		{[]Bucket{{Low: 1, High: 2, Count: 1}, {Low: 2, High: 4, Count: 1}}, nan, nan, nan, []float64{1.5, 3}},
		{[]Bucket{{Low: -inf, High: 2, Count: 1}, {Low: 2, High: inf, Count: 1}}, 1000, nan, nan, []float64{1, 3}},
		{[]Bucket{{Low: -inf, High: -2, Count: 1}, {Low: -2, High: inf, Count: 1}}, 1000, nan, nan, []float64{-3, -1}},
		{[]Bucket{{Low: -inf, High: inf, Count: 2}}, 10, nan, nan, []float64{5}},
		{[]Bucket{{Low: -inf, High: inf, Count: 2}}, nan, nan, nan, []float64{0}},
		{[]Bucket{{Low: 1, High: 2, Count: 2}}, 10, nan, nan, []float64{1.5}},
		{[]Bucket{{Low: 1, High: 2, Count: 1}, {Low: 2, High: inf, Count: 1}}, 11.5, nan, 10, []float64{1.5 + 1.0/18, 10 - 4.0 + 4.0*(10.0/18)}},
		{[]Bucket{{Low: 1e308, High: inf, Count: 1}, {Low: -inf, High: -1e308, Count: 1}}, nan, nan, nan, nil},
	} {
		Spread(tt.list, tt.sum, tt.low, tt.high)
		for i := range tt.list {
			require.True(t, Finite(tt.list[i].Low))
			if tt.want != nil && tt.high != 10 {
				assert.InDelta(t, tt.want[i], tt.list[i].Low, 1e-9, "%+v", tt)
			}
		}
		if tt.high == 10 {
			assert.InDelta(t, tt.sum, tt.list[0].Low+tt.list[1].Low, 1e-9)
		}
	}
}

// exponentialOf makes a point of an exponential histogram.
func exponentialOf(scale, offset int32, counts ...uint64) *wire.Point {
	p := points.Float(points.Metric("e", wire.ExponentialHistogram), 1)
	p.Distribution = &wire.Distribution{Scale: scale, Positive: wire.Buckets{Offset: offset, Counts: counts}}
	return p
}

func counts(list []Bucket) (text string) {
	for _, b := range list {
		text += fmt.Sprintf(" %g:%d", b.High, b.Count)
	}
	return text
}

// TestDifferenceAcrossScales: what was told in a finer scale is taken off in a coarser one,
// and what is taken back in the finer one is told again.
func TestDifferenceAcrossScales(t *testing.T) {
	s := &Series{}
	w := &Writer{}
	list, scale := AppendBuckets(nil, exponentialOf(1, 0, 1, 2, 3), 20, 100)
	list, ok := s.Difference(list, scale)
	require.True(t, ok)
	assert.Equal(t, " 1.414213562373095:1 2:2 2.82842712474619:3", counts(list))
	for _, b := range list {
		w.Tell(s, b.Slot, b.Count, 0)
	}
	w.journal.end()
	list, scale = AppendBuckets(nil, exponentialOf(0, -1, 4, 3, 5), s.MaxScale(20), 100)
	require.Equal(t, int32(0), scale)
	list, ok = s.Difference(list, scale)
	require.True(t, ok)
	assert.Equal(t, " 1:4 4:2", counts(list))
	w.journal.settle(-1)
	list, scale = AppendBuckets(nil, exponentialOf(0, -1, 4, 3, 5), s.MaxScale(20), 100)
	list, ok = s.Difference(list, scale)
	require.True(t, ok)
	assert.Equal(t, " 1:4 2:3 4:5", counts(list))
	for _, b := range list {
		w.Tell(s, b.Slot, b.Count, 0)
	}
	list, scale = AppendBuckets(nil, exponentialOf(0, -1, 4, 2, 5), s.MaxScale(20), 100)
	_, ok = s.Difference(list, scale)
	assert.False(t, ok, "it began anew")
}

// TestBucketsAreMerged: the number of buckets is bounded, whatever offset and scale are.
func TestBucketsAreMerged(t *testing.T) {
	many := make([]uint64, 1000)
	for i := range many {
		many[i] = 1
	}
	for _, p := range []*wire.Point{
		exponentialOf(5, -500, many...), exponentialOf(20, math.MaxInt32, many...), exponentialOf(-10, math.MinInt32, many...),
		exponentialOf(math.MinInt32, 7, many...), exponentialOf(math.MaxInt32, 7, many...),
	} {
		p.Distribution.Negative = p.Distribution.Positive
		p.Distribution.ZeroCount = 5
		list, _ := AppendBuckets(nil, p, 20, 80)
		assert.LessOrEqual(t, len(list), 81)
		total := uint64(0)
		for i, b := range list {
			total += b.Count
			require.LessOrEqual(t, b.Low, b.High)
			if i > 0 {
				require.LessOrEqual(t, list[i-1].High, b.High)
			}
		}
		assert.Equal(t, uint64(2005), total)
	}
}

// TestSeriesIsBounded: buckets far apart do not make a series large, and are not mixed up.
func TestSeriesIsBounded(t *testing.T) {
	s := &Series{}
	for _, index := range []int64{0, math.MaxInt32, math.MinInt32, 5, -maxSpan, maxSpan, -7} {
		s.tell(Slot{Kind: Positive, Index: index}, 1, 0)
		s.tell(Slot{Kind: Positive, Index: index}, math.MaxUint64, 0) // takes the measurement back
		assert.LessOrEqual(t, len(s.Told.Positive.Counts), maxSpan)
		assert.Zero(t, s.told(Slot{Kind: Positive, Index: index}))
	}
}

// TestSparseBuckets: the buckets of a point are downscaled until a series can remember all
// of them.
func TestSparseBuckets(t *testing.T) {
	far := make([]uint64, 50_000)
	far[0], far[len(far)-1] = 3, 4
	s, w := &Series{}, &Writer{}
	for range 2 {
		list, scale := AppendBuckets(nil, exponentialOf(15, -20_000, far...), s.MaxScale(20), 80)
		list, ok := s.Difference(list, scale)
		require.True(t, ok)
		for _, b := range list {
			w.Tell(s, b.Slot, b.Count, 0)
		}
		far[0]++
	}
	list, scale := AppendBuckets(nil, exponentialOf(15, -20_000, far...), s.MaxScale(20), 80)
	list, ok := s.Difference(list, scale)
	require.True(t, ok)
	assert.Len(t, list, 1)
	assert.Equal(t, uint64(1), list[0].Count)
}

// TestSayable: a scale that no SDK has does not make work that takes long.
func TestSayable(t *testing.T) {
	assert.True(t, Sayable(exponentialOf(20, 0, 1)))
	assert.True(t, Sayable(exponentialOf(-64, 0, 1)))
	assert.False(t, Sayable(exponentialOf(65, 0, 1)))
	assert.False(t, Sayable(exponentialOf(math.MinInt32, 0, 1)))
	assert.True(t, Sayable(points.Histogram(points.Metric("h", wire.Histogram), nil, 0)))
}

func TestRound(t *testing.T) {
	for _, v := range []float64{0, 1, 123456789012345, 1.23456789012345, 1e300, 1e-300, 5e-324, math.MaxFloat64, -2.0 / 3} {
		r := Round(v, 9)
		assert.InEpsilon(t, v+1e-320, r+1e-320, 1e-8)
		text := string(AppendFloat(nil, r))
		assert.LessOrEqual(t, len(strings.Trim(strings.NewReplacer(".", "", "-", "", "e+", "", "e-", "").Replace(text), "0")), 25, text)
	}
	assert.InDelta(t, 0.666666667, Round(2.0/3, 9), 0)
	assert.Equal(t, "2.2", string(AppendFloat(nil, Round(2.1999999999999993, 12))))
	assert.True(t, math.IsInf(Round(math.Inf(1), 9), 1))
}

// TestJournal: packets are settled in the order in which they were finished. What comes
// before the place up to which a packet has left is told and counted, and the rest is taken
// back.
func TestJournal(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	w := &Writer{}
	s := &Series{}
	type packet struct{ ends, told []int }
	told, under := uint64(0), []packet(nil)
	for range 10_000 {
		switch {
		case r.IntN(2) == 0:
			var p packet
			at := 0
			for range r.IntN(4) {
				w.reset(1000, 1000)
				var told []int
				for range r.IntN(3) {
					w.B = append(w.B, "entry"...)
					w.Tell(s, Slot{}, uint64(at+len(w.B)), 0)
					told = append(told, at+len(w.B))
				}
				if r.IntN(4) == 0 {
					w.undo()
					continue
				}
				w.commit(&wire.Point{}, at)
				end := 0
				if len(w.B) > 0 {
					at += len(w.B)
					end = at
				}
				p.ends, p.told = append(p.ends, end), append(p.told, told...)
			}
			w.journal.end()
			under = append(under, p)
		case len(under) > 0:
			left := []int{0, 7, 10, math.MaxInt}[r.IntN(4)]
			want := 0
			for _, end := range under[0].ends {
				if end <= left {
					want++
				}
			}
			for _, n := range under[0].told {
				if n <= left {
					told += uint64(n)
				}
			}
			require.Equal(t, want, w.journal.settle(left))
			under = under[1:]
		}
		want := told
		for _, p := range under {
			for _, n := range p.told {
				want += uint64(n)
			}
		}
		require.Equal(t, want, s.Count)
	}
	for range under {
		w.journal.settle(math.MaxInt)
	}
	assert.Zero(t, w.journal.settle(math.MaxInt), "there is none")
	assert.Zero(t, s.pending)
	assert.Less(t, cap(w.journal.entries.list), 10_000)
}

// TestForgottenPacket: a packet without bytes leaves nothing behind, and what it tells is
// kept.
func TestForgottenPacket(t *testing.T) {
	w, s := &Writer{}, &Series{}
	for range 3 {
		w.reset(1000, 1000)
		w.Tell(s, Slot{}, 0, 0.25)
		w.commit(&wire.Point{}, 0)
		w.journal.forget()
	}
	assert.InDelta(t, 0.75, s.Value, 0)
	assert.Zero(t, s.pending)
	assert.Zero(t, w.journal.entries.len()+w.journal.points.len()+w.journal.packets.len())
}
