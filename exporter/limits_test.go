package exporter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// TestCardinalityLimit: the option wins over the environment, and the environment over
// 2,000. The limit includes the overflow. Zero and less is no limit.
func TestCardinalityLimit(t *testing.T) {
	for _, tt := range []struct {
		name        string
		environment string
		opts        []exporter.Option
		sets        int
		want        int
	}{
		{"default", "", nil, 2100, 2000},
		{"option", "", []exporter.Option{exporter.WithCardinalityLimit(10)}, 100, 10},
		{"one", "", []exporter.Option{exporter.WithCardinalityLimit(1)}, 100, 1},
		{"none", "", []exporter.Option{exporter.WithCardinalityLimit(0)}, 2100, 2100},
		{"none, too", "", []exporter.Option{exporter.WithCardinalityLimit(-1)}, 2100, 2100},
		{"environment", "20", nil, 100, 20},
		{"environment, none", "0", nil, 2100, 2100},
		{"option before environment", "20", []exporter.Option{exporter.WithCardinalityLimit(10)}, 100, 10},
		{"no number", "many", nil, 2100, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("OTEL_GO_X_CARDINALITY_LIMIT", tt.environment)
			c := connect(t, append(tt.opts, exporter.WithFlushInterval(never))...)
			for k := range tt.sets {
				require.True(t, c.exp.RecordMetric("n", 1, exporter.Tag{Key: "k", Value: string(rune('a' + k))}))
			}
			all := joined(c.flush(t))
			assert.Equal(t, float64(tt.sets), totalOf(all, "n"))
			assert.Len(t, all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[float64]).DataPoints, tt.want)
			assert.Equal(t, tt.want < tt.sets, c.exp.Stats().CardinalityOverflow)
		})
	}
}

// TestRepeatedKeysInMaps: as in the SDK, the last value of a repeated key counts, in what
// is measured, in what an instrument is bound to, and in a scope. All of these are one
// series.
func TestRepeatedKeysInMaps(t *testing.T) {
	twice := attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.Int("k", 1), attribute.Int("k", 2))}
	once := attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.Int("k", 2))}
	record := func(mp metric.MeterProvider) {
		for _, kv := range []attribute.KeyValue{twice, once} {
			n, err := mp.Meter("m", metric.WithInstrumentationAttributes(kv)).Int64Counter("n")
			require.NoError(t, err)
			n.Add(t.Context(), 1, metric.WithAttributes(twice))
			n.Add(t.Context(), 1, metric.WithAttributes(once))
			n.Add(t.Context(), 1, metric.WithAttributes(attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.Int("k", 3), attribute.Int("k", 2))}))
		}
	}
	reader := sdkmetric.NewManualReader()
	record(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	c := connect(t, exporter.WithFlushInterval(never))
	record(c.exp.MeterProvider())
	n, err := c.exp.MeterProvider().Meter("m", metric.WithInstrumentationAttributes(once)).Int64Counter("n")
	require.NoError(t, err)
	bind(n, []attribute.KeyValue{twice}).Add(t.Context(), 0)
	got := joined(c.flush(t))
	requireSame(t, collect(t, reader), got, "SDK and direct path")
	require.Len(t, got.ScopeMetrics, 1)
	points := got.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints
	require.Len(t, points, 1)
	assert.Equal(t, int64(6), points[0].Value)
}
