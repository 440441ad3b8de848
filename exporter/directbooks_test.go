package exporter_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// TestDirectAfterShutdown: instruments only count what is lost, whether they or their meter
// are new or old.
func TestDirectAfterShutdown(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	mp := c.exp.MeterProvider()
	early := mp.Meter("without instruments")
	all := eight(mp.Meter("m"))
	for _, i := range eight(mp.Meter("m")) {
		all = append(all, i.bind(attribute.Int("a", 1)))
	}
	for _, i := range all {
		i.record(t.Context(), 3)
	}
	require.NoError(t, c.exp.Shutdown(t.Context()))
	assert.Equal(t, exporter.Dropped{}, requireBooks(t, c.exp).Dropped)
	for _, i := range all {
		i.record(t.Context(), 3)
		i.record(t.Context(), 3, metric.WithAttributes(attribute.Int("b", 2)))
		i.bind(attribute.Int("c", 3)).record(t.Context(), 3)
	}
	assert.False(t, c.exp.RecordMetric("n", 1))
	assert.False(t, c.exp.RecordGauge("n", 1))
	assert.False(t, c.exp.RecordSample("n", 1))
	assert.False(t, c.exp.RecordMetric("n", -1), "still invalid in the first place")
	assert.Equal(t, exporter.Dropped{Shutdown: 3*16 + 3, Invalid: 1}, requireBooks(t, c.exp).Dropped)
	assert.Same(t, mp, c.exp.MeterProvider())
	for _, m := range []metric.Meter{early, c.exp.MeterProvider().Meter("later"), mp.Meter("m")} {
		for _, i := range eight(m) {
			assert.True(t, i.enabled(t.Context()), "it has to be told to count")
			i.record(t.Context(), 3)
			i.bind(attribute.Int("c", 3)).record(t.Context(), 3)
		}
	}
	assert.Equal(t, exporter.Dropped{Shutdown: 3*16 + 3 + 3*16, Invalid: 1}, requireBooks(t, c.exp).Dropped)
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	require.NoError(t, c.exp.Shutdown(t.Context()))
	assert.Zero(t, c.exp.Stats().Queued)
}

// TestDirectOpenedAfterShutdown: the direct path may be used first after Shutdown. TestMain
// finds goroutines that are left behind.
func TestDirectOpenedAfterShutdown(t *testing.T) {
	for _, first := range []func(*exporter.Exporter){
		func(e *exporter.Exporter) {
			c, err := e.MeterProvider().Meter("m").Int64Counter("n")
			require.NoError(t, err)
			c.Add(t.Context(), 1)
		},
		func(e *exporter.Exporter) { assert.False(t, e.RecordMetric("n", 1)) },
	} {
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)))
		require.NoError(t, err)
		require.NoError(t, exp.Shutdown(t.Context()))
		first(exp)
		assert.False(t, exp.RecordGauge("n", 1))
		require.NoError(t, exp.ForceFlush(t.Context()))
		require.NoError(t, exp.Shutdown(t.Context()))
		s := requireBooks(t, exp)
		assert.Equal(t, s.Offered, s.Dropped.Shutdown)
		assert.Equal(t, uint64(2), s.Offered)
		assert.Zero(t, s.Queued)
	}
}

// TestDirectOpenedWhileShutDown: the first use and Shutdown meet.
func TestDirectOpenedWhileShutDown(t *testing.T) {
	for range 50 {
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)))
		require.NoError(t, err)
		var group sync.WaitGroup
		taken := atomic.Uint64{}
		for range 3 {
			group.Go(func() {
				if exp.RecordMetric("n", 1) {
					taken.Add(1)
				}
			})
		}
		group.Go(func() { _ = exp.Shutdown(t.Context()) }) // its error is about what came too late
		group.Wait()
		s := requireBooks(t, exp)
		assert.Equal(t, 3-taken.Load(), s.Dropped.Shutdown)
		assert.Zero(t, s.Queued)
	}
}

