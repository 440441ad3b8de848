package handoff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// offerRun is how many points are counted as offered at once. So Offered may be ahead of the
// queue by that many for each Export under way.
const offerRun = 64

// export is one Export under way.
type export struct {
	ctx   context.Context
	queue *Queue
	books *account.Books

	resource *intern.Resource
	scope    *intern.Scope
	// The metric at hand: its position in the scope, its data, its key as far as the
	// aggregation tells.
	index int
	data  *metricdata.Metrics
	key   intern.MetricKey
	point point // the data point at hand

	holds     bool // the queue
	hasPoints bool
	// refused is set once no more points can be handed over: the rest is only counted, as
	// dropped for reason.
	refused   bool
	reason    wire.DropReason
	late      int // points without room when the context ended
	unchecked int // points since the queue was last asked whether it is closing
	errs      []error
}

// Export hands the points of rm over: it copies them into the queue, and waits for room until
// ctx ends. When it returns, each is in the queue or counted as dropped. What needs no waiting
// is handed over under a context that has ended, too: when the SDK's periodic reader is shut
// down, it ends the context of the Export under way at once. Export may be called
// concurrently; one call at a time proceeds.
func (q *Queue) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil || len(rm.ScopeMetrics) == 0 {
		if q.isClosing() {
			return metric.ErrExporterShutdown
		}
		return ctx.Err()
	}
	x := export{ctx: ctx, queue: q, books: q.config.Books}
	q.underWay.Add(1)
	defer func() { q.leave(x.holds, x.hasPoints) }()
	over := ctx.Err() != nil
	if w := q.acquire(ctx); w == granted {
		x.holds = true
		q.open()
		q.ids.Trim()
		x.check()
	} else {
		x.stop(w)
	}
	x.walk(rm)
	q.cancelled.note(ctx, x.late)
	if over || x.refused && x.reason == wire.Deadline {
		x.errs = append(x.errs, ctx.Err())
	}
	return errors.Join(x.errs...)
}

// check refuses the rest once the queue is closing.
func (x *export) check() {
	if !x.refused && x.queue.isClosing() {
		x.stop(closed)
	}
}

// stop refuses the rest after waiting has ended without success.
func (x *export) stop(w wait) {
	x.refused = true
	if w == closed {
		x.reason = wire.Shutdown
		x.errs = append(x.errs, metric.ErrExporterShutdown)
		return
	}
	x.reason = wire.Deadline
}

func (x *export) walk(rm *metricdata.ResourceMetrics) {
	if !x.refused {
		x.enterResource(rm)
	}
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if !x.refused {
			x.scope = x.queue.ids.Scope(x.resource, &sm.Scope)
			x.check()
		}
		for j := range sm.Metrics {
			x.metric(j, &sm.Metrics[j])
		}
	}
}

func (x *export) enterResource(rm *metricdata.ResourceMetrics) {
	x.resource = x.queue.ids.Resource(rm.Resource)
	if x.resource.Fits() {
		return
	}
	x.refused, x.reason = true, wire.Oversize
	if err := x.resource.CheckSize(); err != nil {
		x.errs = append(x.errs, err)
	}
}

// enterMetric finds the identity of the metric at hand, which has n points, and reports
// whether they are to be handed over.
func (x *export) enterMetric(n int, t metricdata.Temporality) bool {
	if t != metricdata.CumulativeTemporality && t != metricdata.DeltaTemporality {
		x.unknown(n, fmt.Sprintf("temporality %d", t))
		return false
	}
	if x.refused {
		x.refuse(x.reason, n)
		return false
	}
	if x.resource.Invalid || x.scope.Invalid {
		x.unknown(n, "attribute of the resource or scope")
		return false
	}
	k := &x.key
	k.Name, k.Unit, k.Description = x.data.Name, x.data.Unit, x.data.Description
	k.Delta = t == metricdata.DeltaTemporality
	x.point.metric = x.queue.ids.Metric(x.scope, x.index, k)
	return n > 0
}

// unknown drops n points of the metric at hand, which has no wire form, and returns an error
// for it once.
func (x *export) unknown(n int, what string) {
	x.refuse(wire.Encode, n)
	if x.refused { // somebody else may hold the queue
		return
	}
	key := x.key
	key.Name, key.Unit = x.data.Name, x.data.Unit
	if x.scope != nil {
		key.Description = x.scope.Wire.Name.Text() // in place of the metric's: the scope tells namesakes apart
	}
	reported := x.queue.reported
	if _, ok := reported[key]; ok || len(reported) >= intern.MaxIdentities {
		return
	}
	reported[key] = struct{}{}
	x.errs = append(x.errs, fmt.Errorf("otelgram: metric %q: unknown %s: its points are dropped", x.data.Name, what))
}

// offer counts the points of a metric from index i on as offered, a run at a time.
func (x *export) offer(i, n int) {
	if x.unchecked++; x.unchecked == offerRun {
		x.unchecked = 0
		x.check()
	}
	if i%offerRun == 0 {
		x.hasPoints = true
		x.books.Offer(min(offerRun, n-i))
	}
}

// refuse counts n points as offered and dropped.
func (x *export) refuse(reason wire.DropReason, n int) {
	x.hasPoints = x.hasPoints || n > 0
	x.books.Offer(n)
	x.drop(reason, n)
}

// drop counts n points, which were counted as offered, as dropped.
func (x *export) drop(reason wire.DropReason, n int) {
	x.books.Drop(reason, n)
	if reason == wire.Deadline {
		x.late += n
	}
}

// bare says, in place of a number of elements, that a point carries nothing but a number.
const bare = -1

// prepare readies the point at hand for its data. Elements are the counts, bounds and quantiles
// of its distribution, or bare; they may fill so many packet bodies, a byte each, before the
// point is dropped. prepare returns the reason to drop the point, if there is one: bad times,
// too many elements, no payload in time.
func (x *export) prepare(start, at *time.Time, elements, bodies int) (reason wire.DropReason, ok bool) {
	p := &x.point
	p.payload = nil
	var startOK, atOK bool
	p.startTime, startOK = unixNano(*start)
	p.time, atOK = unixNano(*at)
	switch {
	case !startOK || !atOK:
		return wire.Invalid, false
	case elements == bare:
		return 0, true
	case elements > bodies*wire.MaxBody:
		x.queue.config.Notices.Oversize(p.metric, elements, true)
		return wire.Oversize, false
	case x.refused:
		return x.reason, false
	}
	payload, w := x.queue.takePayload(x.ctx)
	if w != granted {
		x.stop(w)
		return x.reason, false
	}
	p.payload = payload
	return 0, true
}

// push hands the point at hand over, which was counted as offered.
func (x *export) push() {
	if !x.refused {
		w := x.queue.charge(x.ctx, &x.point)
		if w == granted {
			w = x.queue.push(x.ctx, &x.point)
		}
		if w == granted {
			return
		}
		x.stop(w)
	}
	x.discard(x.reason)
}

// discard drops the point at hand, which was counted as offered.
func (x *export) discard(reason wire.DropReason) {
	x.drop(reason, 1)
	if x.point.payload != nil {
		x.queue.payloads.give(x.point.payload)
		x.point.payload = nil
	}
}

// unixNano is NoTime for the zero time, and false outside of what 64 bits of nanoseconds
// reach: the years 1678 to 2262.
func unixNano(t time.Time) (int64, bool) {
	const reach = 9223372035
	if sec := t.Unix(); sec < -reach || sec > reach {
		return wire.NoTime, t.IsZero()
	}
	return t.UnixNano(), true
}
