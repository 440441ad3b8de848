package handoff

import (
	"context"

	"github.com/otelgram/otelgram/internal/waker"
)

// wait is how waiting ended.
type wait uint8

const (
	granted wait = iota
	ended        // the context has ended
	closed       // the queue is closing
)

// acquire waits until the caller holds the queue. What needs no waiting is granted under a
// context that has ended, too.
func (q *Queue) acquire(ctx context.Context) wait {
	if q.isClosing() {
		return closed
	}
	select {
	case <-q.hold:
		return granted
	default:
	}
	select {
	case <-q.hold:
		return granted
	case <-ctx.Done():
		return ended
	case <-q.closing:
		return closed
	}
}

// release ends the caller's hold of the queue. The packet of the points so far does not wait for
// others. The caller has to signal the waker.
func (q *Queue) release() {
	q.end.Store(q.pushed())
	q.hold <- struct{}{}
}

// leave ends an Export or a collection.
func (q *Queue) leave(holds, hadPoints bool) {
	if hadPoints {
		q.exports.Add(1)
	}
	if holds {
		q.release() // from here on Close may go on
	}
	q.underWay.Add(-1)
	q.config.Waker.Signal()
}

// push waits until p is in the queue.
func (q *Queue) push(ctx context.Context, p *point) wait {
	f := q.points.Load()
	if f.pushed.Load()%markEvery == 0 {
		q.mark()
	}
	if !f.tryPush(p) {
		if w := q.await(ctx, func() bool { return f.tryPush(p) }); w != granted {
			return w
		}
	}
	q.config.Waker.Rouse()
	return granted
}

// takePayload waits for a payload.
func (q *Queue) takePayload(ctx context.Context) (x *payload, w wait) {
	if x = q.payloads.tryTake(); x != nil {
		return x, granted
	}
	w = q.await(ctx, func() bool { x = q.payloads.tryTake(); return x != nil })
	return x, w
}

// charge waits until there is memory for what p carries.
func (q *Queue) charge(ctx context.Context, p *point) wait {
	if p.payload == nil || q.payloads.tryCharge(p.payload) {
		return granted
	}
	return q.await(ctx, func() bool { return q.payloads.tryCharge(p.payload) })
}

// await tries until it succeeds, and sleeps in between. The pump wakes it when the queue is
// half empty.
func (q *Queue) await(ctx context.Context, try func() bool) wait {
	for {
		q.waiting.Store(true)
		if try() {
			q.waiting.Store(false)
			return granted
		}
		q.config.Waker.Signal()
		select {
		case <-q.room:
		case <-ctx.Done():
			q.waiting.Store(false)
			return ended
		case <-q.closing:
			return closed
		}
	}
}

// makeRoom wakes a caller that waits, if the queue is half empty. The pump calls it after it
// has taken something out.
func (q *Queue) makeRoom() {
	if q.waiting.Load() && q.Len() <= q.config.Capacity/2 && q.waiting.CompareAndSwap(true, false) {
		waker.Signal(q.room)
	}
}
