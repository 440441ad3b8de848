package wire_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/otelgram/otelgram/wire"
)

// entropy makes models out of bytes: a fuzzer's, or random ones. After the last byte every
// choice is the first one.
type entropy struct {
	bytes   []byte
	sets    [][]attribute
	metrics []metric
}

func randomEntropy(seed uint64, n int) *entropy {
	r := rand.New(rand.NewPCG(seed, seed))
	e := &entropy{bytes: make([]byte, n)}
	for i := range e.bytes {
		e.bytes[i] = byte(r.Uint32())
	}
	return e
}

func (e *entropy) take(n int) []byte {
	out := make([]byte, n)
	e.bytes = e.bytes[copy(out, e.bytes):]
	return out
}

// below returns a number from 0 to n-1, n at most 256.
func (e *entropy) below(n int) int { return int(e.take(1)[0]) % n }

func (e *entropy) flip() bool { return e.below(2) == 1 }

func (e *entropy) uint64() uint64 { return binary.BigEndian.Uint64(e.take(8)) }

// oneOf returns one of the choices, or else what other returns.
func oneOf[T any](e *entropy, other func() T, choices ...T) T {
	if i := e.below(len(choices) + 1); i < len(choices) {
		return choices[i]
	}
	return other()
}

func (e *entropy) text() string {
	long := func() string {
		text := string(e.take(1 + e.below(9)))
		for range e.below(5) {
			text += text
		}
		return text
	}
	return oneOf(e, long, "", "a", "method", "GET", "route", "/api/v1/users", "\x00", "\xFF\xFE", "größe", "b", "c", "d")
}

func (e *entropy) int64() int64 {
	return oneOf(e, func() int64 { return int64(e.uint64()) >> e.below(64) }, 0, 1, -1, math.MinInt64, math.MaxInt64, 1<<54-1, 1<<54, -1<<54, -1<<54-1)
}

func (e *entropy) count() uint64 {
	return oneOf(e, func() uint64 { return e.uint64() >> e.below(64) }, 0, 1, 127, 128, math.MaxUint64)
}

func (e *entropy) float64() float64 {
	return math.Float64frombits(oneOf(e, e.uint64,
		0, 1<<63, 1, f64(math.NaN()), 0x7FF0000000000001, 0xFFF8DEADBEEF0000, f64(math.Inf(1)), f64(math.Inf(-1)), f64(math.MaxFloat64),
		f64(float64(e.int64())), f64(float64(math.Float32frombits(uint32(e.int64())))), f64(float64(int32(e.int64()))/1e3), f64(float64(e.int64())/1e9)))
}

// number returns the bits of a value of metric m.
func (e *entropy) number(m *metric) uint64 {
	if m.integer {
		return uint64(e.int64())
	}
	return f64(e.float64())
}

func (e *entropy) time() int64 {
	return oneOf(e, e.int64, 1_700_000_000_000_000_000, 1_700_000_000_000_010_000, wire.NoTime, 0, math.MaxInt64)
}

// value returns a value that opens at most depth levels.
func (e *entropy) value(depth int) value {
	kind := wire.ValueType(e.below(int(wire.MapValue) + 1))
	scalar := func(kind wire.ValueType) value {
		switch kind {
		case wire.BoolValue:
			return boolean(e.flip())
		case wire.Int64Value:
			return integer(e.int64())
		case wire.Float64Value:
			return double(e.float64())
		case wire.StringValue, wire.BytesValue:
			return value{kind: kind, text: e.text()}
		}
		return value{}
	}
	if kind <= wire.StringValue || kind == wire.BytesValue || depth == 0 {
		return scalar(kind)
	}
	v := value{kind: kind}
	for range e.below(4) {
		switch kind {
		case wire.SliceValue:
			v.elements = append(v.elements, attribute{value: e.value(depth - 1)})
		case wire.MapValue:
			v.elements = append(v.elements, attribute{e.text(), e.value(depth - 1)})
		default:
			v.elements = append(v.elements, attribute{value: scalar(kind - wire.BoolSliceValue + wire.BoolValue)})
		}
	}
	return v
}

