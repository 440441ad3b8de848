package aggregate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// Sink takes the points of a collection.
type Sink interface {
	// Await waits until there is room for one more point, with a distribution or without.
	// It returns false if ctx ends first, or if nothing is taken any more.
	Await(ctx context.Context, distribution bool) bool
	// Push takes a point for which Await has found room. It copies what it needs of p,
	// except the metric and the attributes. It never waits.
	Push(p *wire.Point)
	// Refuse counts a point that cannot be pushed as offered and dropped.
	Refuse(reason wire.DropReason)
	// Release says that no points come for a while. The sink lets go of whatever others may
	// wait for.
	Release()
	// Done says that the collection has ended.
	Done()
}

// Collector makes points of the series of a registry. One goroutine at a time may call it.
type Collector struct {
	*intern.Identifier
	registry *Registry
	report   func(error) bool

	// What follows belongs to the collection under way.
	ctx     context.Context
	sink    Sink
	at      int64 // the time of its points, in Unix nanoseconds
	closing bool  // it is the last collection
	late    int   // series that were read since ctx ended
	reading reading
	streams []*registered
	waiting []reader // series of which a caller holds a stripe
	left    []reader // dead series of which a caller still held a stripe at the end
	point   wire.Point
}

// reader is a series, whatever the type of its numbers.
type reader interface{ read(c *Collector) }

const (
	// maxLate is how many series the last collection still makes points of when its context
	// has ended: there may be room for these points. For the others it only counts what is
	// lost, since the caller of Shutdown does not wait for it.
	maxLate = 16384
	// maxHold is how long a collection waits for all callers in the middle of a measurement
	// together. They only need to be scheduled.
	maxHold = time.Second
	// The pauses between two attempts double from firstPause to lastPause.
	firstPause = 20 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// NewCollector returns the collector of r. It tells report what is wrong with a series.
// report must not wait, and returns whether it took the error.
func NewCollector(r *Registry, i *intern.Identifier, report func(error) bool) *Collector {
	return &Collector{Identifier: i, registry: r, report: report}
}

// Collect makes the points of all series, at the given time, and hands them to the sink,
// one stream after the other in the order in which the streams were made. It waits for room
// until ctx ends. Then a delta sum or histogram without room is left for the next
// collection, and any other point without room counts as deadline. With last, the series
// take no more measurements, and everything that is not offered counts as deadline.
func (c *Collector) Collect(ctx context.Context, sink Sink, at time.Time, last bool) {
	defer sink.Done()
	c.ctx, c.sink, c.at, c.closing = ctx, sink, at.UnixNano(), last
	c.reading.last, c.late = false, 0
	if last {
		c.registry.closed.Store(true)
	}
	c.waiting, c.left = append(c.waiting, c.left...), c.left[:0]
	c.streams = c.streams[:0]
	c.registry.all.Each(func(e *registered) { c.streams = append(c.streams, e) })
	slices.SortFunc(c.streams, func(a, b *registered) int { return cmp.Compare(a.ordinal, b.ordinal) })
	for _, e := range c.streams {
		e.stream.collect(c)
	}
	c.wait()
}

// wait reads the series in which callers held a stripe. It waits for all these callers at
// once, and holds nothing meanwhile.
func (c *Collector) wait() {
	for end, pause := time.Now().Add(maxHold), firstPause; len(c.waiting) > 0; pause = min(2*pause, lastPause) {
		c.reading.last = c.ctx.Err() != nil || !time.Now().Before(end)
		again := c.waiting
		c.waiting = c.waiting[:0]
		for _, e := range again {
			e.read(c)
		}
		if len(c.waiting) > 0 {
			c.sink.Release()
			time.Sleep(pause)
		}
	}
}
