package relay

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// gauges returns a metric with a point for each set.
func gauges(name string, sets ...attribute.Set) metricdata.Metrics {
	points := make([]metricdata.DataPoint[int64], len(sets))
	for i, set := range sets {
		points[i].Attributes = set
	}
	return metricdata.Metrics{Name: name, Data: metricdata.Gauge[int64]{DataPoints: points}}
}

// five returns an ordinary set of five attributes, none of which is in memory elsewhere.
func five(i int) attribute.Set {
	var kvs []attribute.KeyValue
	for k, key := range []string{"http.route", "http.method", "status", "region", "customer"} {
		kvs = append(kvs, attribute.String(strings.Clone(key), fmt.Sprint("value-", i*5+k)))
	}
	return attribute.NewSet(kvs...)
}

func oneSet(i int, v attribute.Value) *metricdata.ResourceMetrics {
	return holding(named("a"), "s", gauges(fmt.Sprint("m", i), attribute.NewSet(attribute.KeyValue{Key: "k", Value: v})))
}

func onePoint[N int64 | float64](p metricdata.HistogramDataPoint[N]) *metricdata.ResourceMetrics {
	return holding(named("a"), "s", metricdata.Metrics{Data: metricdata.Histogram[N]{DataPoints: []metricdata.HistogramDataPoint[N]{p}}})
}

// shapes are the ways in which data can be large.
var shapes = map[string]func(i int) *metricdata.ResourceMetrics{
	"own sets": func(i int) *metricdata.ResourceMetrics {
		var sets []attribute.Set
		for k := range 50 {
			sets = append(sets, five(i*50+k))
		}
		return holding(named("a"), "s", gauges("m", sets...))
	},
	"one set": func(i int) *metricdata.ResourceMetrics {
		set := five(i)
		var metrics []metricdata.Metrics
		for k := range 50 {
			metrics = append(metrics, gauges(fmt.Sprint("m", k), set, set))
		}
		return holding(named("a"), "s", metrics...)
	},
	"list": func(i int) *metricdata.ResourceMetrics {
		return oneSet(i, attribute.SliceValue(make([]attribute.Value, 4095)...))
	},
	"lists in a list": func(i int) *metricdata.ResourceMetrics {
		list := make([]attribute.Value, 1000)
		for k := range list {
			list[k] = attribute.SliceValue(attribute.StringValue(fmt.Sprint("element ", k)), attribute.IntValue(k))
		}
		return oneSet(i, attribute.SliceValue(list...))
	},
	"map": func(i int) *metricdata.ResourceMetrics {
		kvs := make([]attribute.KeyValue, 1000)
		for k := range kvs {
			kvs[k] = attribute.Float64Slice(fmt.Sprint("key ", k), make([]float64, 3))
		}
		return oneSet(i, attribute.MapValue(kvs...))
	},
	"strings": func(i int) *metricdata.ResourceMetrics {
		list := make([]string, 2000)
		for k := range list {
			list[k] = fmt.Sprint("text ", k)
		}
		return oneSet(i, attribute.StringSliceValue(list))
	},
	"booleans": func(i int) *metricdata.ResourceMetrics {
		return oneSet(i, attribute.BoolSliceValue(make([]bool, 4000)))
	},
	"bytes": func(i int) *metricdata.ResourceMetrics {
		return oneSet(i, attribute.ByteSliceValue(make([]byte, 9000)))
	},
	"description": func(i int) *metricdata.ResourceMetrics {
		m := gauges("m", *attribute.EmptySet())
		m.Description, m.Unit = strings.Repeat("d", 5000), strings.Repeat("u", 1000)
		return holding(named("a"), strings.Repeat("s", 3000), m)
	},
	"own resource": func(i int) *metricdata.ResourceMetrics {
		return holding(named(fmt.Sprint("service-", i)), "s", gauges("m", *attribute.EmptySet()))
	},
	"own scopes": func(i int) *metricdata.ResourceMetrics {
		rm := holding(named("a"), "s")
		for k := range 50 {
			scope := instrumentation.Scope{Name: fmt.Sprint("scope ", k), Attributes: five(i*50 + k)}
			rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope, Metrics: []metricdata.Metrics{gauges("m", *attribute.EmptySet())}})
		}
		return rm
	},
	"buckets": func(int) *metricdata.ResourceMetrics {
		return onePoint(metricdata.HistogramDataPoint[int64]{Bounds: make([]float64, 2000), BucketCounts: make([]uint64, 2001)})
	},
	"exponential buckets": func(int) *metricdata.ResourceMetrics {
		p := metricdata.ExponentialHistogramDataPoint[float64]{}
		p.PositiveBucket.Counts, p.NegativeBucket.Counts = make([]uint64, 1000), make([]uint64, 500)
		return holding(named("a"), "s", metricdata.Metrics{Data: metricdata.ExponentialHistogram[float64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{p}}})
	},
	"exemplars": func(i int) *metricdata.ResourceMetrics {
		p := metricdata.HistogramDataPoint[float64]{Exemplars: make([]metricdata.Exemplar[float64], 100)}
		for k := range p.Exemplars {
			set := five(i*100 + k)
			p.Exemplars[k] = metricdata.Exemplar[float64]{FilteredAttributes: set.ToSlice(), TraceID: make([]byte, 16), SpanID: make([]byte, 8)}
		}
		return onePoint(p)
	},
	"quantiles": func(int) *metricdata.ResourceMetrics {
		p := metricdata.SummaryDataPoint{QuantileValues: make([]metricdata.QuantileValue, 1000)}
		return holding(named("a"), "s", metricdata.Metrics{Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{p}}})
	},
	"long texts": func(i int) *metricdata.ResourceMetrics {
		var sets []attribute.Set
		list := []string{strings.Repeat("l", 200), strings.Repeat("m", 300)}
		text := strings.Repeat("t", 500)
		for k := range 50 {
			sets = append(sets, attribute.NewSet(attribute.Int("i", i*50+k), attribute.String("text", text), attribute.StringSlice("list", list)))
		}
		return holding(named("a"), "s", gauges("m", sets...))
	},
}

