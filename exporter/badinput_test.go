package exporter_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
)

func gauge(name string, points ...metricdata.DataPoint[int64]) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Gauge[int64]{DataPoints: points}}
}

func pointWith(kvs ...attribute.KeyValue) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(kvs...), Time: time.Unix(1_790_000_000, 0), Value: 7}
}

func data(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(attribute.String("service.name", "test")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "scope"}, Metrics: metrics}},
	}
}

func nestedMap(depth int) attribute.Value {
	v := attribute.StringValue("bottom")
	for range depth {
		v = attribute.MapValue(attribute.KeyValue{Key: "down", Value: v})
	}
	return v
}

func manyAttributes(n int) []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, n)
	for i := range kvs {
		kvs[i] = attribute.Int("key."+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), i)
	}
	return kvs
}

// TestBadInput sends one odd metric between two plain ones: the odd one is
// delivered whole or counted once, and the plain ones always arrive.
func TestBadInput(t *testing.T) {
	year3000 := pointWith()
	year3000.Time = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		odd     metricdata.Metrics
		dropped exporter.Dropped // zero: delivered
		says    string           // in the error of Export
	}{
		{"invalid UTF-8", gauge("\xff\xfe", pointWith(attribute.String("\xc0", "\xc1"))), exporter.Dropped{}, ""},
		{"empty name, key and value", gauge("", pointWith(attribute.String("", ""))), exporter.Dropped{}, ""},
		{"NUL", gauge("a\x00b", pointWith(attribute.String("\x00", "\x00"))), exporter.Dropped{}, ""},
		{"64 KiB name", gauge(strings.Repeat("n", 65536), pointWith()), exporter.Dropped{Oversize: 1}, ""},
		{"64 KiB key", gauge("m", pointWith(attribute.Int(strings.Repeat("k", 65536), 1))), exporter.Dropped{Oversize: 1}, ""},
		{"64 KiB value", gauge("m", pointWith(attribute.String("k", strings.Repeat("v", 65536)))), exporter.Dropped{Oversize: 1}, ""},
		{"64 KiB bytes", gauge("m", pointWith(attribute.KeyValue{Key: "k", Value: attribute.ByteSliceValue(make([]byte, 65536))})),
			exporter.Dropped{Oversize: 1}, ""},
		{"10,000 attributes", gauge("m", pointWith(manyAttributes(10_000)...)), exporter.Dropped{Encode: 1}, ""},
		{"512 attributes", gauge("m", pointWith(manyAttributes(512)...)), exporter.Dropped{}, ""},
		{"maps 16 deep", gauge("m", pointWith(attribute.KeyValue{Key: "k", Value: nestedMap(16)})), exporter.Dropped{}, ""},
		{"maps 17 deep", gauge("m", pointWith(attribute.KeyValue{Key: "k", Value: nestedMap(17)})), exporter.Dropped{Encode: 1}, ""},
		{"maps 1,000 deep", gauge("m", pointWith(attribute.KeyValue{Key: "k", Value: nestedMap(1000)})), exporter.Dropped{Encode: 1}, ""},
		{"the year 3000", gauge("m", year3000), exporter.Dropped{Invalid: 1}, ""},
		{"no points", gauge("m"), exporter.Dropped{}, ""},
		{"no aggregation", metricdata.Metrics{Name: "odd"}, exporter.Dropped{Encode: 1}, `"odd"`},
		{"pointer to an aggregation", metricdata.Metrics{Name: "odd", Data: &metricdata.Sum[int64]{}}, exporter.Dropped{Encode: 1}, "*metricdata.Sum"},
		{"no temporality", metricdata.Metrics{Name: "odd", Data: metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{pointWith(), pointWith()}}},
			exporter.Dropped{Encode: 2}, "temporality 0"},
		{"unknown temporality", metricdata.Metrics{Name: "odd", Data: metricdata.Histogram[float64]{
			DataPoints: make([]metricdata.HistogramDataPoint[float64], 3), Temporality: 9}}, exporter.Dropped{Encode: 3}, "temporality 9"},
		{"more buckets than a body has bytes", metricdata.Metrics{Name: "odd", Data: metricdata.Histogram[int64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints:  []metricdata.HistogramDataPoint[int64]{{BucketCounts: make([]uint64, 70_000)}}}}, exporter.Dropped{Oversize: 1}, ""},
		{"histogram larger than a body", metricdata.Metrics{Name: "odd", Data: metricdata.Histogram[int64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints:  []metricdata.HistogramDataPoint[int64]{{BucketCounts: make([]uint64, 65_530)}}}}, exporter.Dropped{Oversize: 1}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t)
			all := data(gauge("before", pointWith()), tt.odd, gauge("after", pointWith()))
			err := c.exp.Export(t.Context(), all)
			if tt.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.says)
				assert.NotContains(t, err.Error(), "\n", "reported once")
			}
			require.NoError(t, c.exp.ForceFlush(t.Context()))
			s := c.exp.Stats()
			assert.Equal(t, tt.dropped, s.Dropped)
			assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
			want := data(gauge("before", pointWith()), gauge("after", pointWith()))
			if tt.dropped.Total() == 0 {
				want = all
			}
			assert.Equal(t, lines(want), lines(c.receive(t, len(lines(want)))...))
			if tt.says != "" {
				assert.NoError(t, c.exp.Export(t.Context(), data(tt.odd)), "the second time it is only counted")
				assert.Equal(t, 2*tt.dropped.Encode, c.exp.Stats().Dropped.Encode)
			}
		})
	}
}

