package exporter_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// truth is what two producers measured, kept or not.
type truth struct {
	counts [1000]uint64 // of each value
}

// TestSampledFold has two producers record as fast as they can until millions of
// events were kept, and compares what was folded with what was measured: sum,
// count and the share below every bound are within two percent.
func TestSampledFold(t *testing.T) {
	enough, tolerance := uint64(4_000_000), 0.02 // five standard deviations
	if raceEnabled {
		enough, tolerance = 400_000, 0.1 // for races, not for accuracy
	}
	var mu sync.Mutex
	var last []*metricdata.ResourceMetrics
	r, err := receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) {
		mu.Lock()
		defer mu.Unlock()
		last = append(last, rm)
	})
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()),
		exporter.WithDropStrategy(drop.Sampled()), exporter.WithFlushInterval(never))
	require.NoError(t, err)
	var measured [2]truth
	var group sync.WaitGroup
	for p := range measured {
		group.Go(func() {
			for n := 0; n%1000 != 0 || exp.Stats().Folded < enough; n++ {
				v := (n * 7) % 1000
				measured[p].counts[v]++
				exp.RecordMetric("n", float64(v))
				exp.RecordSample("h", float64(v))
			}
		})
	}
	group.Wait()
	require.NoError(t, exp.Shutdown(context.Background()))
	s := requireBooks(t, exp)
	p := books(t, exp, r)
	require.Equal(t, s.Sent, p.Delivered)
	require.NoError(t, r.Close())
	assert.GreaterOrEqual(t, s.Folded, enough)
	assert.Zero(t, s.Dropped.RingFull, "%+v", s)

	count, sum := uint64(0), 0.0
	var below [1001]uint64
	for v := range 1000 {
		n := measured[0].counts[v] + measured[1].counts[v]
		count += n
		sum += float64(v) * float64(n)
		below[v+1] = count
	}
	mu.Lock()
	defer mu.Unlock()
	for _, m := range joined(last).ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[float64]:
			t.Logf("%d of %d kept, sum off by %.4f", s.Folded, s.Offered, d.DataPoints[0].Value/sum-1)
			assert.InEpsilon(t, sum, d.DataPoints[0].Value, tolerance, "sum of the counter")
		case metricdata.Histogram[float64]:
			h := d.DataPoints[0]
			t.Logf("count off by %.4f, sum by %.4f", float64(h.Count)/float64(count)-1, h.Sum/sum-1)
			assert.InEpsilon(t, count, h.Count, tolerance)
			assert.InEpsilon(t, sum, h.Sum, tolerance)
			seen := uint64(0)
			for i, bound := range h.Bounds {
				seen += h.BucketCounts[i]
				want := float64(below[min(1000, int(bound)+1)]) / float64(count)
				assert.InDelta(t, want, float64(seen)/float64(h.Count), tolerance, "share up to %v", bound)
			}
		}
	}
}
