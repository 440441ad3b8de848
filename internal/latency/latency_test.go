package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBuckets: every duration is in a bucket whose value is near it, longer ones are
// in the same or a later one, and what is beyond the ends is at the ends.
func TestBuckets(t *testing.T) {
	check := func(d time.Duration) {
		v := Value(bucket(d))
		assert.InEpsilon(t, float64(d), float64(v), MaxError, "%v is counted as %v", d, v)
	}
	before := 0
	for octave := lowest; octave < highest; octave++ {
		for sub := range 64 {
			d := time.Duration(1)<<octave + time.Duration(sub)<<(octave-6)
			check(d)
			check(d - 1 + 1<<(octave-6))
			require.GreaterOrEqual(t, bucket(d), before)
			before = bucket(d)
		}
	}
	assert.Equal(t, Buckets-1, before, "all are used")
	for range 10_000 {
		check(time.Duration(math.Exp2(lowest + rand.Float64()*(highest-lowest))))
	}
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1<<lowest - 1} {
		assert.Zero(t, bucket(d))
	}
	assert.Equal(t, 1, bucket(1<<lowest))
	for _, d := range []time.Duration{1<<highest - 1, 1 << highest, time.Hour, math.MaxInt64} {
		assert.Equal(t, Buckets-1, bucket(d))
	}
	for i := range Buckets {
		assert.Equal(t, i, bucket(Value(i)), "a value is in its own bucket")
	}
}

// TestPercentile: the result is within the error of the exact one.
func TestPercentile(t *testing.T) {
	for _, n := range []int{1, 2, 99, 100, 101, 5000} {
		var h Histogram
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = time.Duration(rand.ExpFloat64()*float64(time.Millisecond)) + 2*time.Microsecond
			h.Add(all[i])
		}
		slices.Sort(all)
		c := h.Since(new(Counts))
		for _, p := range []int{1, 50, 99, 100} {
			assert.InEpsilon(t, float64(all[(n*p+99)/100-1]), float64(c.Percentile(uint64(p))), MaxError, "%d %% of %d", p, n)
		}
	}
	assert.Zero(t, new(Counts).Percentile(99))
}

// TestSince: what was counted is given out once.
func TestSince(t *testing.T) {
	var h Histogram
	var last Counts
	h.Add(time.Millisecond)
	h.Add(time.Second)
	first := h.Since(&last)
	assert.EqualValues(t, 2, first.Total())
	h.Add(time.Second)
	second := h.Since(&last)
	assert.EqualValues(t, 1, second.Total())
	assert.Equal(t, Value(bucket(time.Second)), second.Percentile(1))
	third := h.Since(&last)
	assert.Zero(t, third.Total())
}

// TestEach gives every value as often as it was counted, or an even selection.
func TestEach(t *testing.T) {
	var h Histogram
	for range 900 {
		h.Add(time.Millisecond)
	}
	for range 100 {
		h.Add(time.Second)
	}
	c := h.Since(new(Counts))
	for most, want := range map[uint64][2]int{1000: {900, 100}, 5000: {900, 100}, 500: {450, 50}, 100: {90, 10}, 10: {9, 1}, 999: {450, 50}} {
		got := map[time.Duration]int{}
		c.Each(most, func(d time.Duration) { got[d]++ })
		assert.Equal(t, map[time.Duration]int{c.Percentile(50): want[0], c.Percentile(99): want[1]}, got, most)
	}
	new(Counts).Each(1, func(time.Duration) { assert.Fail(t, "there are none") })
}

// TestConcurrent: many goroutines add while one takes, and no duration is missed.
func TestConcurrent(t *testing.T) {
	const adders, each = 4, 10_000
	var h Histogram
	var adding sync.WaitGroup
	for i := range adders {
		adding.Go(func() {
			for j := range each {
				h.Add(time.Duration(i*j) * time.Microsecond)
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	var last Counts
	total := uint64(0)
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		c := h.Since(&last)
		total += c.Total()
	}
	assert.EqualValues(t, adders*each, total)
	assert.Zero(t, testing.AllocsPerRun(100, func() { h.Add(time.Millisecond) }))
}
