package aggregate

import (
	"github.com/otelgram/otelgram/wire"
)

// explicit counts measurements in buckets with given bounds.
type explicit[N Number] struct {
	first stripe[buckets[N]]
}

// buckets is what one stripe of an explicit histogram holds.
type buckets[N Number] struct {
	summary[N]
	counts []uint64
}

func (h *explicit[N]) record(e *Series[N], v N) result {
	b := bucketOf(e.stream.config.Bounds, float64(v))
	s := &h.first
	if !s.tryHold() {
		s = hold(s, &e.stream.base, emptyBuckets[N])
	}
	if e.isDead() {
		s.release()
		e.stream.registry.memory.Give(s.refund()) // the collector may have refunded before s was in the list
		return late
	}
	s.state.counts[b]++
	s.state.add(v)
	s.release()
	return taken
}

// bucketOf returns the first bucket whose upper bound is v or more.
func bucketOf(bounds []float64, v float64) int {
	low, high := 0, len(bounds)
	for low < high {
		if middle := int(uint(low+high) / 2); bounds[middle] < v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func emptyBuckets[N Number](c *Config) buckets[N] {
	return buckets[N]{summary: noSummary[N](), counts: make([]uint64, len(c.Bounds)+1)}
}

func (h *explicit[N]) giveUp() { h.first.giveUpAll() }

func (h *explicit[N]) drop() int64 { return h.first.dropAll() }

func (*explicit[N]) takeBack(N) (v N, some bool) { return 0, false }

func (h *explicit[N]) collect(c *Config, r *reading, p *wire.Point) outcome {
	r.kill()
	got := h.first.gather(r.last, func(from, to *buckets[N]) {
		for i, n := range from.counts {
			to.counts[i] += n
		}
		to.move(&from.summary)
		from.reset()
	})
	if got == refused {
		return busy
	}
	defer h.first.release()
	s := &h.first.state
	d := distributionOf(&r.distribution, p, c, &s.summary)
	d.Bounds = c.Bounds
	d.BucketCounts = append(d.BucketCounts, s.counts...)
	for _, n := range s.counts {
		d.Count += n
	}
	o := outcomeOf(got, s.empty())
	if r.take {
		s.reset()
	}
	return o
}

func (b *buckets[N]) reset() {
	clear(b.counts)
	b.summary = noSummary[N]()
}
