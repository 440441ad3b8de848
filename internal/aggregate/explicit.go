package aggregate

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// explicit counts measurements in buckets with given bounds.
type explicit[N Number] struct {
	config *Config
	memory *account.Budget
	first  stripe[buckets[N]]
}

// buckets is what one stripe of an explicit histogram holds.
type buckets[N Number] struct {
	summary[N]
	counts []uint64
}

func (h *explicit[N]) record(flags *atomic.Uint32, v N) result {
	b := bucketOf(h.config.Bounds, float64(v))
	s := &h.first
	if !s.tryHold() {
		if s = s.hold(h.memory, h.config.stripeCost(), h.empty); s == nil {
			return noRoom
		}
	}
	if flags.Load()&dead != 0 {
		s.release()
		h.memory.Give(s.refund()) // the collector may have refunded before s was there
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

func (h *explicit[N]) empty() buckets[N] {
	return buckets[N]{counts: make([]uint64, len(h.config.Bounds)+1)}
}

func (h *explicit[N]) extra() int64 { return h.first.refundAll() }

func (*explicit[N]) takeBack(N) (v N, some bool) { return 0, false }

func (h *explicit[N]) collect(r *reading, p *wire.Point) outcome {
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
	d := distributionOf(&r.distribution, p, h.config, &s.summary)
	d.Bounds = h.config.Bounds
	d.BucketCounts = append(d.BucketCounts, s.counts...)
	if r.take {
		s.reset()
	}
	return outcomeOf(got, d.Count)
}

func (b *buckets[N]) reset() {
	clear(b.counts)
	b.summary = summary[N]{}
}