// TestDirectConcurrentSafe uses everything at once, with Shutdown in the
// middle: in traffic the books are bounded, at rest they close.
func TestDirectConcurrentSafe(t *testing.T) {
	for _, interval := range []time.Duration{0, 20 * time.Millisecond} {
		t.Run(fmt.Sprint(interval), func(t *testing.T) {
			r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {})
			require.NoError(t, err)
			const buffer, callers = 1024, 8
			exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithBufferSize(buffer),
				exporter.WithPacing(0, 0), exporter.WithFlushInterval(interval), exporter.WithMaxPacketSize(1472))
			require.NoError(t, err)
			// What ring, run, packets and callers in flight can hold, see Stats.
			const packets, perPacket, run = 33, 1472 / 4, 100
			bound := uint64(buffer + packets*perPacket + run + 2*callers)
			var group sync.WaitGroup
			for g := range callers {
				group.Go(func() {
					for n := range 100 {
						useEverything(t, exp, g, n)
						requireBounded(t, exp, bound)
						if g == 0 && n == 70 {
							_ = exp.Shutdown(t.Context()) // what was dropped is counted
						}
					}
				})
			}
			group.Wait()
			s := requireBooks(t, exp)
			assert.Zero(t, s.Queued)
			assert.Positive(t, s.Dropped.Shutdown)
			assert.Positive(t, s.Dropped.Invalid)
			assert.Positive(t, s.Sent)
			books(t, exp, r)
			require.NoError(t, r.Close())
		})
	}
}

// useEverything calls every method of exp.
func useEverything(t *testing.T, exp *exporter.Exporter, g, n int) {
	m := exp.MeterProvider().Meter(fmt.Sprint("m", n%3))
	for _, i := range eight(m) {
		set := attribute.Int("n", n%5)
		for range 5 {
			i.record(t.Context(), float64(n))
			i.record(t.Context(), float64(n), metric.WithAttributes(set))
			i.bind(set).record(t.Context(), float64(n))
		}
	}
	o, err := m.Int64ObservableGauge("o")
	assert.NoError(t, err)
	callback := func(_ context.Context, to metric.Observer) error {
		to.ObserveInt64(o, int64(n))
		return nil
	}
	if registration, err := m.RegisterCallback(callback, o); assert.NoError(t, err) {
		defer func() { assert.NoError(t, registration.Unregister()) }()
	}
	exp.RecordMetric("n", 1, exporter.Tag{Key: "g", Value: fmt.Sprint(g)})
	exp.RecordMetric("n", -1)
	exp.RecordSample("s", 1)
	exp.RecordGauge("g", 1)
	if n%10 == g {
		if err := exp.ForceFlush(t.Context()); err != nil {
			assert.ErrorIs(t, err, context.DeadlineExceeded, "callbacks have no more than the interval, and many goroutines wait here")
		}
	}
}

// TestBlockedCallbackAndShutdown: Shutdown gives up with its context, and a
// second one, whose context ends sooner, does not wait for the first.
func TestBlockedCallbackAndShutdown(t *testing.T) {
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithFlushInterval(never))
	require.NoError(t, err)
	entered, release := make(chan struct{}, 2), make(chan struct{})
	_, err = exp.MeterProvider().Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		entered <- struct{}{}
		<-release
		return nil
	}))
	require.NoError(t, err)
	long, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	first := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(first)
		_ = exp.Shutdown(long)
	}()
	<-entered
	short, cancelShort := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelShort()
	_ = exp.Shutdown(short)
	assert.Less(t, time.Since(start), time.Second, "the second Shutdown")
	<-first
	assert.Less(t, time.Since(start), 5*time.Second, "the first Shutdown")
	close(release)
	requireBooks(t, exp)
}

// TestBlockedCallbackLosesNothingElse: what instruments recorded is sent
// although a callback never returns.
func TestBlockedCallbackLosesNothingElse(t *testing.T) {
	t.Parallel()
	c := connect(t, exporter.WithFlushInterval(never))
	release := make(chan struct{})
	m := c.exp.MeterProvider().Meter("m")
	n, err := m.Int64Counter("n")
	require.NoError(t, err)
	n.Add(t.Context(), 3)
	_, err = m.Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		<-release
		return nil
	}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_ = c.exp.Shutdown(ctx)
	close(release)
	assert.Equal(t, uint64(1), c.exp.Stats().Sent, "%+v", c.exp.Stats())
}

// TestUnsentSeriesAreCounted: if measurements were aggregated and their point is never
// sent, the books show it.
func TestUnsentSeriesAreCounted(t *testing.T) {
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithFlushInterval(never))
	require.NoError(t, err)
	for range 10 {
		require.True(t, exp.RecordMetric("n", 1))
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	err = exp.Shutdown(over)
	s := requireBooks(t, exp)
	if s.Sent == 0 {
		assert.Positive(t, s.Dropped.Total(), "%+v", s)
		assert.Error(t, err)
	}
}

