package exporter_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

const producers, perProducer = 2, 300_000

// pressureFor is how long the producers go on at least, after their count.
var pressureFor = flag.Duration("pressure", testsize.Pick(0, 10*time.Second), "how long TestPressureBooks overloads each strategy at least")

// overload makes the producers call record as fast as they can. The argument n counts the
// calls of one producer.
func overload(record func(producer, n int)) { overloadFor(0, record) }

// overloadFor goes on for d, a thousand calls at a time, and returns how many
// calls there were.
func overloadFor(d time.Duration, record func(producer, n int)) uint64 {
	var calls atomic.Uint64
	start := time.Now()
	var group sync.WaitGroup
	for p := range producers {
		group.Go(func() {
			n := 0
			for n < perProducer || n%1000 > 0 || time.Since(start) < d {
				record(p, n)
				n++
			}
			calls.Add(uint64(n))
		})
	}
	group.Wait()
	return calls.Load()
}

// underPressure opens an exporter that sends every event as a point at a slow pace.
func underPressure(t *testing.T, handle func(*metricdata.ResourceMetrics), opts ...exporter.Option) (*exporter.Exporter, *receiver.Receiver) {
	t.Helper()
	// A slow handler, as under the race detector, is not what is tested.
	r, err := receiver.Listen("127.0.0.1:0", handle, receiver.WithQueueSize(1<<14))
	require.NoError(t, err)
	opts = append([]exporter.Option{exporter.WithEndpoint(r.Addr().String()), exporter.WithFlushInterval(0)}, opts...)
	exp, err := exporter.New(t.Context(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = exp.Shutdown(context.Background())
		require.NoError(t, r.Close())
	})
	return exp, r
}

// drained shuts exp down when all is sent, and returns its books and what of them the
// receiver delivered.
func drained(t *testing.T, exp *exporter.Exporter, r *receiver.Receiver) exporter.Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, exp.ForceFlush(ctx))
	require.NoError(t, exp.Shutdown(ctx))
	s := requireBooks(t, exp)
	assert.Zero(t, s.Queued)
	p := books(t, exp, r)
	require.Equal(t, s.Sent, p.Delivered, "%+v", r.Stats())
	return s
}

// TestPressureBooks: whatever the strategy, each event is sent, or counted once for a
// reason of that strategy.
func TestPressureBooks(t *testing.T) {
	tests := []struct {
		name     string
		strategy drop.Strategy
		reasons  func(exporter.Dropped) uint64 // the reasons that may occur
	}{
		{"newest", drop.Newest(), func(d exporter.Dropped) uint64 { return d.RingFull }},
		{"oldest", drop.Oldest(), func(d exporter.Dropped) uint64 { return d.Evicted + d.RingFull }},
		{"priority", drop.ByPriority(), func(d exporter.Dropped) uint64 { return d.Priority + d.RingFull }},
		{"sampled", drop.Sampled(), func(d exporter.Dropped) uint64 { return d.Sampled + d.RingFull }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			exp, r := underPressure(t, func(*metricdata.ResourceMetrics) {}, exporter.WithBufferSize(2048), exporter.WithPacing(100, 4),
				exporter.WithDropStrategy(tt.strategy), exporter.WithPriority("low*", drop.Low), exporter.WithPriority("high*", drop.High))
			names := [...]string{"low", "normal", "high"}
			var refused atomic.Uint64
			calls := overloadFor(*pressureFor, func(_, n int) {
				if !exp.RecordMetric(names[n%3], 1, exporter.Tag{Key: "k", Value: names[n%2]}) {
					refused.Add(1)
				}
				if n%1000 == 0 {
					s := exp.Stats()
					assert.LessOrEqual(t, s.Sent+s.Dropped.Total(), s.Offered)
				}
			})
			s := drained(t, exp, r)
			assert.Equal(t, calls, s.Offered, "%+v", s)
			assert.Equal(t, tt.reasons(s.Dropped), s.Dropped.Total(), "%+v", s.Dropped)
			assert.Equal(t, refused.Load(), s.Dropped.Total()-s.Dropped.Evicted, "false means dropped, and only that")
			assert.Greater(t, s.Dropped.Total(), s.Offered/2, "it was an overload")
			t.Logf("%+v", s)
		})
	}
}

