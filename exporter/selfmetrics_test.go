package exporter_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/relay"
)

// promised are the exporter's own metrics: name, kind and unit.
var promised = map[string]string{
	"stats.events.received":                        "counter {event}",
	"stats.events.sent":                            "counter {event}",
	"stats.events.dropped":                         "counter {event}",
	"stats.batches.sent":                           "counter {batch}",
	"stats.latency.buffer":                         "histogram s",
	"stats.latency.send":                           "histogram s",
	"stats.latency.e2e":                            "histogram s",
	"stats.buffer.size":                            "gauge {event}",
	"stats.buffer.utilization":                     "gauge 1",
	"stats.buffer.peak":                            "gauge {event}",
	"stats.udp.packets.sent":                       "counter {packet}",
	"stats.udp.bytes.sent":                         "counter By",
	"stats.udp.errors":                             "counter {error}",
	"stats.udp.packet.limit":                       "gauge By",
	"stats.health.status":                          "gauge ",
	"stats.circuit.state":                          "gauge ",
	"otel.sdk.exporter.metric_data_point.exported": "counter {data_point}",
	"otel.sdk.exporter.metric_data_point.inflight": "updowncounter {data_point}",
	"otel.sdk.exporter.operation.duration":         "histogram s",
}

// own is what was collected of an exporter's own metrics.
type own struct {
	kinds  map[string]string
	values map[string]float64 // by name and, if there is one, reason or error type
	sets   map[string]attribute.Set
}

func collectOwn(t *testing.T, reader sdkmetric.Reader) own {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	o := own{kinds: map[string]string{}, values: map[string]float64{}, sets: map[string]attribute.Set{}}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			o.add(&m)
		}
	}
	return o
}

func (o *own) add(m *metricdata.Metrics) {
	kind := "gauge"
	number := func(set attribute.Set, v float64) {
		name := m.Name
		for _, key := range []attribute.Key{"reason", "error.type"} {
			if v, ok := set.Value(key); ok {
				name += " " + v.AsString()
			}
		}
		o.values[name], o.sets[name] = v, set
	}
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		kind = "counter"
		if !d.IsMonotonic {
			kind = "updowncounter"
		}
		for _, p := range d.DataPoints {
			number(p.Attributes, float64(p.Value))
		}
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			number(p.Attributes, float64(p.Value))
		}
	case metricdata.Gauge[float64]:
		for _, p := range d.DataPoints {
			number(p.Attributes, p.Value)
		}
	case metricdata.Histogram[float64]:
		kind = "histogram"
		for _, p := range d.DataPoints {
			number(p.Attributes, float64(p.Count))
		}
	}
	o.kinds[m.Name] = kind + " " + m.Unit
}

// TestLeftOutIsObserved: what an encoding cannot say is observed, too, by reason.
func TestLeftOutIsObserved(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, server.Close()) }()
	e, err := exporter.New(t.Context(), exporter.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
		exporter.WithEndpoint(server.LocalAddr().String()), exporter.WithEncoding(exporter.DogStatsD))
	require.NoError(t, err)
	rm := counters(1, 3)
	for range 2 {
		require.NoError(t, e.Export(t.Context(), rm))
	}
	require.NoError(t, e.ForceFlush(t.Context()))
	unchanged := e.Stats().LeftOut.Unchanged
	assert.GreaterOrEqual(t, unchanged, uint64(3))
	o := collectOwn(t, reader)
	assert.Equal(t, "counter {event}", o.kinds["stats.encoding.left_out"])
	assert.Equal(t, float64(unchanged), o.values["stats.encoding.left_out unchanged"])
	assert.NotContains(t, o.values, "stats.encoding.left_out collisions", "what never was")
	require.NoError(t, e.Shutdown(t.Context()))
}