// TestShutdownSendsEachSeriesOnce: the last collection is one collection.
func TestShutdownSendsEachSeriesOnce(t *testing.T) {
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithFlushInterval(never))
	require.NoError(t, err)
	require.True(t, exp.RecordMetric("n", 1))
	require.NoError(t, exp.Shutdown(t.Context()))
	assert.Equal(t, uint64(1), requireBooks(t, exp).Sent)
}

// TestCardinality: beyond 1,999 series an instrument has one more for the others.
func TestCardinality(t *testing.T) {
	for name, selector := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(selector))
			n, err := c.exp.MeterProvider().Meter("m").Int64Counter("n")
			require.NoError(t, err)
			for i := range 2500 {
				n.Add(t.Context(), int64(i), metric.WithAttributes(attribute.Int("i", i)))
			}
			overflow := attribute.Bool("otel.metric.overflow", true)
			bound := bind(n, []attribute.KeyValue{attribute.Int("i", 0)})
			late := bind(n, []attribute.KeyValue{attribute.Int("i", 2499)})
			bound.Add(t.Context(), 1)
			late.Add(t.Context(), 0)
			got := c.flush(t)
			for i := range 1999 {
				require.Equal(t, []any{int64(max(i, 1))}, values(got, "n", attribute.Int("i", i)))
			}
			rest := 0
			for i := 1999; i < 2500; i++ {
				rest += i
			}
			assert.Equal(t, []any{int64(rest)}, values(got, "n", overflow))
			s := requireBooks(t, c.exp)
			assert.Equal(t, [2]uint64{2000, 0}, [2]uint64{s.Sent, s.Dropped.Total()})
			if name == "cumulative" {
				for range 20 {
					require.Equal(t, 2000, len(lines(c.flush(t)...)))
				}
				return
			}
			for range 20 { // series without measurements are forgotten
				require.Empty(t, c.flush(t))
			}
			bound.Add(t.Context(), 5)
			late.Add(t.Context(), 6)
			n.Add(t.Context(), 7, metric.WithAttributes(attribute.Int("i", 9999)))
			got = c.flush(t)
			assert.Equal(t, []any{int64(5)}, values(got, "n", attribute.Int("i", 0)))
			assert.Equal(t, []any{int64(6)}, values(got, "n", attribute.Int("i", 2499)), "there is room now")
			assert.Equal(t, []any{int64(7)}, values(got, "n", attribute.Int("i", 9999)))
			assert.Equal(t, exporter.Dropped{}, requireBooks(t, c.exp).Dropped)
		})
	}
}

// TestObservedSetsChange: an observable's attribute sets may differ every time. As in the
// SDK, the sets of the last collection take no room.
func TestObservedSetsChange(t *testing.T) {
	for name, selector := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(selector))
			run := 0
			callback := metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				run++
				for i := range 1500 {
					o.Observe(int64(i), metric.WithAttributes(attribute.Int("i", i), attribute.Int("run", run)))
				}
				return nil
			})
			_, err := c.exp.MeterProvider().Meter("m").Int64ObservableGauge("g", callback)
			require.NoError(t, err)
			for range 3 {
				got := c.flush(t)
				assert.Equal(t, 1500, len(lines(got...)))
				assert.Empty(t, values(got, "g", attribute.Bool("otel.metric.overflow", true)))
			}
		})
	}
}