func (e *entropy) attributes() (set []attribute) {
	seen := map[string]bool{}
	for range e.below(6) {
		a := attribute{e.text(), e.value(3)}
		if !seen[a.key] {
			set = append(set, a)
		}
		seen[a.key] = true
	}
	return set
}

// set returns one of the sets so far, or a new one.
func (e *entropy) set() []attribute {
	if i := e.below(len(e.sets) + 2); i < len(e.sets) {
		return e.sets[i]
	}
	e.sets = append(e.sets[max(0, len(e.sets)-20):], e.attributes())
	return e.sets[len(e.sets)-1]
}

// metric returns one of the metrics so far, or a new one, perhaps in a scope
// or a resource of another.
func (e *entropy) metric() metric {
	if i := e.below(len(e.metrics) + 2); i < len(e.metrics) {
		return e.metrics[i]
	}
	m := metric{name: e.text(), unit: e.text(), description: e.text(), kind: wire.Kind(1 + e.below(5))}
	m.scope = scope{name: e.text(), version: e.text(), schema: e.text(), attributes: e.set()}
	m.scope.resource = resource{schema: e.text(), attributes: e.set()}
	if len(e.metrics) > 0 {
		other := e.metrics[e.below(len(e.metrics))].scope
		switch e.below(3) {
		case 1:
			m.scope = other
		case 2:
			m.scope.resource = other.resource
		}
	}
	m.integer = m.kind != wire.Summary && e.flip()
	m.monotonic = m.kind == wire.Sum && e.flip()
	m.delta = m.kind != wire.Gauge && m.kind != wire.Summary && e.flip()
	e.metrics = append(e.metrics[max(0, len(e.metrics)-20):], m)
	return m
}

func (e *entropy) counts() (counts []uint64) {
	for range e.below(12) {
		counts = append(counts, e.count())
	}
	return counts
}

func (e *entropy) bounds() (bounds []float64) {
	for range e.below(12) {
		bounds = append(bounds, e.float64())
	}
	return oneOf(e, func() []float64 { return bounds }, []float64{0, 5, 10, 25}, []float64{0.005, 0.01, 2.5}, []float64{-1e12, 1e-9})
}

func (e *entropy) extremum(m *metric) wire.Extremum {
	if e.flip() {
		return extremum(e.number(m))
	}
	return wire.Extremum{}
}

func (e *entropy) dist(m *metric) (d wire.Distribution) {
	if m.kind <= wire.Sum {
		return d
	}
	d.Count = e.count()
	switch m.kind {
	case wire.Histogram:
		d.Min, d.Max = e.extremum(m), e.extremum(m)
		d.Bounds, d.BucketCounts = e.bounds(), e.counts()
	case wire.ExponentialHistogram:
		d.Min, d.Max = e.extremum(m), e.extremum(m)
		d.Scale, d.ZeroCount, d.ZeroThreshold = int32(e.int64()), e.count(), e.float64()
		d.Positive = wire.Buckets{Offset: int32(e.int64()), Counts: e.counts()}
		d.Negative = wire.Buckets{Offset: int32(e.int64()), Counts: e.counts()}
	case wire.Summary:
		for range e.below(6) {
			d.Quantiles = append(d.Quantiles, wire.Quantile{Quantile: e.float64(), Value: e.float64()})
		}
	}
	return d
}

func (e *entropy) exemplar(m *metric) exemplar {
	x := exemplar{time: e.time(), bits: e.number(m), attributes: e.attributes()}
	if e.flip() {
		x.trace, x.span = fmt.Sprintf("%016x", e.uint64()), string(e.take(8))
	}
	return x
}

func (e *entropy) point() point {
	m := e.metric()
	p := point{metric: m, attributes: e.set(), start: e.time(), time: e.time(), bits: e.number(&m), dist: e.dist(&m)}
	if e.below(4) == 3 {
		for range e.below(4) {
			p.exemplars = append(p.exemplars, e.exemplar(&m))
		}
	}
	return p
}

// points returns points until the bytes are used up, at most limit of them.
func (e *entropy) points(limit int) (points []point) {
	for len(points) < limit && len(e.bytes) > 0 {
		points = append(points, e.point())
	}
	return points
}
