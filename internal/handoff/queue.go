package handoff

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/notice"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

// point is a data point in the queue.
type point struct {
	metric          *wire.Metric
	attributes      attribute.Set
	compiled        *wire.AttributeSet // in place of attributes, if a series has them
	startTime, time int64
	bits            uint64
	payload         *payload // nil for a number without exemplars
}

// Config is what a Queue needs. The caller has validated it.
type Config struct {
	Capacity int // points, a power of two
	Run      int // points that the reader takes out at once
	// NoInterning has the attribute sets of Export forgotten with every packet.
	NoInterning bool

	Books   *account.Books
	Memory  *account.Budget
	Waker   *waker.Waker // of the pump
	Notices *notice.Metrics
}

// Queue is the point queue. Callers wait for room in it; the pump takes points out through
// its [Reader].
type Queue struct {
	config   Config
	points   atomic.Pointer[fifo] // made by the first Export or collection
	payloads payloads

	hold chan struct{} // has one token while nobody holds the queue
	// waiting is set by a caller that found no room. The pump clears it and signals room.
	waiting atomic.Bool
	room    chan struct{}
	closing chan struct{} // closed when the queue takes no more points
	// underWay is how many Exports and collections have begun and not ended. exports counts
	// those that have ended and had points, each before it lets go of the queue and before
	// underWay falls.
	underWay atomic.Int64
	exports  atomic.Uint64
	// end is how many points had been pushed when the last Export or collection ended.
	end atomic.Uint64
	// marks are when points were handed over, in Unix nanoseconds: one for every markEvery
	// points that the queue has room for, used in turn.
	marks []atomic.Int64

	// What follows belongs to whoever holds the queue.
	ids      *intern.Identities
	reported map[intern.MetricKey]struct{} // of which an error was returned

	cancelled cancelled
}

// SlotSize is what a point takes in the queue, and hardly less in a run that is taken out, in
// bytes. The queue has as many slots as were ever in use at once.
const SlotSize = 72

// RunSlotSize is what a point takes in a run, in bytes: besides itself, a place to look its
// attribute set up.
const RunSlotSize = SlotSize + 8

const (
	markEvery = 64
	// nameShare is the part of the budget, one of so many, that is set aside for the names of
	// metrics, scopes and resources. No point can be sent without its names; past their part
	// they are all forgotten and learned again.
	nameShare = 4
)

// New returns an empty queue.
func New(c Config) *Queue {
	names := c.Memory.Split(nameShare)
	q := &Queue{
		config: c, payloads: newPayloads(c.Memory),
		hold: make(chan struct{}, 1), room: make(chan struct{}, 1), closing: make(chan struct{}),
		marks: make([]atomic.Int64, max(1, c.Capacity/markEvery)),
		ids:   intern.NewIdentities(names), reported: map[intern.MetricKey]struct{}{},
	}
	q.hold <- struct{}{}
	return q
}

// Close takes no more points, and waits until whoever holds the queue has let go of it, which
// is at once. It must be called once.
func (q *Queue) Close() {
	close(q.closing)
	<-q.hold
}

func (q *Queue) isClosing() bool {
	select {
	case <-q.closing:
		return true
	default:
		return false
	}
}

// UnderWay reports whether an Export or a collection is under way, also one that waits.
func (q *Queue) UnderWay() bool { return q.underWay.Load() > 0 }

// Exports returns how many Exports and collections have ended that had points, whatever became
// of the points. Ask UnderWay first: if it says no, each one that had begun by then is counted.
func (q *Queue) Exports() uint64 { return q.exports.Load() }

// InUse reports whether anything was ever handed over.
func (q *Queue) InUse() bool { return q.points.Load() != nil }

// Len returns how many points wait.
func (q *Queue) Len() int {
	if f := q.points.Load(); f != nil {
		return f.len()
	}
	return 0
}

// Cap returns for how many points there is room.
func (q *Queue) Cap() int { return q.config.Capacity }

// Cancelled returns how many points the last cancelled Export lost, if it was one of the
// last two Exports.
func (q *Queue) Cancelled() int { return q.cancelled.recent() }

// pushed returns how many points were ever pushed.
func (q *Queue) pushed() uint64 {
	if f := q.points.Load(); f != nil {
		return f.pushed.Load()
	}
	return 0
}

// popped returns how many points were ever taken out.
func (q *Queue) popped() uint64 {
	if f := q.points.Load(); f != nil {
		return f.popped.Load()
	}
	return 0
}

// open makes the fifo, the first time, for whoever has just taken hold of the queue.
func (q *Queue) open() {
	if q.points.Load() == nil {
		q.points.Store(newFIFO(q.config.Capacity))
	}
	q.mark()
}

// mark notes when the next points are handed over: at the begin of an Export or a
// collection, and of each markEvery points, before the pump can see the first of them.
func (q *Queue) mark() { q.markOf(q.pushed()).Store(time.Now().UnixNano()) }

// handedAt is when the point with that number, from 0, was handed over, give or take the
// time for markEvery points.
func (q *Queue) handedAt(number uint64) int64 { return q.markOf(number).Load() }

func (q *Queue) markOf(number uint64) *atomic.Int64 {
	return &q.marks[number/markEvery%uint64(len(q.marks))]
}
