package handoff

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/wire"
)

// TestClosingEndsTheWaitForTheHold: an Export and a collection that wait for another collection
// end at once when the queue is closed. Close waits for the other one.
func TestClosingEndsTheWaitForTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(64, math.MaxInt64)
		holder := w.Sink()
		require.True(t, holder.Await(t.Context(), false))
		exported, awaited, closed := make(chan error, 1), make(chan bool, 1), make(chan struct{})
		go func() { exported <- w.Export(t.Context(), metricsOf(sum(3))) }()
		waiter := w.Sink()
		go func() { awaited <- waiter.Await(t.Context(), true) }()
		synctest.Wait()
		assert.Empty(t, exported)
		assert.Empty(t, awaited)
		go func() { defer close(closed); w.Close() }()
		require.ErrorIs(t, <-exported, metric.ErrExporterShutdown)
		assert.False(t, <-awaited)
		assert.Equal(t, uint64(3), w.requireBooks(t, 0).Dropped[wire.Shutdown])
		assert.Equal(t, uint64(1), w.Exports(), "the Export that had points")
		assert.True(t, w.UnderWay())
		assert.False(t, holder.Await(t.Context(), false), "no more points")
		holder.Refuse(wire.Deadline)
		waiter.Done()
		assert.True(t, w.UnderWay())
		holder.Done()
		<-closed
		assert.False(t, w.UnderWay())
		assert.Equal(t, uint64(2), w.Exports(), "the collection that pushed nothing, and dropped a point")
		require.ErrorIs(t, w.Export(t.Context(), metricsOf(sum(0))), metric.ErrExporterShutdown)
		assert.Equal(t, uint64(2), w.Exports(), "it had no points")
		w.requireBooks(t, 0)
	})
}

// TestClosingDuringTheWalk: an Export under way looks again and again whether the queue is closing.
func TestClosingDuringTheWalk(t *testing.T) {
	w := open(64, math.MaxInt64)
	w.Close()
	x := export{ctx: t.Context(), queue: w.Queue, books: &w.books}
	for i := range offerRun - 1 {
		x.offer(i, offerRun)
	}
	assert.False(t, x.refused)
	x.offer(offerRun-1, offerRun)
	assert.True(t, x.refused)
	assert.Equal(t, wire.Shutdown, x.reason)
	assert.Equal(t, []error{metric.ErrExporterShutdown}, x.errs)
	assert.Equal(t, uint64(offerRun), w.books.Offered())
}

// TestNoPayloadInTime: who waits for a payload until the context ends hands nothing over, and an
// Export counts its points.
func TestNoPayloadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(64, 1) // there is room for one payload
		require.NoError(t, w.Export(t.Context(), metricsOf(histogram(1, 2))))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := w.Sink()
		assert.True(t, s.Await(short, false), "a number needs none")
		assert.False(t, s.Await(short, true))
		s.Done()
		require.ErrorIs(t, w.Export(short, metricsOf(histogram(3, 2))), context.DeadlineExceeded)
		assert.Equal(t, uint64(3), w.requireBooks(t, 1).Dropped[wire.Deadline])
		assert.Equal(t, 1, w.take(func(*wire.Point) {}))
		assert.True(t, w.Sink().Await(t.Context(), true), "it is back")
	})
}

// TestLargeCollection: a point of a collection is taken once there is room for it, however large
// it is. Nothing is taken from the budget for what is beyond it.
func TestLargeCollection(t *testing.T) {
	w := open(64, payloadCost*4)
	s := w.Sink()
	left := w.config.Memory.Left()
	for range 3 {
		require.True(t, s.Await(t.Context(), true))
		s.Push(&wire.Point{Metric: &wire.Metric{}, Distribution: &wire.Distribution{BucketCounts: make([]uint64, 10_000)}})
	}
	s.Done()
	assert.Equal(t, int64(3*(80_000-payloadCost)), w.payloads.extra.Load())
	assert.Equal(t, 3, w.take(func(p *wire.Point) { assert.Len(t, p.Distribution.BucketCounts, 10_000) }))
	assert.Zero(t, w.payloads.extra.Load())
	assert.Equal(t, left-3*payloadCost, w.config.Memory.Left(), "the payloads themselves are kept")
}

// TestEmptyQueue has room, and nothing was ever in it.
func TestEmptyQueue(t *testing.T) {
	w := open(64, math.MaxInt64)
	assert.Equal(t, [3]int{0, 64, 0}, [3]int{w.Len(), w.Cap(), w.Cancelled()})
	assert.Equal(t, [2]uint64{0, 0}, [2]uint64{w.reader.Pushed(), w.reader.Taken()})
	require.NoError(t, w.Export(t.Context(), metricsOf(sum(0))))
	assert.Zero(t, w.Exports(), "it had no points")
}
