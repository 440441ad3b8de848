package exporter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

// counters makes a data set of so many sums with so many points each, three attributes a
// point.
func counters(metrics, points int) *metricdata.ResourceMetrics {
	at := time.Unix(1_790_000_000, 0)
	all := make([]metricdata.Metrics, metrics)
	for i := range all {
		dps := make([]metricdata.DataPoint[int64], points)
		for j := range dps {
			dps[j] = metricdata.DataPoint[int64]{
				Attributes: attribute.NewSet(attribute.String("method", "GET"),
					attribute.String("route", fmt.Sprint("/r/", j)), attribute.Int("status", 200)),
				StartTime: at, Time: at.Add(time.Minute), Value: int64(i * j),
			}
		}
		all[i] = metricdata.Metrics{Name: fmt.Sprint("counter.", i), Unit: "1", Data: metricdata.Sum[int64]{
			DataPoints: dps, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		}}
	}
	return data(all...)
}

func TestAfterShutdown(t *testing.T) {
	c := connect(t)
	c.send(t, data(gauge("m", pointWith())), 1)
	require.NoError(t, c.exp.Shutdown(t.Context()))
	require.NoError(t, c.exp.Shutdown(t.Context()), "idempotent")
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	require.ErrorIs(t, c.exp.Export(t.Context(), data(gauge("m", pointWith(), pointWith()))), sdkmetric.ErrExporterShutdown)
	require.ErrorIs(t, c.exp.Export(t.Context(), data()), sdkmetric.ErrExporterShutdown)
	require.ErrorIs(t, c.exp.Export(t.Context(), nil), sdkmetric.ErrExporterShutdown)
	s := c.exp.Stats()
	assert.Equal(t, uint64(3), s.Offered)
	assert.Equal(t, exporter.Dropped{Shutdown: 2}, s.Dropped)
	assert.Zero(t, s.Queued)
	// The goodbye closed the session.
	require.Eventually(t, func() bool {
		sessions := c.recv.Stats().Sessions
		return len(sessions) == 1 && sessions[0].Closed
	}, 30*time.Second, time.Millisecond)
}

func TestContextEnds(t *testing.T) {
	c := connect(t, exporter.WithBufferSize(2), exporter.WithPacing(1, 1), exporter.WithMaxPacketSize(1472))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	// What needs no waiting is handed over: a periodic reader that is shut down ends the
	// context of the export under way.
	require.ErrorIs(t, c.exp.Export(over, data(gauge("m", pointWith()))), context.Canceled)
	require.ErrorIs(t, c.exp.Export(over, data()), context.Canceled)
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	assert.Equal(t, uint64(1), c.exp.Stats().Sent)
	assert.Zero(t, c.exp.Stats().Dropped)

	// At a packet a second the queue fills up, and Export waits for the deadline.
	rm := counters(1000, 10)
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.exp.Export(soon, rm), context.DeadlineExceeded)
	require.ErrorIs(t, c.exp.ForceFlush(soon), context.DeadlineExceeded)
	var s exporter.Stats
	require.Eventually(t, func() bool { // until the pump rests, too
		s = c.exp.Stats()
		return s.Offered == s.Sent+s.Dropped.Total()+s.Queued
	}, 30*time.Second, time.Millisecond)
	assert.Equal(t, uint64(10_001), s.Offered)
	assert.Positive(t, s.Dropped.Deadline)
	assert.Positive(t, s.Queued)

	// Shutdown whose context is over returns at once and says what is left.
	start := time.Now()
	err := c.exp.Shutdown(soon)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), time.Second)
	after := c.exp.Stats()
	require.ErrorContains(t, err, fmt.Sprintf("%d points not sent (shutdown %d)", after.Dropped.Shutdown, after.Dropped.Shutdown))
	assert.Equal(t, s.Queued, after.Dropped.Shutdown+after.Sent-s.Sent, "a packet may have left before")
	assert.Equal(t, after.Offered, after.Sent+after.Dropped.Total())
	assert.Zero(t, after.Queued)
}

