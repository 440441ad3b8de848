package wire_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

// server is the resource of the workloads: eight attributes as SDK and
// detectors set them.
var server = resource{attributes: modelled(workload.Resource())}

func modelled(attributes []workload.Attribute) (out []attribute) {
	for _, a := range attributes {
		out = append(out, attribute{a.Key, str(a.Value)})
	}
	return out
}

var handlers = scope{resource: server, name: workload.Scope}

const (
	started  = workload.Started
	exported = workload.Exported
)

// stream makes points: the i-th is next(i).
type stream struct {
	name     string
	expected int // points in a packet of 1472 bytes, as estimated when the format was designed
	next     func(r *rand.Rand, i int) point
}

var workloads = []stream{
	{"W1", 131, func(r *rand.Rand, i int) point { return event(r, i, 1234) }},
	{"W1f", 76, func(r *rand.Rand, i int) point { return event(r, i, r.NormFloat64()) }},
	{"W2", 51, func(r *rand.Rand, i int) point { return counter(workload.W2(r, i)) }},
	{"W3", 97, func(r *rand.Rand, i int) point { return counter(workload.W3(r, i)) }},
	{"W4", 17, unique},
	{"H1", 16, func(r *rand.Rand, i int) point {
		return measured(r, i, "ms", 1e6, []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000})
	}},
	{"H2", 17, func(r *rand.Rand, i int) point {
		return measured(r, i, "s", 1e9, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10})
	}},
	{"H3", 6, scaled},
}

// points returns the first n points of w.
func (w stream) points(n int) []point {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]point, n)
	for i := range points {
		points[i] = w.next(r, i)
	}
	return points
}

// event is one request, about 10 us after the one before.
func event(r *rand.Rand, i int, v float64) point {
	return point{
		metric:     metric{scope: handlers, name: "http.server.request.count", kind: wire.Sum, monotonic: true, delta: true},
		attributes: []attribute{{"method", str("GET")}, {"route", str("/api/v1/users")}, {"status", str("200")}},
		start:      wire.NoTime, time: exported + int64(i)*10_000 + int64(r.IntN(2000)), bits: f64(v),
	}
}

func counter(c workload.Counter) point {
	return point{
		metric:     metric{scope: handlers, name: c.Name, unit: c.Unit, kind: wire.Sum, integer: true, monotonic: true},
		attributes: modelled(c.Attributes), start: started, time: exported, bits: uint64(c.Value),
	}
}

func unique(r *rand.Rand, i int) point {
	return point{
		metric: metric{scope: handlers, name: fmt.Sprintf("tenant%04d.jobs.done", i), kind: wire.Sum, integer: true, monotonic: true},
		attributes: []attribute{
			{fmt.Sprintf("queue%03d", i), str(fmt.Sprintf("shard%03d", i))}, {fmt.Sprintf("job%03d", i), str(fmt.Sprintf("id%04d", i))},
		},
		start: started, time: exported, bits: uint64(r.ExpFloat64() * 1000),
	}
}

// durations are what n requests took, in whole nanoseconds, log-normal around
// 20 ms.
func durations(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(20e6 * math.Exp(r.NormFloat64()))
	}
	return out
}

// measured is a histogram of some hundred durations, summed up as an SDK does.
func measured(r *rand.Rand, i int, unit string, scale float64, bounds []float64) point {
	d := wire.Distribution{Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1)}
	lowest, highest, sum := math.Inf(1), math.Inf(-1), 0.0
	for _, ns := range durations(r, 50+r.IntN(500)) {
		v := float64(ns) / scale
		at, _ := slices.BinarySearch(bounds, v)
		d.BucketCounts[at]++
		d.Count++
		lowest, highest, sum = min(lowest, v), max(highest, v), sum+v
	}
	d.Min, d.Max = extremum(f64(lowest)), extremum(f64(highest))
	return point{
		metric:     metric{scope: handlers, name: "http.server.request.duration", unit: unit, kind: wire.Histogram},
		attributes: modelled(workload.Set(i)), start: started, time: exported, bits: f64(sum), dist: d,
	}
}

// scaled is an exponential histogram whose measurements fill 80 buckets.
func scaled(r *rand.Rand, i int) point {
	const scale, buckets = 3, 80
	d := wire.Distribution{Scale: scale, Positive: wire.Buckets{Counts: make([]uint64, buckets)}}
	center := int(math.Floor(math.Log2(0.020) * (1 << scale)))
	d.Positive.Offset = int32(center - buckets/2)
	lowest, highest, sum := math.Inf(1), math.Inf(-1), 0.0
	for _, ns := range durations(r, 5000+r.IntN(5000)) {
		v := float64(ns) / 1e9
		at := int(math.Ceil(math.Log2(v)*(1<<scale))) - 1 - int(d.Positive.Offset)
		d.Positive.Counts[min(max(at, 0), buckets-1)]++
		d.Count++
		lowest, highest, sum = min(lowest, v), max(highest, v), sum+v
	}
	d.Min, d.Max = extremum(f64(lowest)), extremum(f64(highest))
	return point{
		metric:     metric{scope: handlers, name: "http.server.request.duration", unit: "s", kind: wire.ExponentialHistogram},
		attributes: modelled(workload.Set(i)), start: started, time: exported, bits: f64(sum), dist: d,
	}
}