// TestReducedPoints: the points are larger than a body only because of what may be left
// out.
func TestReducedPoints(t *testing.T) {
	exemplars := make([]metricdata.Exemplar[int64], 3000)
	for i := range exemplars {
		exemplars[i] = metricdata.Exemplar[int64]{TraceID: make([]byte, 16), SpanID: make([]byte, 8), Value: int64(i)}
	}
	withExemplars := pointWith()
	withExemplars.Exemplars = exemplars
	counts := make([]uint64, 40_000)
	for i := range counts {
		counts[i] = 300
	}
	described := gauge("m", pointWith())
	described.Description = strings.Repeat("d", 70_000)
	wide := metricdata.Metrics{Name: "m", Data: metricdata.ExponentialHistogram[float64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
			Scale: 10, Count: 12_000_000, PositiveBucket: metricdata.ExponentialBucket{Offset: -3, Counts: counts},
		}},
	}}
	t.Run("exemplars", func(t *testing.T) {
		c := connect(t)
		got := c.send(t, data(gauge("m", withExemplars)), 1)
		assert.Equal(t, lines(data(gauge("m", pointWith()))), lines(got...))
		assert.Equal(t, uint64(1), c.exp.Stats().ExemplarsCut)
	})
	t.Run("description", func(t *testing.T) {
		c := connect(t)
		got := c.send(t, data(described), 1)
		assert.Equal(t, lines(data(gauge("m", pointWith()))), lines(got...))
		assert.Equal(t, uint64(1), c.exp.Stats().DescriptionsCut)
	})
	t.Run("resolution", func(t *testing.T) {
		c := connect(t)
		got := c.send(t, data(wide), 1)
		p := got[0].ScopeMetrics[0].Metrics[0].Data.(metricdata.ExponentialHistogram[float64]).DataPoints[0]
		assert.Equal(t, int32(9), p.Scale)
		assert.Equal(t, int32(-2), p.PositiveBucket.Offset)
		total := uint64(0)
		for _, n := range p.PositiveBucket.Counts {
			total += n
		}
		assert.Equal(t, uint64(12_000_000), total)
		assert.Equal(t, uint64(1), c.exp.Stats().Downscaled)
	})
}

func TestResourceWithoutRoom(t *testing.T) {
	c := connect(t)
	rm := data(gauge("m", pointWith(), pointWith()))
	rm.Resource = resource.NewSchemaless(attribute.String("k", strings.Repeat("v", 65_500)))
	err := c.exp.Export(t.Context(), rm)
	require.ErrorContains(t, err, "resource of 655")
	require.ErrorContains(t, err, "65472")
	require.NoError(t, c.exp.Export(t.Context(), rm), "said once")
	s := c.exp.Stats()
	assert.Equal(t, exporter.Dropped{Oversize: 4}, s.Dropped)
	assert.Equal(t, uint64(4), s.Offered)
	c.send(t, data(gauge("m", pointWith())), 1) // this does not concern another resource
}

func TestNothingToSend(t *testing.T) {
	c := connect(t)
	for _, rm := range []*metricdata.ResourceMetrics{
		nil, {}, {Resource: resource.Empty()}, data(), data(gauge("m")),
		{ScopeMetrics: []metricdata.ScopeMetrics{{}}},
	} {
		require.NoError(t, c.exp.Export(t.Context(), rm))
	}
	require.NoError(t, c.exp.ForceFlush(context.Background()))
	s := c.exp.Stats()
	assert.Zero(t, s.Offered)
	assert.Zero(t, s.Packets, "no packet either")
	rm := data(gauge("m", pointWith()))
	rm.Resource = nil
	c.send(t, rm, 1)
}
