package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// distributions makes a metric of each kind that needs payloads, with n points.
func distributions(n int) *metricdata.ResourceMetrics {
	rm := sums(0)
	exemplars := []metricdata.Exemplar[int64]{{Value: 1, Time: time.Unix(1, 0), TraceID: make([]byte, 16)}}
	numbers := make([]metricdata.DataPoint[int64], n)
	explicit := make([]metricdata.HistogramDataPoint[int64], n)
	base2 := make([]metricdata.ExponentialHistogramDataPoint[int64], n)
	quantiles := make([]metricdata.SummaryDataPoint, n)
	for i := range n {
		numbers[i].Exemplars = exemplars
		explicit[i].BucketCounts, explicit[i].Bounds = []uint64{1, 2}, []float64{3}
		base2[i].PositiveBucket.Counts = []uint64{1, 2, 3}
		quantiles[i].QuantileValues = []metricdata.QuantileValue{{Quantile: 0.5, Value: 1}}
	}
	const cumulative = metricdata.CumulativeTemporality
	rm.ScopeMetrics[0].Metrics = []metricdata.Metrics{
		{Name: "numbers", Data: metricdata.Gauge[int64]{DataPoints: numbers}},
		{Name: "explicit", Data: metricdata.Histogram[int64]{DataPoints: explicit, Temporality: cumulative}},
		{Name: "base2", Data: metricdata.ExponentialHistogram[int64]{DataPoints: base2, Temporality: cumulative}},
		{Name: "quantiles", Data: metricdata.Summary{DataPoints: quantiles}},
	}
	return rm
}

// payloads is how many points that are more than a number can be under way.
const payloads = 2048

// TestPayloadsRunOut has more distributions on their way than there are
// payloads: Export waits, and whatever ends the wait, each point is counted
// once and every payload comes back.
func TestPayloadsRunOut(t *testing.T) {
	const points = 4 * payloads
	ends := map[string]func(p *Pipeline, cancel func()) error{
		"room":    func(p *Pipeline, _ func()) error { return nil },
		"context": func(_ *Pipeline, cancel func()) error { cancel(); return context.Canceled },
		"close": func(p *Pipeline, _ func()) error {
			over, cancel := context.WithCancel(context.Background())
			cancel()
			_ = p.Close(over)
			return metric.ErrExporterShutdown
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testConfig(&fakeSender{})
				c.BufferSize, c.Session.PacketsPerSecond, c.Session.Burst = 1<<14, 20, 1
				p := start(t, c)
				ctx, cancel := context.WithCancel(t.Context())
				exported := make(chan error)
				go func() { exported <- p.Export(ctx, distributions(payloads)) }()
				synctest.Wait() // until it waits
				require.Less(t, p.Stats().Offered, uint64(points))
				want := end(p, cancel)
				require.ErrorIs(t, <-exported, want)
				require.Equal(t, uint64(points), p.Stats().Offered)
				if name != "close" {
					require.NoError(t, p.Flush(t.Context()))
				}
				requireClosedBooks(t, p)
				cancel()
				switch name {
				case "context":
					require.ErrorContains(t, p.Close(t.Context()), "points not handed over: their Export was cancelled (deadline)")
				case "close":
					require.Equal(t, uint64(1), p.Stats().Exports)
				case "room":
					require.NoError(t, p.Close(t.Context()))
				}
			})
		})
	}
}

// TestUnrepresentableTimes: a time beyond what 64 bits of nanoseconds reach
// costs the point that has it, and no other.
func TestUnrepresentableTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, testConfig(&fakeSender{}))
		rm := distributions(2)
		far := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
		m := rm.ScopeMetrics[0].Metrics
		m[0].Data.(metricdata.Gauge[int64]).DataPoints[0].Time = far
		m[0].Data.(metricdata.Gauge[int64]).DataPoints[1].Exemplars = []metricdata.Exemplar[int64]{{Time: far}}
		m[1].Data.(metricdata.Histogram[int64]).DataPoints[0].StartTime = far
		m[2].Data.(metricdata.ExponentialHistogram[int64]).DataPoints[1].Time = far
		m[3].Data.(metricdata.Summary).DataPoints[0].Time = far
		require.NoError(t, p.Export(t.Context(), rm))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, p.Close(t.Context()))
		s := p.Stats()
		assert.Equal(t, uint64(4), s.Dropped[wire.Invalid])
		assert.Equal(t, uint64(1), s.Dropped[wire.Encode], "an exemplar's time counts as an unknown value")
		assert.Equal(t, uint64(3), s.Sent)
		requireClosedBooks(t, p)
	})
}

// TestCloseInMidExport: an export of millions of points without a pause notices
// that the exporter is closing.
func TestCloseInMidExport(t *testing.T) {
	c := testConfig(&fakeSender{})
	c.Session.PacketsPerSecond = 0
	p := start(t, c)
	rm := sums(50_000)
	exported := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = p.Export(context.Background(), rm)
		}
		exported <- err
	}()
	for p.Stats().Sent < 1000 {
		<-time.After(time.Millisecond)
	}
	require.ErrorContains(t, p.Close(t.Context()), "points not sent (shutdown ")
	require.ErrorIs(t, <-exported, metric.ErrExporterShutdown)
	requireClosedBooks(t, p)
	assert.NotZero(t, p.Stats().Dropped[wire.Shutdown])
}

func TestSnapshotUnderLoad(t *testing.T) {
	var p Pipeline
	stop := make(chan struct{})
	done := make(chan struct{})
	const writers = 4
	for range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					p.books.Offer(1)
					p.books.Drop(wire.Deadline, 1)
				}
			}
		}()
	}
	for range 100_000 {
		offered, settled := p.snapshot()
		if dropped := settled.Dropped[wire.Deadline]; dropped > offered {
			t.Errorf("%d dropped of %d offered", dropped, offered)
			break
		}
	}
	close(stop)
	for range writers {
		<-done
	}
}