// TestShutdownReleasesWaitingExport: an Export waits for room that never comes while the
// exporter is shut down.
func TestShutdownReleasesWaitingExport(t *testing.T) {
	c := connect(t, exporter.WithBufferSize(2), exporter.WithPacing(1, 1))
	exported := make(chan error)
	go func() { exported <- c.exp.Export(context.Background(), counters(1000, 10)) }()
	require.Eventually(t, func() bool { return c.exp.Stats().Queued > 1000 }, 30*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.Error(t, c.exp.Shutdown(ctx))
	require.ErrorIs(t, <-exported, sdkmetric.ErrExporterShutdown)
	s := c.exp.Stats()
	assert.Equal(t, uint64(10_000), s.Offered)
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
	assert.Equal(t, s.Dropped.Total(), s.Dropped.Shutdown)
}

// TestBooksConcurrentSafe calls everything at once and asserts the promise: in
// traffic the difference is bounded, at rest the books close.
func TestBooksConcurrentSafe(t *testing.T) {
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {})
	require.NoError(t, err)
	const buffer, callers = 256, 8
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()),
		exporter.WithBufferSize(buffer), exporter.WithPacing(0, 0), exporter.WithMaxPacketSize(1472))
	require.NoError(t, err)
	// What ring, run, packets and callers in flight can hold, see Stats.
	const packets, perPacket, run, perCaller = 33, 1472 / 4, 50, 64
	bound := uint64(buffer + packets*perPacket + run + callers*perCaller)
	var offered atomic.Uint64
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			rm := counters(5, 40)
			for n := range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%7 == 0 {
					cancel() // the points count as deadline
				}
				offered.Add(200)
				err := exp.Export(ctx, rm)
				if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, sdkmetric.ErrExporterShutdown) {
					t.Error(err)
				}
				if n%5 == i%5 {
					assert.NoError(t, exp.ForceFlush(t.Context()))
				}
				requireBounded(t, exp, bound)
				if i == 0 && n == 50 {
					_ = exp.Shutdown(t.Context()) // later ones meet a closed exporter
				}
				cancel()
			}
		})
	}
	group.Wait()
	s := exp.Stats()
	assert.Equal(t, offered.Load(), s.Offered)
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
	assert.Zero(t, s.Queued)
	assert.Positive(t, s.Dropped.Deadline)
	assert.Positive(t, s.Dropped.Shutdown)
	books(t, exp, r)
	require.NoError(t, r.Close())
}

// requireBounded asserts the books of an exporter in use: never more is settled than was
// offered, and at most bound less. If a reader of Stats is held up in the middle, again and
// again, it sees a larger difference, so the least of a few counts.
func requireBounded(t *testing.T, exp *exporter.Exporter, bound uint64) {
	t.Helper()
	least := uint64(math.MaxUint64)
	for try := 0; try < 5 && least > bound; try++ {
		s := exp.Stats()
		settled := s.Sent + s.Dropped.Total()
		assert.LessOrEqual(t, settled, s.Offered)
		least = min(least, s.Offered-min(settled, s.Offered))
	}
	assert.LessOrEqual(t, least, bound)
}

// books waits until exporter and receiver agree, and returns the receiver's books. Handlers
// that take every event apart need long for it under the race detector.
func books(t *testing.T, exp *exporter.Exporter, r *receiver.Receiver) receiver.Counts {
	t.Helper()
	s := exp.Stats()
	var p receiver.Counts
	agree := func() bool {
		p = r.Stats().Points
		return p.Sent == s.Sent && p.Sent == p.Received+p.Lost && p.Received == p.Delivered+p.Rejected+p.Overrun
	}
	for end := time.Now().Add(time.Minute); !agree(); <-time.After(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "exporter %+v, receiver %+v", s, r.Stats())
	}
	return p
}

// TestLargeExport is one export of everything a large service has, through the
// default ring and pace, over and over: nothing is lost.
func TestLargeExport(t *testing.T) {
	rm := counters(20, 2000)
	for i := range testsize.Pick(5, 20) {
		r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {})
		require.NoError(t, err)
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()))
		require.NoError(t, err)
		require.NoError(t, exp.Export(t.Context(), rm))
		require.NoError(t, exp.Shutdown(t.Context()))
		s := exp.Stats()
		assert.Equal(t, uint64(40_000), s.Sent, "run %d", i)
		assert.Zero(t, s.Dropped.Total(), "run %d: %+v", i, s)
		p := books(t, exp, r)
		assert.Equal(t, uint64(40_000), p.Delivered, "run %d: %+v", i, r.Stats())
		require.NoError(t, r.Close())
	}
}

// TestUnresolvedName: New succeeds although the name has no address, and what is handed
// over meanwhile is counted.
func TestUnresolvedName(t *testing.T) {
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint("no-such-name.invalid:4319"))
	require.NoError(t, err)
	require.NoError(t, exp.Export(t.Context(), counters(2, 50)))
	require.NoError(t, exp.ForceFlush(t.Context()))
	assert.Equal(t, exporter.Dropped{Unresolved: 100}, exp.Stats().Dropped)
	require.ErrorContains(t, exp.Shutdown(t.Context()), "shutdown: the endpoint cannot be dialled: ")
	assert.Zero(t, exp.Stats().Packets)
}

// TestNobodyListens: the other side is a closed port. A refused connection is reported for
// a later packet, so that packet is sent at the second try, and counts as sent. Shutdown
// tells.
func TestNobodyListens(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(l.LocalAddr().String()))
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, exp.Export(t.Context(), counters(2, 200)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	s := exp.Stats()
	assert.Equal(t, uint64(4000), s.Offered)
	assert.Equal(t, s.Offered, s.Sent)
	assert.Positive(t, s.ConnectionsRefused)
	assert.Equal(t, s.ConnectionsRefused, s.SendErrors)
	assert.Equal(t, exporter.CircuitClosed, s.Circuit, "not before three seconds")
	require.ErrorContains(t, exp.Shutdown(t.Context()), "no open port at "+l.LocalAddr().String())
}

