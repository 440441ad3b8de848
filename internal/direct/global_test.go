package direct_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

var globalSet atomic.Bool

// TestGlobal: instruments and callbacks taken from OpenTelemetry's globals
// before the provider was set record once it is. The globals delegate only once
// a process, so this is the only such test in this binary.
func TestGlobal(t *testing.T) {
	if globalSet.Swap(true) {
		t.Skip("it has run in this process")
	}
	m := otel.Meter("early")
	n, err := m.Int64Counter("n")
	require.NoError(t, err)
	h, err := m.Float64Histogram("h", metric.WithExplicitBucketBoundaries(1))
	require.NoError(t, err)
	own, err := m.Int64ObservableGauge("own", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(1)
		return nil
	}))
	require.NoError(t, err)
	observed, err := m.Float64ObservableUpDownCounter("observed")
	require.NoError(t, err)
	runs := 0
	registration, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		runs++
		o.ObserveFloat64(observed, 2.5)
		o.ObserveInt64(own, 7, metric.WithAttributes(attribute.Bool("registered", true)))
		return nil
	}, observed, own)
	require.NoError(t, err)
	n.Add(t.Context(), 100) // before, there is no provider

	arrived := make(chan *metricdata.ResourceMetrics, 16)
	r, err := receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) { arrived <- rm })
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithFlushInterval(10_000*time.Hour))
	require.NoError(t, err)
	otel.SetMeterProvider(exp.MeterProvider())
	n.Add(t.Context(), 3)
	h.Record(t.Context(), 0.5)
	late, err := otel.Meter("late").Int64UpDownCounter("late")
	require.NoError(t, err)
	late.Add(t.Context(), -2)
	require.NoError(t, exp.ForceFlush(t.Context()))
	// The exporter's own metrics come through the same provider.
	stats := exp.Stats()
	assert.Equal(t, stats.Offered, stats.Sent)
	assert.Greater(t, stats.Sent, uint64(6))

	got := map[string]any{}
	timeout := time.After(10 * time.Second)
	wanted := []string{"early n", "early h", "early own", "early observed", "late late", "github.com/otelgram/otelgram/exporter stats.events.received"}
	ownPoints := 0 // the own points may be in two packets
	for ownPoints < 2 || slices.ContainsFunc(wanted, func(name string) bool { return got[name] == nil }) {
		select {
		case rm := <-arrived:
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					got[sm.Scope.Name+" "+m.Name] = m.Data
					if m.Name == "own" {
						ownPoints += len(m.Data.(metricdata.Gauge[int64]).DataPoints)
					}
				}
			}
		case <-timeout:
			require.FailNow(t, "metrics missing", "%v", got)
		}
	}
	assert.Equal(t, int64(3), got["early n"].(metricdata.Sum[int64]).DataPoints[0].Value)
	assert.Equal(t, 0.5, got["early h"].(metricdata.Histogram[float64]).DataPoints[0].Sum)
	assert.Equal(t, 2, ownPoints)
	assert.Equal(t, 2.5, got["early observed"].(metricdata.Sum[float64]).DataPoints[0].Value)
	assert.Equal(t, int64(-2), got["late late"].(metricdata.Sum[int64]).DataPoints[0].Value)

	require.NoError(t, registration.Unregister())
	require.NoError(t, exp.ForceFlush(t.Context()))
	assert.Equal(t, 1, runs)
	require.NoError(t, exp.Shutdown(t.Context()))
	n.Add(t.Context(), 1)
	assert.Equal(t, exporter.Dropped{Shutdown: 1}, exp.Stats().Dropped)
	require.NoError(t, r.Close())
}