// TestEveryEventIsAPoint: this is so at flush interval 0.
func TestEveryEventIsAPoint(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(0))
	a := attribute.Int("a", 1)
	for _, i := range eight(c.exp.MeterProvider().Meter("m")) {
		i.record(t.Context(), 3)
		i.record(t.Context(), 2, metric.WithAttributes(a))
		i.record(t.Context(), 2)
		i.bind(a).record(t.Context(), 5)
	}
	want := map[string][2][]any{
		"ic": {{int64(3), int64(2)}, {int64(2), int64(5)}},
		"fc": {{3.0, 2.0}, {2.0, 5.0}},
		"iu": {{int64(3), int64(5)}, {int64(2), int64(7)}},
		"fu": {{3.0, 5.0}, {2.0, 7.0}},
		"ig": {{int64(3), int64(2)}, {int64(2), int64(5)}},
		"fg": {{3.0, 2.0}, {2.0, 5.0}},
		"ih": {{dist{1, int64(3), "[1 4] [0 1 0]"}, dist{1, int64(2), "[1 4] [0 1 0]"}}, {dist{1, int64(2), "[1 4] [0 1 0]"}, dist{1, int64(5), "[1 4] [0 0 1]"}}},
		"fh": {{dist{1, 3.0, "[1 4] [0 1 0]"}, dist{1, 2.0, "[1 4] [0 1 0]"}}, {dist{1, 2.0, "[1 4] [0 1 0]"}, dist{1, 5.0, "[1 4] [0 0 1]"}}},
	}
	got := c.receive(t, 32) // by age, without a flush
	for name, w := range want {
		assert.Equal(t, w[0], values(got, name), name)
		assert.Equal(t, w[1], values(got, name, a), name)
	}
	require.Eventually(t, func() bool { return c.exp.Stats().Queued == 0 }, 30*time.Second, time.Millisecond)
	s := requireBooks(t, c.exp)
	assert.Equal(t, [4]uint64{32, 32, 0, 0}, [4]uint64{s.Offered, s.Sent, s.Queued, s.Dropped.Total()})
	for _, line := range lines(got...) {
		assert.NotContains(t, line, "never", "every point has both times")
	}
}

// TestEveryEventIsOnePoint: at flush interval 0 observations are points like others, and
// ForceFlush repeats no event.
func TestEveryEventIsOnePoint(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(0))
	m := c.exp.MeterProvider().Meter("m")
	for _, i := range eight(m) {
		i.record(t.Context(), 3)
	}
	assert.Equal(t, 8, len(lines(c.flush(t)...)))
	_, err := m.Int64ObservableCounter("o", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(9)
		return nil
	}))
	require.NoError(t, err)
	for range 2 {
		got := c.flush(t)
		assert.Equal(t, []any{int64(9)}, values(got, "o"))
		assert.Equal(t, 1, len(lines(got...)))
	}
	require.NoError(t, c.exp.Shutdown(t.Context()))
	s := requireBooks(t, c.exp)
	assert.Equal(t, [2]uint64{11, 11}, [2]uint64{s.Offered, s.Sent})
}

// TestMaxMemory: new series find no room, known ones go on.
func TestMaxMemory(t *testing.T) {
	_, err := exporter.New(t.Context(), exporter.WithMaxMemory(100_000), exporter.WithBufferSize(1024))
	require.ErrorContains(t, err, "WithMaxMemory(100000)")
	var points, bytes, need int64
	_, scan := fmt.Sscanf(err.Error(), "otelgram: WithMaxMemory(100000): a queue of %d points and packets of %d bytes need %d bytes at least", &points, &bytes, &need)
	require.NoError(t, scan, err)
	assert.Equal(t, int64(1024), points)
	_, err = exporter.New(t.Context(), exporter.WithMaxMemory(need-1), exporter.WithBufferSize(1024))
	require.Error(t, err)
	_, err = exporter.New(t.Context(), exporter.WithMaxMemory(-1))
	require.ErrorContains(t, err, "WithMaxMemory(-1)")

	c := connect(t, exporter.WithMaxMemory(need), exporter.WithBufferSize(1024), exporter.WithFlushInterval(never))
	n, err := c.exp.MeterProvider().Meter("m").Int64Counter("n")
	require.NoError(t, err)
	const sets = 900
	known := bind(n, []attribute.KeyValue{attribute.Int("i", 0)})
	refused := bind(n, []attribute.KeyValue{attribute.Int("i", sets-1)})
	for range 2 {
		for i := range sets {
			n.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("i", i)))
		}
		known.Add(t.Context(), 1)
		refused.Add(t.Context(), 1)
		c.flush(t)
	}
	s := requireBooks(t, c.exp)
	assert.Equal(t, s.Dropped.Total(), s.Dropped.Memory)
	series := s.Sent / 2
	assert.Greater(t, series, uint64(50))
	assert.Less(t, series, uint64(sets))
	assert.Equal(t, 2*(sets-series)+2, s.Dropped.Memory)
	got := c.flush(t)
	assert.Equal(t, []any{int64(4)}, values(got, "n", attribute.Int("i", 0)))
	assert.Empty(t, values(got, "n", attribute.Int("i", sets-1)))
}
