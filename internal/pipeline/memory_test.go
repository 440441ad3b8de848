package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestBudgetReached: it is reached when something is dropped for want of it, and not
// where one may wait or do without.
func TestBudgetReached(t *testing.T) {
	c := testConfig(discard{})
	c.Session.PacketsPerSecond, c.Memory = 0, 512<<10
	p := start(t, c)
	rm := sums(1)
	rm.ScopeMetrics[0].Metrics[0].Data = wideHistograms(1000)
	require.NoError(t, p.Export(t.Context(), rm))
	require.NoError(t, p.Flush(t.Context()))
	assert.False(t, p.Memory().Take(1<<30))
	assert.Equal(t, uint64(1000), p.Stats().Sent)
	assert.False(t, p.Stats().BudgetReached)
	for p.Memory().Need(1000) {
		assert.False(t, p.Stats().BudgetReached)
	}
	assert.True(t, p.Stats().BudgetReached)
	require.NoError(t, p.Close(t.Context()))
}

// TestMemoryIsBounded: whatever comes, on either path, the heap stays within the
// budget, by its own account, and every point of the SDK path is sent.
func TestMemoryIsBounded(t *testing.T) {
	const budget = 1 << 20
	tests := []struct {
		name string
		load func(t *testing.T, p *Pipeline)
	}{
		{"attribute sets", func(t *testing.T, p *Pipeline) {
			exportAll(t, p, 200, func(i int) *metricdata.ResourceMetrics {
				rm := sums(100)
				for k := range 100 {
					rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints[k].Attributes = attribute.NewSet(
						attribute.String("user", fmt.Sprintf("%0100d", 100*i+k)), attribute.IntSlice("list", make([]int, 50)))
				}
				return rm
			})
		}},
		{"metric names", func(t *testing.T, p *Pipeline) {
			exportAll(t, p, 200, func(i int) *metricdata.ResourceMetrics {
				rm := sums(1)
				m := rm.ScopeMetrics[0].Metrics[0]
				rm.ScopeMetrics[0].Metrics = nil
				for k := range 40 {
					m.Name = fmt.Sprintf("%0200d", 100*i+k)
					rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, m)
				}
				return rm
			})
		}},
		{"exponential histograms", func(t *testing.T, p *Pipeline) {
			rm := sums(1)
			rm.ScopeMetrics[0].Metrics[0].Data = wideHistograms(5000)
			exportAll(t, p, 3, func(int) *metricdata.ResourceMetrics { return rm })
		}},
		{"series that are refused", func(t *testing.T, p *Pipeline) {
			r := aggregate.NewRegistry(p.Books(), p.Memory(), 0)
			of, _ := aggregate.StreamOf[int64](r, counterConfig("n"), 1)
			for k := range 20_000 {
				of.Record(attribute.NewSet(attribute.String("user", fmt.Sprintf("%0900d", k))), 1)
			}
			require.NoError(t, p.Flush(t.Context()))
			assert.Positive(t, p.Stats().Dropped[wire.Memory])
			assert.True(t, p.Stats().BudgetReached)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig(discard{})
			c.Session.PacketsPerSecond = 0
			before := allocs.Heap()
			c.Memory = budget - FixedMemory(c.BufferSize, c.BatchSize, c.Session.PacketSize, false)
			p := start(t, c)
			tt.load(t, p)
			assert.Less(t, allocs.Heap()-before, int64(budget+budget/8))
			require.NoError(t, p.Close(t.Context()))
		})
	}
}

// exportAll exports so often, and wants everything sent.
func exportAll(t *testing.T, p *Pipeline, times int, of func(i int) *metricdata.ResourceMetrics) {
	t.Helper()
	for i := range times {
		require.NoError(t, p.Export(t.Context(), of(i)))
	}
	require.NoError(t, p.Flush(t.Context()))
	assert.Equal(t, p.Stats().Offered, p.Stats().Sent)
}

func wideHistograms(n int) metricdata.Aggregation {
	at := time.Unix(1_790_000_000, 0)
	d := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for range n {
		d.DataPoints = append(d.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{
			StartTime: at, Time: at, Count: 160, PositiveBucket: metricdata.ExponentialBucket{Counts: make([]uint64, 160)},
		})
	}
	return d
}

// discard is a socket that takes all and keeps nothing.
type discard struct{}

func (discard) Send(packets [][]byte) (int, udp.Outcome) { return len(packets), udp.Sent }
func (discard) Pending() udp.Outcome                     { return udp.Sent }
func (discard) PayloadLimit() int                        { return 0 }
func (discard) Offload() udp.Offload                     { return udp.OffloadUnavailable }
func (discard) Close() error                             { return nil }
