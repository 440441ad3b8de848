package handoff

import (
	"sync/atomic"
	"unsafe"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/ringbuf"
	"github.com/otelgram/otelgram/wire"
)

const (
	// maxPayloads bounds how many points with a payload are under way at once.
	maxPayloads = 2048
	// maxKept is the longest list whose memory a payload keeps, in elements.
	maxKept = 1024
	// payloadCost is about what a payload takes, in bytes: an exponential histogram of 160
	// buckets with some exemplars.
	payloadCost = 4096
	// maxExtra bounds what all payloads in use take beyond payloadCost, in bytes.
	maxExtra = 16 << 20
	// exemplarSize is what an exemplar takes in the list.
	exemplarSize = int(unsafe.Sizeof(wire.Exemplar{}))
)

// payload holds what a point carries beyond a number: copies of what the caller may use
// again.
type payload struct {
	distribution wire.Distribution
	distributed  bool
	exemplars    []wire.Exemplar
	invalid      bool // an exemplar's attribute has no wire form

	extra   int64 // bytes beyond payloadCost, counted in payloads.extra
	charged bool  // extra was taken from the budget, too

	counts    []uint64 // backs the distribution's counts
	bounds    []float64
	quantiles []wire.Quantile
	bytes     []byte // backs the exemplars
}

// payloads is the bounded pool of payloads. Whoever holds the queue takes one, and the pump
// gives it back.
type payloads struct {
	free   *ringbuf.Ring[*payload]
	made   int          // belongs to whoever holds the queue
	extra  atomic.Int64 // bytes that those in use take beyond payloadCost
	memory *account.Budget
}

func newPayloads(memory *account.Budget) payloads {
	free, err := ringbuf.New[*payload](maxPayloads)
	if err != nil {
		panic(err) // the constant is a power of two
	}
	return payloads{free: free, memory: memory}
}

// tryTake returns an empty payload, or nil while all are in use.
func (p *payloads) tryTake() *payload {
	var x *payload
	if p.free.TryPop(&x) {
		return x
	}
	// There must be one, whatever the budget says, or none would ever be given back.
	if p.made == maxPayloads || !p.memory.Take(payloadCost) && p.made > 0 {
		return nil
	}
	p.made++
	return &payload{}
}

// tryCharge charges what x takes beyond payloadCost, and returns false while those in use
// leave no room for it. It always takes the first one, or a large point would wait for ever.
func (p *payloads) tryCharge(x *payload) bool {
	extra := int64(x.size() - payloadCost)
	if extra <= 0 {
		return true
	}
	others := p.extra.Load()
	fits := others+extra <= maxExtra && p.memory.Take(extra)
	if !fits && others > 0 {
		return false
	}
	x.extra, x.charged = extra, fits
	p.extra.Add(extra)
	return true
}

// charge charges what x takes beyond payloadCost, whether there is room or not: the point
// cannot wait any more.
func (p *payloads) charge(x *payload) {
	if p.tryCharge(x) {
		return
	}
	x.extra = int64(x.size() - payloadCost)
	p.extra.Add(x.extra)
}

// give takes a payload back. It keeps no more memory than payloadCost.
func (p *payloads) give(x *payload) {
	if x.extra > 0 {
		p.extra.Add(-x.extra)
		if x.charged {
			p.memory.Give(x.extra)
		}
		x.extra, x.charged = 0, false
	}
	x.reset()
	if x.size() > payloadCost {
		x = &payload{}
	}
	p.free.TryPush(&x)
}

// size is what the lists of x take, in bytes.
func (x *payload) size() int {
	return 8*(cap(x.counts)+cap(x.bounds)) + 16*cap(x.quantiles) + cap(x.bytes) + exemplarSize*cap(x.exemplars)
}

func (x *payload) reset() {
	x.distribution, x.distributed, x.invalid = wire.Distribution{}, false, false
	clear(x.exemplars)
	x.exemplars = kept(x.exemplars)
	x.counts = kept(x.counts)
	x.bounds = kept(x.bounds)
	x.quantiles = kept(x.quantiles)
	x.bytes = kept(x.bytes)
}

// kept returns s without elements, or nil if its memory is too large to keep.
func kept[T any](s []T) []T {
	if cap(s) > maxKept {
		return nil
	}
	return s[:0]
}

// distribute makes d the distribution of the point.
func (x *payload) distribute(d wire.Distribution) { x.distribution, x.distributed = d, true }

// setDistribution makes d the distribution of the point, with copies of its counts. The
// bounds belong to the stream, which keeps them.
func (x *payload) setDistribution(d *wire.Distribution) {
	x.distribute(*d)
	x.counts = grown(x.counts, len(d.BucketCounts)+len(d.Positive.Counts)+len(d.Negative.Counts))
	x.distribution.BucketCounts = x.copyCounts(d.BucketCounts)
	x.distribution.Positive.Counts = x.copyCounts(d.Positive.Counts)
	x.distribution.Negative.Counts = x.copyCounts(d.Negative.Counts)
}

// grown returns s with room for n more elements.
func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = append(make([]T, 0, len(s)+n), s...)
	}
	return s
}

// copyCounts appends counts to the payload and returns the copy.
func (x *payload) copyCounts(counts []uint64) []uint64 {
	start := len(x.counts)
	x.counts = append(x.counts, counts...)
	return x.counts[start:len(x.counts):len(x.counts)]
}

func (x *payload) copyBytes(b []byte) []byte {
	start := len(x.bytes)
	x.bytes = append(x.bytes, b...)
	return x.bytes[start:len(x.bytes):len(x.bytes)]
}
