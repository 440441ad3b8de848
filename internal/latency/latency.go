// Package latency counts durations in a fixed number of buckets. So no duration is left
// out, however many there are, and counting costs one atomic addition.
package latency

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// Each octave, from 2^lowest to 2^highest nanoseconds (a microsecond to 69 seconds),
	// has 2^subBits buckets of the same width. Shorter durations are in the first bucket,
	// longer ones in the last.
	subBits = 3
	lowest  = 10
	highest = 36
	// Buckets is the number of buckets: one for shorter durations, and those of the
	// octaves.
	Buckets = 1 + (highest-lowest)<<subBits
)

// MaxError is by how much the value of a bucket differs from a duration in it at most, as a
// fraction of the duration, between a microsecond and 69 seconds.
const MaxError = 1.0 / (2 << subBits)

// Histogram counts durations. Its methods are safe for concurrent use.
type Histogram struct{ counts [Buckets]atomic.Uint64 }

// Add counts d.
func (h *Histogram) Add(d time.Duration) { h.counts[bucket(d)].Add(1) }

// Since returns what was counted since last, and brings last up to date. Before the first
// call last is the zero Counts.
func (h *Histogram) Since(last *Counts) (c Counts) {
	for i := range h.counts {
		n := h.counts[i].Load()
		c[i], last[i] = n-last[i], n
	}
	return c
}

// bucket returns the index of the bucket of d.
func bucket(d time.Duration) int {
	if d < 1<<lowest {
		return 0
	}
	octave := bits.Len64(uint64(d)) - 1
	if octave >= highest {
		return Buckets - 1
	}
	sub := int(d>>(octave-subBits)) & (1<<subBits - 1)
	return 1 + (octave-lowest)<<subBits + sub
}

// Value returns the duration that stands for the bucket with that index: its middle.
func Value(i int) time.Duration {
	if i == 0 {
		return 1 << (lowest - 1)
	}
	octave, sub := lowest+(i-1)>>subBits, (i-1)&(1<<subBits-1)
	width := time.Duration(1) << (octave - subBits)
	return 1<<octave + time.Duration(sub)*width + width/2
}

// Counts are numbers of durations, by bucket.
type Counts [Buckets]uint64

// Total returns how many durations there are.
func (c *Counts) Total() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}

// Percentile returns the shortest duration that percent of the durations do not exceed, as
// the value of its bucket. It returns 0 if there are none.
func (c *Counts) Percentile(percent uint64) time.Duration {
	rank := (c.Total()*percent + 99) / 100
	for i, n := range c {
		if n >= rank && n > 0 {
			return Value(i)
		}
		rank -= min(rank, n)
	}
	return 0
}

// Each calls do with the values, the shortest first, each as often as it was counted. If
// there are more than most, it calls do with every k-th.
func (c *Counts) Each(most uint64, do func(time.Duration)) {
	step := max(1, (c.Total()+most-1)/most)
	seen, next := uint64(0), step/2
	for i, n := range c {
		for seen += n; next < seen; next += step {
			do(Value(i))
		}
	}
}
