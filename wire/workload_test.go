package wire_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/otelgram/otelgram/wire"
)

// server is the resource of the workloads: eight attributes as SDK and
// detectors set them.
var server = resource{attributes: []attribute{
	{"service.name", str("checkout-service")},
	{"service.namespace", str("shop-production")},
	{"service.version", str("2.14.3-rc.1")},
	{"service.instance.id", str("627cc493-f310-47de-96bd-71410b7dec09")},
	{"host.name", str("ip-10-0-37-12.eu-central-1.compute.internal")},
	{"telemetry.sdk.language", str("go")},
	{"telemetry.sdk.name", str("opentelemetry")},
	{"telemetry.sdk.version", str("1.47.0")},
}}

var handlers = scope{resource: server, name: "shop/http"}

const (
	started  = 1_760_000_000_123_456_789
	exported = 1_760_000_420_987_654_321
)

// workload is a stream of points: the i-th is next(i).
type workload struct {
	name     string
	expected int // points in a packet of 1472 bytes, as estimated when the format was designed
	next     func(r *rand.Rand, i int) point
}

var workloads = []workload{
	{"W1", 131, func(r *rand.Rand, i int) point { return event(r, i, 1234) }},
	{"W1f", 76, func(r *rand.Rand, i int) point { return event(r, i, r.NormFloat64()) }},
	{"W2", 51, func(r *rand.Rand, i int) point { return counter(r, 0, i) }},
	{"W3", 97, func(r *rand.Rand, i int) point { return counter(r, i%10, i/10) }},
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
func (w workload) points(n int) []point {
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

var (
	methods   = []string{"GET", "POST", "PUT", "DELETE"}
	routes    = []string{"/", "/cart", "/login", "/api/v1/users", "/api/v1/orders", "/api/v1/items", "/search", "/health"}
	statuses  = []string{"200", "201", "301", "404", "500"}
	servers   = []string{"web-1", "web-2", "web-3"}
	protocols = []string{"1.1", "2"}
)

// series is the i-th of the sets that the vocabularies give, in an order that
// jumps between them.
func series(i int) []attribute {
	n := i * 331 % (len(methods) * len(routes) * len(statuses) * len(servers) * len(protocols))
	pick := func(words []string) value {
		word := words[n%len(words)]
		n /= len(words)
		return str(word)
	}
	return []attribute{
		{"method", pick(methods)}, {"route", pick(routes)}, {"status", pick(statuses)}, {"server", pick(servers)}, {"protocol", pick(protocols)},
	}
}

// counter is a cumulative counter of the export, of one of ten metrics.
func counter(r *rand.Rand, which, set int) point {
	names := [10]string{"requests", "errors", "bytes.read", "bytes.written", "retries", "timeouts", "cache.hits", "cache.misses", "queries", "rows"}
	return point{
		metric:     metric{scope: handlers, name: "http.server." + names[which], unit: "1", kind: wire.Sum, integer: true, monotonic: true},
		attributes: series(set), start: started, time: exported, bits: uint64(r.ExpFloat64() * 20_000),
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
		attributes: series(i), start: started, time: exported, bits: f64(sum), dist: d,
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
		attributes: series(i), start: started, time: exported, bits: f64(sum), dist: d,
	}
}