// live returns how much of the heap is in use.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one emptied out of pools
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// bestOf calls f until it returns true, three times at most, since other use of the heap
// changes by chance.
func bestOf(t *testing.T, f func() bool) {
	for range 3 {
		if f() {
			return
		}
	}
	t.Error("not once in three times")
}

// TestSize: the estimate is about what data takes, as the heap shows.
func TestSize(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			const n = 40
			sizeOfData(shape(0)) // the types of its arrays stay
			bestOf(t, func() bool {
				kept := make([]*metricdata.ResourceMetrics, 0, n)
				before, counted := live(), int64(0)
				for i := range n {
					rm := shape(i)
					strip(rm)
					kept = append(kept, rm)
				}
				taken := live() - before
				for _, rm := range kept {
					counted += sizeOfData(rm)
				}
				t.Logf("%d bytes are counted, %d taken", counted/n, taken/n)
				return float64(taken) <= 1.2*float64(counted) && float64(counted) <= 1.5*float64(taken)+itemSize*n
			})
		})
	}
}

// TestSizeOnce: what occurs several times is counted once, and what only has the same hash
// as something else is not taken for it.
func TestSizeOnce(t *testing.T) {
	with := func(sets ...attribute.Set) int64 { return sizeOfData(holding(nil, "s", gauges("m", sets...))) }
	one := five(1)
	other := one
	assert.Less(t, with(one, other)-with(one), int64(150))
	assert.Greater(t, with(one, five(2))-with(one), int64(400))

	text := strings.Repeat("t", 10_000)
	of := func(i int, text string) attribute.Set {
		return attribute.NewSet(attribute.Int("i", i), attribute.String("t", text), attribute.StringSlice("l", []string{text}))
	}
	assert.Less(t, with(of(1, text), of(2, text)), int64(12_000), "the receiver makes it once a packet")
	assert.Greater(t, with(of(1, text), of(2, strings.Clone(text))), int64(20_000))
	assert.Greater(t, with(of(1, text[:longText]), of(2, text)), int64(10_000), "a part of it does not stand for all")

	short := attribute.NewSet(attribute.StringSlice("x", []string{"abc"}))
	long := attribute.NewSet(attribute.StringSlice("x", append(make([]string, 4000), "abc")))
	require.Equal(t, short.Equivalent(), long.Equivalent())
	assert.Greater(t, with(short, long)-with(short), int64(64_000))
}

// TestHolds: a field that a later version of OpenTelemetry may have is no array, and causes
// no panic either.
func TestHolds(t *testing.T) {
	type later struct{ none, other, array any }
	v := reflect.ValueOf(later{none: nil, other: [3]int{}, array: [3]attribute.KeyValue{}})
	assert.False(t, holds(v.Field(0), 3))
	assert.False(t, holds(v.Field(1), 3))
	assert.False(t, holds(v.Field(2), 2))
	assert.True(t, holds(v.Field(2), 3))
}

