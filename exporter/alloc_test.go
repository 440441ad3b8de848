package exporter_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

// TestExportAllocations counts what the whole process allocates while points travel to the
// kernel. The socket to which they go has no reader.
func TestExportAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random, and with it the socket layer allocate")
	}
	const exports = 50
	tests := []struct {
		name   string
		rm     *metricdata.ResourceMetrics
		points float64
	}{
		{"1,000 counters", counters(1000, 1), 1000},
		{"1,000 series", counters(1, 1000), 1000},
		{"histograms", data(histograms(500)), 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithPacing(0, 0))
			require.NoError(t, err)
			ctx := context.Background()
			send := func() {
				_ = exp.Export(ctx, tt.rm)
			}
			for range exports { // until pools and caches have what this traffic needs
				send()
			}
			require.NoError(t, exp.ForceFlush(ctx))
			// Payloads are made, up to 2,048 of them, whenever more points than ever before
			// are between Export and the kernel. That depends on when the pump runs. With
			// one processor it happens in the warm-up of the rounds at the latest.
			perPoint := allocs.In(exports, send) / exports / tt.points
			assert.LessOrEqual(t, perPoint, 0.01, "allocations a point")
			require.NoError(t, exp.Shutdown(ctx))
			assert.Zero(t, exp.Stats().Dropped.Total())
		})
	}
}

// histograms makes a metric with n points.
func histograms(n int) metricdata.Metrics {
	points := make([]metricdata.HistogramDataPoint[float64], n)
	for i := range points {
		points[i] = metricdata.HistogramDataPoint[float64]{
			Attributes: pointWith(manyAttributes(1 + i%5)...).Attributes,
			Count:      10, Sum: 1.5, Bounds: []float64{1, 2, 3}, BucketCounts: []uint64{1, 2, 3, 4},
			Min: metricdata.NewExtrema(0.5), Max: metricdata.NewExtrema(4.5),
		}
	}
	return metricdata.Metrics{Name: "h", Data: metricdata.Histogram[float64]{
		DataPoints: points, Temporality: metricdata.DeltaTemporality,
	}}
}
