package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// offerRun is how many points are counted as offered at once, and so by how
// many a caller on its way can be ahead of the lane.
const offerRun = 64

// export carries one ResourceMetrics into the lane.
type export struct {
	ctx      context.Context
	lane     *lane
	counters *counters
	notices  *notices
	reported map[intern.MetricKey]struct{}

	resource *intern.Resource
	scope    *intern.Scope
	point    point

	// refused is set once no more points can be handed over: the rest of the
	// walk only counts them, for reason.
	refused   bool
	reason    wire.DropReason
	late      int // points without room when the context ended
	unchecked int // points since it was last looked at
	errs      []error
}

// Export hands the points of rm over: it copies them into the lane and waits
// for room where there is none, until ctx ends. When it returns, each is on its
// way or counted as dropped. What needs no waiting is handed over under a
// context that has ended, too: the SDK's periodic reader ends the one of the
// export under way as soon as it is shut down. It may be called concurrently;
// one call at a time proceeds.
func (p *Pipeline) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil || len(rm.ScopeMetrics) == 0 {
		if p.lane.isClosing() {
			return metric.ErrExporterShutdown
		}
		return ctx.Err()
	}
	x := export{ctx: ctx, lane: p.lane, counters: &p.counters, notices: p.notices, reported: p.reported}
	over := ctx.Err() != nil
	if w := p.lane.acquire(ctx); w == granted {
		defer p.lane.release()
		defer p.lane.finish()
		x.begin()
	} else {
		x.stop(w)
	}
	x.walk(rm)
	p.cancelled.note(ctx, x.late)
	if over || x.refused && x.reason == wire.Deadline {
		x.errs = append(x.errs, ctx.Err())
	}
	return errors.Join(x.errs...)
}

// begin checks, with the lane held, what may have changed while waiting for it.
func (x *export) begin() {
	x.lane.open()
	x.lane.ids.Trim()
	x.lane.mark()
	x.check()
}

// check refuses the rest once the lane is closing.
func (x *export) check() {
	if !x.refused && x.lane.isClosing() {
		x.stop(closed)
	}
}

func (x *export) walk(rm *metricdata.ResourceMetrics) {
	if !x.refused {
		x.enterResource(rm)
	}
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if !x.refused {
			x.scope = x.lane.ids.Scope(x.resource, &sm.Scope)
			x.check()
		}
		for j := range sm.Metrics {
			x.metric(j, &sm.Metrics[j])
		}
	}
}

func (x *export) enterResource(rm *metricdata.ResourceMetrics) {
	x.resource = x.lane.ids.Resource(rm.Resource)
	if x.resource.Fits() {
		return
	}
	x.refused, x.reason = true, wire.Oversize
	if err := x.resource.CheckSize(); err != nil {
		x.errs = append(x.errs, err)
	}
}

// metric is the one place that knows OpenTelemetry's nine aggregations.
func (x *export) metric(i int, m *metricdata.Metrics) {
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		numbers(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Gauge, Integer: true}, metricdata.CumulativeTemporality)
	case metricdata.Gauge[float64]:
		numbers(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Gauge}, metricdata.CumulativeTemporality)
	case metricdata.Sum[int64]:
		numbers(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Sum, Integer: true, Monotonic: d.IsMonotonic}, d.Temporality)
	case metricdata.Sum[float64]:
		numbers(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Sum, Monotonic: d.IsMonotonic}, d.Temporality)
	case metricdata.Histogram[int64]:
		histograms(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Histogram, Integer: true}, d.Temporality)
	case metricdata.Histogram[float64]:
		histograms(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.Histogram}, d.Temporality)
	case metricdata.ExponentialHistogram[int64]:
		exponentials(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.ExponentialHistogram, Integer: true}, d.Temporality)
	case metricdata.ExponentialHistogram[float64]:
		exponentials(x, i, m, d.DataPoints, intern.MetricKey{Kind: wire.ExponentialHistogram}, d.Temporality)
	case metricdata.Summary:
		summaries(x, i, m, d.DataPoints)
	default:
		// Nobody can say how many points are in there: it counts as one.
		x.unknown(m, intern.MetricKey{}, 1, fmt.Sprintf("aggregation %T", m.Data))
	}
}

