package exporter_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

// TestNamesakes: a gauge that is set and one that is observed share a name and nothing
// else.
func TestNamesakes(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	m := c.exp.MeterProvider().Meter("m")
	observe := true
	_, err := m.Int64ObservableGauge("x", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		if observe {
			o.Observe(1, metric.WithAttributes(attribute.String("k", "observed")))
		}
		return nil
	}))
	require.NoError(t, err)
	g, err := m.Int64Gauge("x")
	require.NoError(t, err)
	bound := g.(interface {
		Bind(...attribute.KeyValue) metric.Int64Gauge
	}).Bind(attribute.String("k", "set"))
	bound.Record(t.Context(), 2)
	for _, want := range []int{2, 1, 1, 1} {
		require.NoError(t, c.exp.ForceFlush(t.Context()))
		assert.Len(t, lines(c.receive(t, want)...), want)
		observe = false
		bound.Record(t.Context(), 3)
	}
}

// TestDeltaChurn: sets that were measured in earlier intervals do not count
// towards the limit of this one.
func TestDeltaChurn(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	n, err := c.exp.MeterProvider().Meter("m").Int64Counter("n")
	require.NoError(t, err)
	for interval := range 12 {
		for i := range 1500 {
			n.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("i", 1500*interval+i)))
		}
		require.NoError(t, c.exp.ForceFlush(t.Context()))
		for _, line := range lines(c.receive(t, 1500)...) {
			require.NotContains(t, line, "overflow")
		}
	}
	assert.Zero(t, c.exp.Stats().Dropped.Total())
}

// TestStartIsNeverAfterTime, whatever clock a time was read from.
func TestStartIsNeverAfterTime(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(0), exporter.WithPacing(0, 0))
	for i := range 500 {
		require.True(t, c.exp.RecordMetric("n", 1, exporter.Tag{Key: "i", Value: fmt.Sprint(i)}))
		require.NoError(t, c.exp.ForceFlush(t.Context()))
	}
	for _, rm := range c.receive(t, 500) {
		for _, p := range rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[float64]).DataPoints {
			require.False(t, p.StartTime.After(p.Time), "%v to %v", p.StartTime, p.Time)
		}
	}
}

// TestFlushAfterShutdownReturns, although a callback hangs.
func TestFlushAfterShutdownReturns(t *testing.T) {
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)))
	require.NoError(t, err)
	release := make(chan struct{})
	returned := make(chan struct{})
	_, err = exp.MeterProvider().Meter("m").Int64ObservableGauge("g", metric.WithInt64Callback(
		func(context.Context, metric.Int64Observer) error {
			defer close(returned)
			<-release
			return nil
		}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = exp.Shutdown(ctx)
	require.NoError(t, exp.ForceFlush(context.Background()))
	require.NoError(t, exp.Shutdown(context.Background()))
	close(release)
	<-returned
}

// TestBudgetCountsText: long names and values use the budget up, and what they were cut
// from does not stay in memory.
func TestBudgetCountsText(t *testing.T) {
	const budget = 4 << 20
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithBufferSize(1024), exporter.WithMaxMemory(budget), exporter.WithPacing(0, 0))
	require.NoError(t, err)
	m := exp.MeterProvider().Meter("m")
	n, err := m.Int64Counter("n")
	require.NoError(t, err)
	before := allocs.Heap()
	for i := range 1900 {
		page := strings.Repeat(fmt.Sprint(i), 25_000)
		n.Add(t.Context(), 1, metric.WithAttributes(attribute.String("k", page[:1000])))
		exp.RecordMetric("requests", 1, exporter.Tag{Key: "k", Value: page[:10]})
		exp.MeterProvider().Meter(page[:1000] + fmt.Sprint(i))
		if i%400 == 0 { // make room in the ring
			require.NoError(t, exp.ForceFlush(t.Context()))
		}
	}
	require.NoError(t, exp.ForceFlush(t.Context()))
	assert.Less(t, allocs.Heap()-before, int64(2*budget))
	assert.Positive(t, exp.Stats().Dropped.Memory)
	require.NoError(t, exp.Shutdown(t.Context()))
	runtime.KeepAlive(m)
}