// TestSelfMetrics: every instrument exists under its name, says what Stats says, and is
// gone after Shutdown.
func TestSelfMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	c := connect(t, exporter.WithMeterProvider(provider), exporter.WithBufferSize(1024))
	require.NoError(t, c.exp.Export(t.Context(), counters(10, 100)))
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.Error(t, c.exp.Export(over, counters(100, 1000)), "it does not fit")
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	require.Eventually(t, func() bool { return collectOwn(t, reader).values["stats.latency.e2e"] > 0 }, 30*time.Second, 20*time.Millisecond)
	s := c.exp.Stats()
	o := collectOwn(t, reader)
	for after := c.exp.Stats(); after.Packets != s.Packets; after = c.exp.Stats() { // a report went out in between
		s = after
		o = collectOwn(t, reader)
	}
	assert.Equal(t, promised, o.kinds)
	assert.Positive(t, s.Dropped.Deadline)
	for name, want := range map[string]uint64{
		"stats.events.received": s.Offered, "stats.events.sent": s.Sent, "stats.events.dropped deadline": s.Dropped.Deadline,
		"stats.batches.sent": s.Batches, "stats.buffer.size": 0, "stats.buffer.peak": uint64(s.Peak),
		"stats.udp.packets.sent": s.Packets, "stats.udp.bytes.sent": s.Bytes, "stats.udp.errors": 0, "stats.udp.packet.limit": 7800,
		"stats.circuit.state":                                   0,
		"otel.sdk.exporter.metric_data_point.exported":          s.Sent,
		"otel.sdk.exporter.metric_data_point.exported deadline": s.Dropped.Deadline,
		"otel.sdk.exporter.metric_data_point.inflight":          0,
		"otel.sdk.exporter.operation.duration":                  1, "otel.sdk.exporter.operation.duration timeout": 1,
	} {
		got, ok := o.values[name]
		assert.True(t, ok, name)
		assert.InDelta(t, want, got, 0, name)
	}
	assert.Positive(t, s.Batches)
	assert.LessOrEqual(t, s.Batches, s.Packets)
	assert.Positive(t, s.Peak)
	assert.Contains(t, o.values, "stats.buffer.utilization")
	assert.Equal(t, o.values["stats.latency.buffer"], o.values["stats.latency.send"])
	reasons := 0
	for name := range o.values {
		if strings.HasPrefix(name, "stats.events.dropped ") {
			reasons++
		}
	}
	assert.Equal(t, 1, reasons, "a reason that never occurred is not observed")
	set := o.sets["otel.sdk.exporter.metric_data_point.exported"]
	for key, want := range map[attribute.Key]string{
		"otel.component.type": "github.com/otelgram/otelgram/exporter.Exporter", "server.address": "127.0.0.1",
	} {
		v, _ := set.Value(key)
		assert.Equal(t, want, v.AsString())
	}
	name, _ := set.Value("otel.component.name")
	assert.Regexp(t, `^github.com/otelgram/otelgram/exporter.Exporter/\d+$`, name.AsString())
	assert.True(t, set.HasValue("server.port"))

	_ = c.exp.Shutdown(t.Context())
	after := collectOwn(t, reader)
	assert.NotContains(t, after.kinds, "stats.events.received")
	require.NoError(t, provider.Shutdown(t.Context()))
}

// TestDataPoints: otel.sdk.exporter.* are about data points. An event that is lost before
// it becomes a data point does not count there, and a reason is there once a point was
// dropped for it.
func TestDataPoints(t *testing.T) {
	const name = "otel.sdk.exporter.metric_data_point.exported"
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	c := connect(t, exporter.WithMeterProvider(provider), exporter.WithBufferSize(1024), exporter.WithFlushInterval(0))
	failed := func() (types []string) {
		for metric := range collectOwn(t, reader).values {
			if errorType, ok := strings.CutPrefix(metric, name+" "); ok {
				types = append(types, errorType)
			}
		}
		return types
	}
	assert.Empty(t, failed(), "none has failed")
	rm := counters(1, 1)
	rm.ScopeMetrics[0].Metrics[0].Data = metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Time: time.Unix(1<<40, 0)}}}
	require.NoError(t, c.exp.Export(t.Context(), rm))
	assert.Equal(t, []string{"invalid"}, failed(), "a data point")
	end := time.Now().Add(20 * time.Second)
	for n := 0; n < 100_000 || c.exp.Stats().Dropped.RingFull == 0 && time.Now().Before(end); n++ {
		c.exp.RecordMetric("m", 1)
	}
	c.exp.RecordMetric("m", -1)
	assert.Empty(t, failed(), "measurements, or perhaps")
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	s := c.exp.Stats()
	assert.Positive(t, s.Dropped.RingFull)
	assert.Positive(t, s.Dropped.Invalid)
	o := collectOwn(t, reader)
	assert.InDelta(t, s.Sent, o.values[name], 0)
	assert.Zero(t, o.values["otel.sdk.exporter.metric_data_point.inflight"])
	require.Error(t, c.exp.Export(t.Context(), data(metricdata.Metrics{Name: "without data"})))
	assert.Equal(t, []string{"encode"}, failed())
	require.NoError(t, c.exp.Shutdown(t.Context()))
	require.NoError(t, provider.Shutdown(t.Context()))
}

var globalSet atomic.Bool

// TestSelfMetricsShipped: the exporter carries its own metrics, which go to a global
// provider that is set later. It does not say more and more about itself. The globals
// delegate only once a process.
func TestSelfMetricsShipped(t *testing.T) {
	if globalSet.Swap(true) {
		t.Skip("it has run in this process")
	}
	var mu sync.Mutex
	arrived := map[string]bool{}
	r, err := receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) {
		mu.Lock()
		defer mu.Unlock()
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				arrived[m.Name] = true
			}
		}
	})
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()))
	require.NoError(t, err)
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp, sdkmetric.WithInterval(50*time.Millisecond))))
	otel.SetMeterProvider(mp)
	defer otel.SetMeterProvider(noop.NewMeterProvider())
	require.False(t, exp.RecordMetric("", 1), "for a drop reason")
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for name := range promised {
			if !arrived[name] {
				return false
			}
		}
		return true
	}, 30*time.Second, 10*time.Millisecond)
	before, since := exp.Stats(), time.Now()
	<-time.After(testsize.Pick(time.Second, 2*time.Second))
	perSecond := float64(exp.Stats().Sent-before.Sent) / time.Since(since).Seconds()
	assert.Less(t, perSecond, 20*50*1.5, "some forty series, twenty times a second, and no more")
	require.NoError(t, mp.Shutdown(t.Context()))
	books(t, exp, r)
	require.NoError(t, r.Close())
}

