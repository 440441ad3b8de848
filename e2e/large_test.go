package e2e

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	otelruntime "go.opentelemetry.io/contrib/instrumentation/runtime"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// noted are the histograms that somebody saw, by name, each with all it holds.
type noted struct {
	mu   sync.Mutex
	all  map[string]string
	most int // bounds
}

func (n *noted) note(rm *metricdata.ResourceMetrics) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if d, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, p := range d.DataPoints {
					n.most = max(n.most, len(p.Bounds))
					n.all[m.Name] = fmt.Sprint(sm.Scope.Name, m.Unit, p.Attributes.ToSlice(), p.Count, p.Sum, p.Bounds, p.BucketCounts, p.StartTime.UnixNano(), p.Time.UnixNano())
				}
			}
		}
	}
}

func (n *noted) lines() (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, line := range n.all {
		lines = append(lines, name+" "+line)
	}
	slices.Sort(lines)
	return lines
}

// noting is an exporter that notes what it is given.
type noting struct {
	*exporter.Exporter
	seen *noted
}

func (n noting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	n.seen.note(rm)
	return n.Exporter.Export(ctx, rm)
}

// TestLargeHistograms: what OpenTelemetry's producer of runtime metrics makes, and
// what comes of linear buckets of client_golang over the Prometheus bridge, is larger
// than a packet of 1472 bytes, and arrives whole.
func TestLargeHistograms(t *testing.T) {
	registry := prometheus.NewRegistry()
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sizes", Help: "Sizes.", Buckets: prometheus.LinearBuckets(0.1, 1./7, 200)})
	registry.MustRegister(sizes)
	for i := range 5000 {
		sizes.Observe(float64(i%300) / 10)
	}
	runtime.GC()

	sent, arrived := &noted{all: map[string]string{}}, &noted{all: map[string]string{}}
	r, err := receiver.Listen("127.0.0.1:0", arrived.note)
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithMaxPacketSize(1472))
	require.NoError(t, err)
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(noting{exp, sent},
		sdkmetric.WithProducer(otelruntime.NewProducer()),
		sdkmetric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(registry))),
	)))
	require.NoError(t, mp.ForceFlush(t.Context()))
	require.NoError(t, mp.Shutdown(t.Context()))
	require.Eventually(t, func() bool { return slices.Equal(sent.lines(), arrived.lines()) }, 30*time.Second, time.Millisecond)
	require.NoError(t, r.Close())
	assert.Contains(t, arrived.all, "go.schedule.duration")
	assert.Contains(t, arrived.all, "sizes")
	assert.GreaterOrEqual(t, arrived.most, 200)
	s := exp.Stats()
	assert.Equal(t, s.Offered, s.Sent)
	assert.Equal(t, s.Sent, r.Stats().Points.Delivered)
}
