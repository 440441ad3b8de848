package relay

import (
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// request holds all that waits of one resource. Its first parts are exported together, as
// often as it takes. The parts behind them wait until the first are settled, so that the
// points of a resource leave in the order in which they came.
type request struct {
	key   uint64 // of the resource
	parts []part
	n     int                         // how many of the parts are in data
	data  *metricdata.ResourceMetrics // nil before the first attempt

	attempts int
	begin    time.Time // of the first attempt
	due      time.Time // when the next attempt may begin
}

// prepare puts together what is exported: at least one part, and no more points than
// batchSize if there are several. Two resources may have one key, such as resources that
// differ only in the sign of a zero; their parts are not put together.
func (r *request) prepare(batchSize int, now time.Time) {
	r.begin = now
	points := 0
	var items []item
	for r.n = 0; r.n < len(r.parts); r.n++ {
		p := &r.parts[r.n]
		if points += p.points; r.n > 0 && (points > batchSize || !same(items[0].data.Resource, p.data.Resource)) {
			break
		}
		items = append(items, item{data: p.data})
		p.data = nil
	}
	if r.data = items[0].data; len(items) > 1 {
		r.data = merge(items)[0].data
	}
}

// done returns the parts that were exported or have failed for good, and keeps the parts
// behind them.
func (r *request) done() []part {
	settled := r.parts[:r.n]
	r.parts = r.parts[r.n:]
	r.data, r.attempts, r.n = nil, 0, 0
	return settled
}

// byDue is a heap of requests. The one that is due first is at the top.
type byDue []*request

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(r any)        { *h = append(*h, r.(*request)) }

func (h *byDue) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}
