package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

// point is a slot of the point queue.
type point struct {
	metric          *wire.Metric
	attributes      attribute.Set
	compiled        *wire.AttributeSet // in place of attributes, where a series has them
	startTime, time int64
	bits            uint64
	payload         *payload // nil for a number without exemplars
}

// lane is the queue between Export and the pump. Export waits for room in it;
// nothing in it is ever overwritten. One caller at a time holds the lane.
type lane struct {
	capacity int
	// points is the queue, made by the first Export or collection.
	points   atomic.Pointer[queue]
	payloads payloads
	ids      *intern.Identities
	memory   *account.Budget

	hold chan struct{} // holds one token while nobody holds the lane
	// waiting is set by a caller that found no room; the pump clears it and
	// signals room.
	waiting atomic.Bool
	room    chan struct{}

	waker   *waker.Waker
	closing chan struct{} // closed when the lane takes no more points
	// end is how many points were pushed when the last Export ended.
	end atomic.Uint64

	// marks are when points were handed over, in Unix nanoseconds: one for each
	// markEvery, as often as they fit the ring, and then over again.
	marks []atomic.Int64
}

const (
	markEvery = 64
	// nameShare is the part of the budget that is set aside for names: what metrics,
	// scopes and resources are called cannot be done without, only learned again.
	nameShare = 4
)

func newLane(capacity int, w *waker.Waker, memory *account.Budget) *lane {
	names := memory.Split(nameShare)
	l := &lane{
		capacity: capacity, payloads: newPayloads(memory), ids: intern.NewIdentities(names), memory: memory,
		hold: make(chan struct{}, 1), room: make(chan struct{}, 1),
		waker: w, closing: make(chan struct{}),
		marks: make([]atomic.Int64, max(1, capacity/markEvery)),
	}
	l.hold <- struct{}{}
	return l
}

// open makes the queue, the first time, for the holder of the lane.
func (l *lane) open() {
	if l.points.Load() == nil {
		l.points.Store(newQueue(l.capacity))
	}
}

func (l *lane) len() int {
	if q := l.points.Load(); q != nil {
		return q.len()
	}
	return 0
}

// finish says, for the holder of the lane, that no more points of its Export come.
func (l *lane) finish() {
	l.end.Store(l.pushed())
}

// pushed returns how many points were ever pushed.
func (l *lane) pushed() uint64 {
	if q := l.points.Load(); q != nil {
		return q.pushed.Load()
	}
	return 0
}

// popped returns how many points the pump has ever taken out.
func (l *lane) popped() uint64 {
	if q := l.points.Load(); q != nil {
		return q.popped.Load()
	}
	return 0
}

func (l *lane) popBatch(to []point) int {
	if q := l.points.Load(); q != nil {
		return q.popBatch(to)
	}
	return 0
}

// mark notes, for the holder of the lane, when the next points are handed over: at
// the begin of an Export, and of each markEvery points, before the first of them can
// be seen.
func (l *lane) mark() { l.markOf(l.pushed()).Store(time.Now().UnixNano()) }

// handedAt is when the point with that number, from 0, was handed over, give or
// take the time for markEvery points.
func (l *lane) handedAt(n uint64) int64 { return l.markOf(n).Load() }

func (l *lane) markOf(n uint64) *atomic.Int64 { return &l.marks[n/markEvery%uint64(len(l.marks))] }

// acquire waits until the caller holds the lane, or ctx has ended, or the lane
// is closing.
func (l *lane) acquire(ctx context.Context) wait {
	if l.isClosing() {
		return closed
	}
	select {
	case <-l.hold: // whether ctx has ended or not: nobody waits
		return granted
	default:
	}
	select {
	case <-l.hold:
		return granted
	case <-ctx.Done():
		return ended
	case <-l.closing:
		return closed
	}
}

// release gives the lane back, and wakes the pump: what the caller handed over can be
// settled now.
func (l *lane) release() {
	l.hold <- struct{}{}
	l.waker.Signal()
}

func (l *lane) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// push waits until p is in the lane, or ctx has ended, or the lane is closing.
func (l *lane) push(ctx context.Context, p *point) wait {
	q := l.points.Load()
	if q.pushed.Load()%markEvery == 0 {
		l.mark()
	}
	if !q.tryPush(p) {
		if w := l.await(ctx, func() bool { return q.tryPush(p) }); w != granted {
			return w
		}
	}
	l.waker.Rouse()
	return granted
}

// take waits for a payload like push waits for room.
func (l *lane) take(ctx context.Context) (x *payload, w wait) {
	if x = l.payloads.tryTake(); x != nil {
		return x, granted
	}
	w = l.await(ctx, func() bool { x = l.payloads.tryTake(); return x != nil })
	return x, w
}

// charge waits until there is memory for what p carries.
func (l *lane) charge(ctx context.Context, p *point) wait {
	if p.payload == nil || l.payloads.tryCharge(p.payload) {
		return granted
	}
	return l.await(ctx, func() bool { return l.payloads.tryCharge(p.payload) })
}

// wait is how waiting ended.
type wait uint8

const (
	granted wait = iota
	ended        // the context has ended
	closed       // the lane is closing
)

// await tries until it succeeds, asleep in between. The pump signals room when
// the lane is half empty.
func (l *lane) await(ctx context.Context, try func() bool) wait {
	for {
		l.waiting.Store(true)
		if try() {
			l.waiting.Store(false)
			return granted
		}
		l.waker.Signal()
		select {
		case <-l.room:
		case <-ctx.Done():
			l.waiting.Store(false)
			return ended
		case <-l.closing:
			return closed
		}
	}
}

// makeRoom is called by the pump after it has taken something out.
func (l *lane) makeRoom() {
	if l.waiting.Load() && l.len() <= l.capacity/2 && l.waiting.CompareAndSwap(true, false) {
		waker.Signal(l.room)
	}
}