// TestPressureKeepsHighPriority: events of high priority get through, if they alone fit.
func TestPressureKeepsHighPriority(t *testing.T) {
	var high atomic.Uint64
	handle := func(rm *metricdata.ResourceMetrics) {
		one := []*metricdata.ResourceMetrics{rm}
		for _, v := range append(values(one, "http.errors"), values(one, "disk.errors")...) {
			high.Add(uint64(v.(float64)))
		}
	}
	exp, r := underPressure(t, handle, exporter.WithBufferSize(4096), exporter.WithPacing(200, 4), exporter.WithDropStrategy(drop.ByPriority()),
		exporter.WithPriority("*.errors", drop.High), exporter.WithPriority("debug.*", drop.Low), exporter.WithPriority("debug.errors", drop.Low))
	var lost atomic.Uint64
	names := [...]string{"debug.cache", "http.requests", "debug.errors"}
	overload(func(p, n int) {
		if n%1000 == 999 { // 600 in all: less than the quarter kept for them
			if !exp.RecordMetric([]string{"http.errors", "disk.errors"}[p], 1) {
				lost.Add(1)
			}
			return
		}
		exp.RecordMetric(names[n%3], 1)
	})
	s := drained(t, exp, r)
	assert.Zero(t, lost.Load(), "%+v", s.Dropped)
	assert.Equal(t, uint64(producers*perProducer/1000), high.Load())
	assert.Positive(t, s.Dropped.Priority)
}

// TestPressureKeepsTheNewest: Oldest delivers the newest of what came. If a producer is
// preempted in the middle of a push for long, the others lose what they record meanwhile:
// the best of a few tries counts.
func TestPressureKeepsTheNewest(t *testing.T) {
	const buffer, tries, attempts = 2048, 3, 4 // a record evicts so often before it gives up
	missing := buffer
	for try := 0; try < tries && missing >= buffer/100; try++ {
		var s exporter.Stats
		missing, s = missingOfTheNewest(t, buffer)
		assert.Positive(t, s.Dropped.Evicted)
		assert.LessOrEqual(t, uint64(missing), (1+attempts)*s.Dropped.RingFull,
			"of the newest, only what lost a race for room is missing, and what was evicted for it in vain")
	}
	assert.Less(t, missing, buffer/100, "in the best of %d tries", tries)
}

// missingOfTheNewest is how many of the newest events, nine tenths of a ring of that
// size, do not arrive, and the books.
func missingOfTheNewest(t *testing.T, buffer int) (missing int, s exporter.Stats) {
	t.Helper()
	const events = producers * perProducer
	delivered := make([]atomic.Bool, events+1)
	handle := func(rm *metricdata.ResourceMetrics) {
		for _, v := range values([]*metricdata.ResourceMetrics{rm}, "g") {
			delivered[v.(int64)].Store(true)
		}
	}
	exp, r := underPressure(t, handle, exporter.WithBufferSize(buffer), exporter.WithPacing(200, 4), exporter.WithDropStrategy(drop.Oldest()))
	g, err := exp.MeterProvider().Meter("m").Int64Gauge("g")
	require.NoError(t, err)
	bound := bind(g, nil)
	var number atomic.Int64
	overload(func(int, int) { bound.Record(context.Background(), number.Add(1)) })
	s = drained(t, exp, r)
	for i := events - buffer*9/10; i <= events; i++ {
		if !delivered[i].Load() {
			missing++
		}
	}
	return missing, s
}

// TestPressureSampledIsUnbiased: no event is lost for lack of room. Sums and distributions
// of what is kept equal those of all events, within two percent or, if few were kept, five
// standard deviations.
func TestPressureSampledIsUnbiased(t *testing.T) {
	var mu sync.Mutex
	sum, count, variance := 0.0, 0.0, 0.0
	handle := func(rm *metricdata.ResourceMetrics) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range rm.ScopeMetrics[0].Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[float64]:
				for i := range d.DataPoints {
					sum += d.DataPoints[i].Value
				}
			case metricdata.Histogram[float64]:
				for i := range d.DataPoints { // one event of this weight
					weight := float64(d.DataPoints[i].Count)
					count += weight
					variance += weight * (weight - 1)
				}
			}
		}
	}
	exp, r := underPressure(t, handle, exporter.WithBufferSize(16384), exporter.WithPacing(1000, 32), exporter.WithDropStrategy(drop.Sampled()))
	wantSum, wantCount := 0.0, float64(producers*perProducer)
	for n := range perProducer {
		wantSum += producers * value(n)
	}
	overload(func(_, n int) {
		exp.RecordMetric("n", value(n))
		exp.RecordSample("h", 1)
	})
	s := drained(t, exp, r)
	assert.Zero(t, s.Dropped.RingFull, "%+v", s.Dropped)
	assert.Positive(t, s.Dropped.Sampled)
	mu.Lock()
	defer mu.Unlock()
	deviation := math.Sqrt(variance) / wantCount
	t.Logf("%d of %d kept, deviation %.4f, errors %.4f and %.4f", s.Sent, s.Offered, deviation, sum/wantSum-1, count/wantCount-1)
	assert.InEpsilon(t, wantCount, count, max(0.02, 5*deviation))
	assert.InEpsilon(t, wantSum, sum, max(0.02, 6*deviation), "its values differ, too")
}

