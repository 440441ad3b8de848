// Package workload has the points that densities and speeds are stated for, so
// that the tests of package wire and the benchmarks measure the same. It is
// plain data and imports nothing of ours.
package workload

import "math/rand/v2"

// Attribute is an attribute whose value is a string.
type Attribute struct{ Key, Value string }

// Counter is a point of a monotonic, cumulative counter.
type Counter struct {
	Name, Unit string
	Attributes []Attribute
	Value      int64
}

// Scope is the instrumentation scope of all points.
const Scope = "shop/http"

// When the counters started and when they are exported, in Unix nanoseconds.
const (
	Started  = 1_760_000_000_123_456_789
	Exported = 1_760_000_420_987_654_321
)

// Sets is how many different sets of attributes there are.
const Sets = 4 * 8 * 5 * 3 * 2

const (
	step    = 331 // from one set to the next: shares no factor with Sets
	metrics = 10  // of W3
)

var (
	names     = [metrics]string{"requests", "errors", "bytes.read", "bytes.written", "retries", "timeouts", "cache.hits", "cache.misses", "queries", "rows"}
	methods   = [...]string{"GET", "POST", "PUT", "DELETE"}
	routes    = [...]string{"/", "/cart", "/login", "/api/v1/users", "/api/v1/orders", "/api/v1/items", "/search", "/health"}
	statuses  = [...]string{"200", "201", "301", "404", "500"}
	servers   = [...]string{"web-1", "web-2", "web-3"}
	protocols = [...]string{"1.1", "2"}
)

// Resource returns the eight attributes that SDK and detectors set on an
// ordinary service: some 311 bytes in a packet.
func Resource() []Attribute {
	return []Attribute{
		{"service.name", "checkout-service"},
		{"service.namespace", "shop-production"},
		{"service.version", "2.14.3-rc.1"},
		{"service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"},
		{"host.name", "ip-10-0-37-12.eu-central-1.compute.internal"},
		{"telemetry.sdk.language", "go"},
		{"telemetry.sdk.name", "opentelemetry"},
		{"telemetry.sdk.version", "1.47.0"},
	}
}

// Set returns the i-th set of five attributes, in an order that jumps between
// them, as that of a map does. After Sets of them they begin again.
func Set(i int) []Attribute {
	n := i % Sets * step % Sets
	pick := func(words []string) string {
		word := words[n%len(words)]
		n /= len(words)
		return word
	}
	return []Attribute{
		{"method", pick(methods[:])}, {"route", pick(routes[:])}, {"status", pick(statuses[:])},
		{"server", pick(servers[:])}, {"protocol", pick(protocols[:])},
	}
}

// W2 is the i-th point of one metric, with another set at each point.
func W2(r *rand.Rand, i int) Counter { return counter(r, 0, i) }

// W3 is the i-th point of ten metrics that share sets: the ten points of one set
// come one after the other.
func W3(r *rand.Rand, i int) Counter { return counter(r, i%metrics, i/metrics) }

func counter(r *rand.Rand, metric, set int) Counter {
	return Counter{
		Name: "http.server." + names[metric], Unit: "1",
		Attributes: Set(set), Value: int64(r.ExpFloat64() * 20_000),
	}
}

// Points returns the first n points of W2 or W3, the same ones each time.
func Points(of func(*rand.Rand, int) Counter, n int) []Counter {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]Counter, n)
	for i := range points {
		points[i] = of(r, i)
	}
	return points
}