// TestSDK runs the real reader on the exporter, and hands over data whose memory the reader
// uses again.
func TestSDK(t *testing.T) {
	c := connect(t, exporter.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(c.exp)))
	n, err := mp.Meter("m").Int64Counter("n")
	require.NoError(t, err)
	n.Add(t.Context(), 3)
	require.NoError(t, mp.ForceFlush(t.Context()))
	got := (<-c.arrived).ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64])
	assert.Equal(t, metricdata.DeltaTemporality, got.Temporality)
	assert.Equal(t, int64(3), got.DataPoints[0].Value)

	rm := data(metricdata.Metrics{Name: "h", Data: metricdata.Histogram[int64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[int64]{{
			Bounds: []float64{1, 2}, BucketCounts: []uint64{4, 5, 6}, Count: 15,
			Exemplars: []metricdata.Exemplar[int64]{{TraceID: []byte("0123456789abcdef"), SpanID: []byte("01234567")}},
		}},
	}})
	want := lines(rm)
	require.NoError(t, c.exp.Export(t.Context(), rm))
	p := &rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[int64]).DataPoints[0]
	clear(p.BucketCounts)
	clear(p.Bounds)
	clear(p.Exemplars[0].TraceID)
	clear(p.Exemplars)
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	assert.Equal(t, want, lines(c.receive(t, 1)...))

	require.NoError(t, mp.Shutdown(t.Context()))
	assert.ErrorIs(t, mp.Shutdown(t.Context()), sdkmetric.ErrReaderShutdown)
}

// TestSelectorsAnswerWhileExportWaits: the SDK asks them under its own locks.
func TestSelectorsAnswerWhileExportWaits(t *testing.T) {
	c := connect(t, exporter.WithBufferSize(2), exporter.WithPacing(1, 1),
		exporter.WithAggregationSelector(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return sdkmetric.AggregationDrop{} }))
	ctx, cancel := context.WithCancel(t.Context())
	exported := make(chan error)
	go func() { exported <- c.exp.Export(ctx, counters(1000, 10)) }()
	require.Eventually(t, func() bool { return c.exp.Stats().Queued > 1000 }, 30*time.Second, time.Millisecond)
	assert.Equal(t, metricdata.CumulativeTemporality, c.exp.Temporality(sdkmetric.InstrumentKindCounter))
	assert.Equal(t, sdkmetric.AggregationDrop{}, c.exp.Aggregation(sdkmetric.InstrumentKindCounter))
	assert.Contains(t, fmt.Sprintf("%+v", c.exp.MarshalLog()), "Endpoint:127.0.0.1:")
	cancel()
	require.ErrorIs(t, <-exported, context.Canceled)
	over, stop := context.WithCancel(t.Context())
	stop()
	require.Error(t, c.exp.Shutdown(over))
}

// silent opens a socket that nobody reads and returns its address.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.LocalAddr().String()
}

// TestShutdownCutsAnExport: the SDK's reader cancels the export under way when it is shut
// down. What had room is sent, and Shutdown's error says how much had none.
func TestShutdownCutsAnExport(t *testing.T) {
	t.Parallel()
	// The whole export would take ten seconds, however late this test looks at it.
	c := connect(t, exporter.WithPacing(25, 1), exporter.WithBufferSize(256), exporter.WithMaxPacketSize(1472),
		exporter.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(c.exp, sdkmetric.WithInterval(500*time.Millisecond))),
		sdkmetric.WithCardinalityLimit(0))
	counter, err := mp.Meter("m").Int64Counter("n")
	require.NoError(t, err)
	for i := range 20_000 {
		counter.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("i", i)))
	}
	require.Eventually(t, func() bool { return c.exp.Stats().Sent > 100 }, 30*time.Second, time.Millisecond)
	err = mp.Shutdown(t.Context())
	s := c.exp.Stats()
	require.Positive(t, s.Dropped.Deadline)
	require.ErrorContains(t, err, fmt.Sprintf("%d points not handed over: their Export was cancelled (deadline)", s.Dropped.Deadline))
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Deadline, "what had room is sent")
}

// TestProviderEndsLikeTheSDKs: a program flushes and ends the direct path's provider as it
// does the SDK's.
func TestProviderEndsLikeTheSDKs(t *testing.T) {
	c := connect(t)
	mp, ok := c.exp.MeterProvider().(interface {
		metric.MeterProvider
		ForceFlush(context.Context) error
		Shutdown(context.Context) error
	})
	require.True(t, ok)
	assert.Same(t, mp, c.exp.MeterProvider())
	jobs, err := mp.Meter("m").Int64Counter("jobs")
	require.NoError(t, err)
	jobs.Add(t.Context(), 1)
	require.NoError(t, mp.ForceFlush(t.Context()))
	assert.Equal(t, uint64(1), c.exp.Stats().Sent)
	require.NoError(t, mp.Shutdown(t.Context()))
	jobs.Add(t.Context(), 1)
	assert.Equal(t, uint64(1), c.exp.Stats().Dropped.Shutdown)
}