func value(n int) float64 { return float64(1 + n%10) }

// TestNothingWaits: a million calls return whatever the pump and the network do.
func TestNothingWaits(t *testing.T) {
	tests := []struct {
		name       string
		aggregated bool
		opts       []exporter.Option
	}{
		{"the name never resolves", true, []exporter.Option{exporter.WithEndpoint("no-such-name.invalid:4319")}},
		{"the name never resolves, every event a point", false, []exporter.Option{
			exporter.WithEndpoint("no-such-name.invalid:4319"), exporter.WithFlushInterval(0)}},
		{"a packet a second", false, []exporter.Option{exporter.WithEndpoint(silent(t)), exporter.WithPacing(1, 1), exporter.WithFlushInterval(0)}},
		{"a packet a second, oldest", false, []exporter.Option{exporter.WithEndpoint(silent(t)), exporter.WithPacing(1, 1),
			exporter.WithFlushInterval(0), exporter.WithDropStrategy(drop.Oldest()), exporter.WithBufferSize(2)}},
		{"a packet a second, series", true, []exporter.Option{exporter.WithEndpoint(silent(t)), exporter.WithPacing(1, 1),
			exporter.WithFlushInterval(time.Millisecond), exporter.WithBufferSize(64)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			exp, err := exporter.New(t.Context(), tt.opts...)
			require.NoError(t, err)
			tags := make([]exporter.Tag, 100)
			for i := range tags {
				tags[i] = exporter.Tag{Key: "i", Value: fmt.Sprint(i)}
			}
			const calls = 1_000_000
			taken := 0
			start := time.Now()
			for n := range calls {
				if exp.RecordMetric("n", 1, tags[n%len(tags)]) {
					taken++
				}
			}
			assert.Less(t, time.Since(start), 20*time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_ = exp.Shutdown(ctx)
			s := requireBooks(t, exp)
			assert.Zero(t, s.Queued)
			if tt.aggregated {
				assert.Equal(t, calls, taken)
			} else {
				assert.GreaterOrEqual(t, s.Offered, uint64(calls))
			}
			t.Logf("%v a call, %+v", time.Since(start)/calls, s)
		})
	}
}

// TestPressureAndShutdown stops exporters in the middle of an overload: the
// books close all the same.
func TestPressureAndShutdown(t *testing.T) {
	for i, s := range []drop.Strategy{drop.Newest(), drop.Oldest(), drop.ByPriority(), drop.Sampled()} {
		for _, interval := range []time.Duration{0, time.Hour} {
			for round := range 25 {
				exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithBufferSize(64), exporter.WithPacing(1000, 1),
					exporter.WithDropStrategy(s), exporter.WithFlushInterval(interval))
				require.NoError(t, err)
				n, err := exp.MeterProvider().Meter("m").Int64Counter("n")
				require.NoError(t, err)
				bound := bind(n, []attribute.KeyValue{attribute.Int("i", i)})
				var group sync.WaitGroup
				begun := make(chan struct{}, 4)
				for range 4 {
					group.Go(func() {
						for j := range 3000 {
							if j == 100 {
								begun <- struct{}{}
							}
							bound.Add(context.Background(), 1)
						}
					})
				}
				<-begun
				ctx, cancel := context.WithCancel(t.Context())
				if round%2 == 0 {
					cancel()
				}
				_ = exp.Shutdown(ctx)
				cancel()
				group.Wait()
				stats := requireBooks(t, exp)
				require.Zero(t, stats.Queued, "%T, interval %v, round %d: %+v", s, interval, round, stats)
				if interval == 0 {
					require.GreaterOrEqual(t, stats.Offered, uint64(12_000))
				}
			}
		}
	}
}

// TestNamesAreBounded: the memory for names is bounded like all memory, however
// many there are.
func TestNamesAreBounded(t *testing.T) {
	const budget, names = 1 << 20, 200_000
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithBufferSize(1024),
		exporter.WithMaxMemory(budget), exporter.WithFlushInterval(never))
	require.NoError(t, err)
	before := allocs.Heap()
	for i := range names {
		exp.RecordMetric(fmt.Sprint("name.", i), 1)
	}
	require.NoError(t, exp.ForceFlush(t.Context()))
	assert.Less(t, allocs.Heap()-before, int64(16*budget), "bytes for names of which most have no series")
	s := requireBooks(t, exp)
	assert.Equal(t, uint64(names), s.Offered, "a point of each series, and what was refused")
	assert.Positive(t, s.Dropped.Memory)
	require.NoError(t, exp.Shutdown(t.Context()))
}
