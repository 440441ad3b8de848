//go:build linux

package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

// histogram makes the point of a histogram with that many bounds. All of it follows from
// id, so that the receiving test can tell that it is whole.
func histogram(id, bounds int) metricdata.HistogramDataPoint[float64] {
	at := time.Unix(1_790_000_000, int64(id))
	p := metricdata.HistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attribute.Int("id", id)), StartTime: at, Time: at, Count: uint64(id), Sum: float64(id),
		Bounds: make([]float64, bounds), BucketCounts: make([]uint64, bounds+1),
	}
	for i := range bounds {
		p.Bounds[i] = float64(i) / 7 // a number that takes eight bytes
		p.BucketCounts[i] = uint64((id + i) % 130)
	}
	return p
}

// histograms makes n such points, of one metric.
func histograms(first, n, bounds int) *metricdata.ResourceMetrics {
	d := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for id := range n {
		d.DataPoints = append(d.DataPoints, histogram(first+id, bounds))
	}
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "faults")),
		ScopeMetrics: []metricdata.ScopeMetrics{{
			Scope: instrumentation.Scope{Name: "faults"}, Metrics: []metricdata.Metrics{{Name: "histogram", Unit: "s", Data: d}},
		}},
	}
}

// heavy makes counters of a resource that fills a packet by itself.
func heavy(n int) *metricdata.ResourceMetrics {
	rm := points(n)
	rm.Resource = resource.NewSchemaless(attribute.String("k", strings.Repeat("v", 1400)))
	return rm
}

// judge counts the histograms that arrive whole, each once.
type judge struct {
	mu    sync.Mutex
	seen  map[int]bool
	wrong []string
}

func (j *judge) handle(rm *metricdata.ResourceMetrics) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range rm.ScopeMetrics[0].Metrics {
		d, _ := m.Data.(metricdata.Histogram[float64])
		for _, p := range d.DataPoints {
			want := histogram(int(p.Count), len(p.Bounds))
			same := p.Attributes.Equals(&want.Attributes) && p.Sum == want.Sum && p.Time.Equal(want.Time) &&
				slices.Equal(p.Bounds, want.Bounds) && slices.Equal(p.BucketCounts, want.BucketCounts)
			if !same || j.seen[int(p.Count)] {
				j.wrong = append(j.wrong, fmt.Sprint(p.Count))
			}
			j.seen[int(p.Count)] = true
		}
	}
}

// TestFault30LargePoints: points larger than a packet arrive whole. If fragments are lost,
// come twice or out of order, each missing point is in the books: lost with its last
// fragment, or rejected because another is missing.
func TestFault30LargePoints(t *testing.T) {
	t.Parallel()
	bad := faultproxy.Faults{Loss: 0.01, Reorder: 30, Duplicate: 11}
	var lost, rejected, lossy atomic.Uint64 // over all runs, since one run may lose no last fragment
	t.Cleanup(func() {
		if lossy.Load() == 3 { // unless a filter left some out
			assert.Positive(t, lost.Load())
			assert.Positive(t, rejected.Load())
		}
	})
	for _, tt := range []struct{ bounds, n, atOnce int }{{200, 8000, 100}, {1000, 1500, 50}, {4000, 500, 20}} {
		for _, faults := range []faultproxy.Faults{{}, bad} {
			t.Run(fmt.Sprintf("%d bounds, loss %v", tt.bounds, faults.Loss), func(t *testing.T) {
				t.Parallel()
				j := &judge{seen: map[int]bool{}}
				l := newLineTo(t, faults, j.handle, exporter.WithPacing(8000, 32))
				inTurn(func() {
					for first := 0; first < tt.n; first += tt.atOnce {
						require.NoError(t, l.exp.Export(t.Context(), histograms(first, tt.atOnce, tt.bounds)))
						require.NoError(t, l.exp.ForceFlush(t.Context()))
					}
				})
				s, r, b := l.settleBooks(t, lostByProxy)
				assert.Equal(t, uint64(tt.n), s.Sent)
				assert.Zero(t, s.Dropped)
				assert.Zero(t, r.Points.Overrun+r.Points.Late)
				assert.Empty(t, j.wrong)
				assert.Equal(t, r.Points.Delivered, uint64(len(j.seen)))
				assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost+r.Points.Rejected)
				l.requireDuplicates(t, b)
				assert.Equal(t, r.Packets.Rejected, r.Rejected.Incomplete)
				assert.Equal(t, faults.Loss > 0, r.Points.Lost+r.Points.Rejected > 0)
				lost.Add(r.Points.Lost)
				rejected.Add(r.Points.Rejected)
				if faults.Loss > 0 {
					lossy.Add(1)
				}
			})
		}
	}
}

// TestFault30LargeResource: a resource of 1,400 bytes, with a thousand counters.
func TestFault30LargeResource(t *testing.T) {
	t.Parallel()
	for _, faults := range []faultproxy.Faults{{}, {Loss: 0.01, Reorder: 30, Duplicate: 11}} {
		t.Run(fmt.Sprint(faults.Loss), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, faults)
			inTurn(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				for range 10 {
					require.NoError(t, l.exp.Export(ctx, heavy(1000)))
					require.NoError(t, l.exp.ForceFlush(ctx))
				}
			})
			s, r, _ := l.settle(t, lostByProxy)
			assert.Equal(t, uint64(10_000), s.Sent)
			assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost+r.Points.Rejected)
			assert.Equal(t, faults.Loss == 0, s.Sent == r.Points.Delivered)
		})
	}
}

// TestFault30ReceiverRestarts: the receiver restarts in the middle of a body, and the next
// receiver gets the rest. The body is incomplete, and nothing before it is lost. It is
// not parallel: a process that another test is making has a copy of the socket that is closed.
func TestFault30ReceiverRestarts(t *testing.T) {
	j := &judge{seen: map[int]bool{}}
	r, err := receiver.Listen("127.0.0.1:0", j.handle)
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(silent),
		exporter.WithMaxPacketSize(1472), exporter.WithPacing(5, 1), exporter.WithCircuitBreaker(exporter.CircuitBreakerConfig{}))
	require.NoError(t, err)
	require.NoError(t, exp.Export(t.Context(), histograms(0, 1, 1000)))
	require.Eventually(t, func() bool { return r.Stats().Packets.Received >= 4 }, patience, time.Millisecond)
	address := r.Addr().String()
	require.NoError(t, r.Close())
	assert.Zero(t, r.Stats().Points.Received)
	r, err = receiver.Listen(address, j.handle)
	require.NoError(t, err)
	require.NoError(t, exp.ForceFlush(t.Context()))
	require.NoError(t, exp.Export(t.Context(), histograms(1, 1, 200)))
	_ = exp.Shutdown(t.Context())
	require.Eventually(t, func() bool {
		b := r.Stats().Points
		return b.Delivered == 1 && b.Rejected == 1 && b.Sent == b.Received
	}, patience, time.Millisecond)
	s := r.Stats()
	assert.True(t, s.Sessions[0].Joined)
	assert.Zero(t, s.Packets.Lost)
	assert.Positive(t, s.Rejected.Incomplete)
	require.NoError(t, r.Close())
	assert.Equal(t, map[int]bool{1: true}, j.seen)
	assert.Empty(t, j.wrong)
}
