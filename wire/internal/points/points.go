// Package points makes points for the tests of encodings.
package points

import (
	"math"

	"github.com/otelgram/otelgram/wire"
)

// Start is when the points begin: after any encoder was made. Time is the time of the
// points.
const (
	Start = int64(math.MaxInt64) - 1e15
	Time  = int64(1_760_000_420_987_654_321)
)

// Memory grants what it is asked for, up to a limit if Limited is set.
type Memory struct {
	Limited bool
	Left    int64
	Taken   int64
}

// Need is Take.
func (m *Memory) Need(bytes int64) bool { return m.Take(bytes) }

// Take takes bytes.
func (m *Memory) Take(bytes int64) bool {
	if m.Limited && m.Left < bytes {
		return false
	}
	m.Left -= bytes
	m.Taken += bytes
	return true
}

// Return is Give.
func (m *Memory) Return(bytes int64) { m.Give(bytes) }

// Give gives bytes back.
func (m *Memory) Give(bytes int64) {
	m.Left += bytes
	m.Taken -= bytes
}

// Metric returns a metric of a scope "scope" 1.0 and a resource with service.name "svc" and
// host.name "h".
func Metric(name string, k wire.Kind) *wire.Metric {
	return &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{Attributes: Set("service.name", "svc", "host.name", "h")}, Name: wire.NewSymbol("scope"), Version: wire.NewSymbol("1.0")},
		Name:  wire.NewSymbol(name), Unit: wire.NewSymbol(""), Kind: k,
	}
}

// Counter returns a monotonic sum of integers.
func Counter(name string) *wire.Metric {
	m := Metric(name, wire.Sum)
	m.Integer, m.Monotonic = true, true
	return m
}

// Set returns a set of attributes, given as keys and values.
func Set(texts ...string) *wire.AttributeSet {
	s := &wire.AttributeSet{}
	for i := 0; i < len(texts); i += 2 {
		s.AddString(wire.NewSymbol(texts[i]), wire.NewSymbol(texts[i+1]))
	}
	return s
}

// Int returns a point of an integer.
func Int(m *wire.Metric, v int64, attributes ...string) *wire.Point {
	return &wire.Point{Metric: m, Attributes: Set(attributes...), StartTime: Start, Time: Time, Bits: uint64(v)}
}

// Float returns a point of a number.
func Float(m *wire.Metric, v float64, attributes ...string) *wire.Point {
	return Int(m, int64(math.Float64bits(v)), attributes...)
}

// Histogram returns a point of an explicit histogram of numbers.
func Histogram(m *wire.Metric, bounds []float64, sum float64, counts ...uint64) *wire.Point {
	p := Float(m, sum)
	p.Distribution = &wire.Distribution{Bounds: bounds, BucketCounts: counts}
	for _, n := range counts {
		p.Distribution.Count += n
	}
	return p
}