// TestAttributesOf: sets are laid out as the relay expects. If not, in a new version of
// OpenTelemetry, the relay works all the same: a set that many points have is then counted
// once for each.
func TestAttributesOf(t *testing.T) {
	assert.True(t, readable)
	defer func(was bool) { readable = was }(readable)
	for _, readable = range []bool{true, false} {
		for n := range 30 {
			var want []attribute.KeyValue
			for k := range n {
				want = append(want, attribute.String(fmt.Sprintf("key %02d", k), "value"))
			}
			set := attribute.NewSet(want...)
			got, shared := attributesOf(&set)
			assert.Equal(t, want, got)
			assert.Equal(t, readable, shared)
		}
		none, _ := attributesOf(&attribute.Set{})
		assert.Empty(t, none)
	}
}

// TestMemory: in whatever way data is large, the relay takes no more memory than twice its
// limit, while data waits for a batch and while it has failed.
func TestMemory(t *testing.T) {
	const bound = 4 << 20
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			sizeOfData(shape(0))
			bestOf(t, func() bool { return memoryHolds(t, shape, bound) })
		})
	}
}

// memoryHolds reports whether a relay that is given data until it drops some keeps its
// limit.
func memoryHolds(t *testing.T, shape func(i int) *metricdata.ResourceMetrics, bound int64) bool {
	tried := make(chan struct{}, 1)
	x := &target{export: func(context.Context, int) error {
		select {
		case tried <- struct{}{}:
		default:
		}
		return errTarget
	}}
	r := newRelay(t, x, WithMaxMemory(bound), WithQueueSize(1<<20), WithBatchSize(1<<19), WithMaxBatchAge(time.Hour),
		WithRetry(RetryConfig{InitialBackoff: time.Hour, MaxElapsed: 24 * time.Hour}))
	before := live()
	for i := 0; r.Stats().Dropped.Memory == 0; i++ {
		r.Handle(shape(i))
	}
	s := balanced(t, r)
	assert.Zero(t, s.Dropped.QueueFull)
	assert.LessOrEqual(t, s.Memory, bound)
	assert.Greater(t, s.Memory, bound/2)
	waiting := live() - before

	given, cancel := context.WithCancel(t.Context())
	go func() { <-tried; cancel() }()
	require.ErrorIs(t, r.ForceFlush(given), context.Canceled)
	failed := live() - before

	ended, end := context.WithCancel(t.Context())
	end()
	require.Error(t, r.Shutdown(ended))
	<-r.ended
	assert.Zero(t, balanced(t, r).Memory)
	kept := live() - before
	t.Logf("%d points, %.2f of the bound while they wait, %.2f when one has failed, %.2f at the end", s.Queued,
		float64(waiting)/float64(bound), float64(failed)/float64(bound), float64(kept)/float64(bound))
	return waiting <= 2*bound && failed <= 2*bound && kept <= bound/4
}

// TestMemoryOrdinary: the default has room for the default queue of ordinary points.
func TestMemoryOrdinary(t *testing.T) {
	for name, packet := range map[string]func(i int) metricdata.Metrics{
		"counters": func(i int) metricdata.Metrics {
			var sum metricdata.Sum[int64]
			for k := range 50 {
				sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: five(i + k)})
			}
			return metricdata.Metrics{Name: "requests", Data: sum}
		},
		"histograms": func(i int) metricdata.Metrics {
			var h metricdata.Histogram[float64]
			bounds := make([]float64, 15)
			for k := range 50 {
				h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{Attributes: five(i + k), Bounds: bounds, BucketCounts: make([]uint64, 16)})
			}
			return metricdata.Metrics{Name: "duration", Description: "How long requests take.", Unit: "s", Data: h}
		},
	} {
		t.Run(name, func(t *testing.T) {
			attributes := five(0)
			service := resource.NewSchemaless(attributes.ToSlice()...)
			release := make(chan struct{})
			r := newRelay(t, &target{export: func(context.Context, int) error { <-release; return nil }})
			for i := range defaultQueueSize / 50 {
				r.Handle(holding(service, "scope", packet(i*50)))
			}
			s := balanced(t, r)
			t.Logf("%d bytes a point", s.Memory/int64(s.Queued))
			assert.Equal(t, uint64(defaultQueueSize/50*50), s.Queued)
			close(release)
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Zero(t, balanced(t, r).Memory)
		})
	}
}