// enter prepares the point for the metric m, which has n points, and reports
// whether they are to be handed over.
func (x *export) enter(i int, m *metricdata.Metrics, n int, key intern.MetricKey, t metricdata.Temporality) bool {
	if t != metricdata.CumulativeTemporality && t != metricdata.DeltaTemporality {
		x.unknown(m, key, n, fmt.Sprintf("temporality %d", t))
		return false
	}
	if x.refused {
		x.lose(x.reason, n)
		return false
	}
	if x.resource.Invalid || x.scope.Invalid {
		x.unknown(m, key, n, "attribute of the resource or scope")
		return false
	}
	key.Name, key.Unit, key.Description = m.Name, m.Unit, m.Description
	key.Delta = t == metricdata.DeltaTemporality
	x.point.metric = x.lane.ids.Metric(x.scope, i, key)
	return n > 0
}

// lose counts n points as offered and dropped.
func (x *export) lose(reason wire.DropReason, n int) {
	x.counters.Offer(n)
	x.drop(reason, n)
}

// drop counts n points, which were counted as offered, as dropped.
func (x *export) drop(reason wire.DropReason, n int) {
	x.counters.Drop(reason, n)
	if reason == wire.Deadline {
		x.late += n
	}
}

// unknown drops a metric that has no wire form, and reports it once.
func (x *export) unknown(m *metricdata.Metrics, key intern.MetricKey, n int, what string) {
	x.lose(wire.Encode, n)
	if x.refused { // the lane may be somebody else's
		return
	}
	key.Name, key.Unit = m.Name, m.Unit
	if x.scope != nil {
		key.Description = x.scope.Wire.Name.Text() // not the metric's: the scope tells namesakes apart
	}
	if _, ok := x.reported[key]; ok || len(x.reported) >= intern.MaxIdentities {
		return
	}
	x.reported[key] = struct{}{}
	x.errs = append(x.errs, fmt.Errorf("otelgram: metric %q: unknown %s: its points are dropped", m.Name, what))
}

// offer counts the points from index i on as offered, a run at a time.
func (x *export) offer(i, n int) {
	if x.unchecked++; x.unchecked == offerRun {
		x.unchecked = 0
		x.check()
	}
	if i%offerRun == 0 {
		x.counters.Offer(min(offerRun, n-i))
	}
}

// times sets the point's times and reports whether the wire can hold them.
func (x *export) times(start, end time.Time) bool {
	var ok1, ok2 bool
	x.point.startTime, ok1 = unixNano(start)
	x.point.time, ok2 = unixNano(end)
	return ok1 && ok2
}

// unixNano is NoTime for the zero time, and false outside of what 64 bits of
// nanoseconds reach: the years 1678 to 2262.
func unixNano(t time.Time) (int64, bool) {
	const reach = 9223372035
	if sec := t.Unix(); sec < -reach || sec > reach {
		return wire.NoTime, t.IsZero()
	}
	return t.UnixNano(), true
}

// push hands the point over, which was counted as offered.
func (x *export) push() {
	if !x.refused {
		w := x.lane.charge(x.ctx, &x.point)
		if w == granted {
			w = x.lane.push(x.ctx, &x.point)
		}
		if w == granted {
			return
		}
		x.stop(w)
	}
	x.discard(x.reason)
}

// discard drops the point, which was counted as offered.
func (x *export) discard(reason wire.DropReason) {
	x.drop(reason, 1)
	if x.point.payload != nil {
		x.lane.payloads.give(x.point.payload)
		x.point.payload = nil
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

// payload takes a payload for the point and reports whether it got one.
func (x *export) payload() bool {
	x.point.payload = nil
	if x.refused {
		return false
	}
	l, w := x.lane.take(x.ctx)
	if w != granted {
		x.stop(w)
		return false
	}
	x.point.payload = l
	return true
}