// TestOutcomes: the type of its error tells the outcome of an Export, until Shutdown.
func TestOutcomes(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	c := connect(t, exporter.WithMeterProvider(provider), exporter.WithBufferSize(1024))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.exp.Export(over, counters(100, 1000)), context.Canceled)
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.exp.Export(late, counters(100, 1000)), context.DeadlineExceeded)
	rm := counters(1, 1)
	rm.ScopeMetrics[0].Metrics[0].Data = nil
	require.Error(t, c.exp.Export(t.Context(), rm))
	require.NoError(t, c.exp.Export(t.Context(), counters(1, 1)))
	_ = c.exp.Shutdown(t.Context())
	require.Error(t, c.exp.Export(t.Context(), counters(1, 1)))
	const name = "otel.sdk.exporter.operation.duration"
	o := collectOwn(t, reader)
	for _, outcome := range []string{"", " canceled", " timeout", " rejected"} {
		assert.InDelta(t, 1, o.values[name+outcome], 0, outcome)
	}
	assert.NotContains(t, o.values, name+" already_shutdown")
	require.NoError(t, provider.Shutdown(t.Context()))
}

// TestShutdownWhileACallbackHangs: a callback of the user's, on the provider of the
// self-metrics, holds up the SDK and not Shutdown.
func TestShutdownWhileACallbackHangs(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	hangs, release, collected := make(chan struct{}), make(chan struct{}), make(chan struct{})
	_, err := provider.Meter("other").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		close(hangs)
		<-release
		return nil
	}))
	require.NoError(t, err)
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {}, receiver.WithMeterProvider(provider))
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithMeterProvider(provider))
	require.NoError(t, err)
	go func() {
		defer close(collected)
		_ = reader.Collect(context.Background(), &metricdata.ResourceMetrics{})
	}()
	<-hangs
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.NoError(t, exp.Shutdown(ctx), "it is released only after that")
	require.NoError(t, r.Close())
	close(release)
	<-collected
	require.NoError(t, provider.Shutdown(t.Context()))
}

// TestCallbacksShutDown: a callback of the user's, on the provider of the self-metrics, shuts down
// what another goroutine is shutting down, or what nobody else is. Nobody waits in a circle.
func TestCallbacksShutDown(t *testing.T) {
	for _, both := range []bool{false, true} {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithMeterProvider(provider))
		require.NoError(t, err)
		forward, err := relay.New(exp, relay.WithMeterProvider(provider))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
		defer cancel()
		_, err = provider.Meter("other").Int64ObservableGauge("g", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
			if both {
				go func() { _ = forward.Shutdown(ctx) }()
				require.Eventually(t, func() bool { return forward.ForceFlush(ctx) != nil }, patience, time.Millisecond)
			}
			within(t, "Shutdown of the relay", func() { assert.NoError(t, forward.Shutdown(ctx)) })
			within(t, "Shutdown of the exporter", func() { assert.NoError(t, exp.Shutdown(ctx)) })
			return nil
		}))
		require.NoError(t, err)
		require.NoError(t, reader.Collect(ctx, &metricdata.ResourceMetrics{}))
		require.NoError(t, provider.Shutdown(t.Context()))
	}
}

// refusing is a provider that returns an error for each instrument.
type refusing struct {
	noop.MeterProvider
	callback metric.Callback
}

func (r *refusing) Meter(string, ...metric.MeterOption) metric.Meter {
	return &refusingMeter{provider: r}
}

type refusingMeter struct {
	noop.Meter
	provider *refusing
}

var errRefused = errors.New("no such instrument here")

func (*refusingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errRefused
}

func (*refusingMeter) Int64ObservableGauge(string, ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return nil, errRefused
}

func (m *refusingMeter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.provider.callback = f
	return noop.Registration{}, nil
}

// TestRefusedInstruments: the errors are reported, and the exporter works without the
// instruments.
func TestRefusedInstruments(t *testing.T) {
	reported := make(chan error, 16)
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported <- err }))
	defer otel.SetErrorHandler(before)
	p := &refusing{}
	c := connect(t, exporter.WithMeterProvider(p))
	for _, of := range []string{"histograms", "others"} {
		require.ErrorIs(t, <-reported, errRefused, of)
	}
	require.NoError(t, c.exp.Export(t.Context(), counters(1, 1)))
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	require.NoError(t, p.callback(t.Context(), noop.Observer{}))
	own, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {}, receiver.WithMeterProvider(p))
	require.NoError(t, err)
	require.ErrorIs(t, <-reported, errRefused)
	require.NoError(t, p.callback(t.Context(), noop.Observer{}))
	require.NoError(t, own.Close())
	assert.Empty(t, reported, "all at once")
}
