package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/latency"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/wire"
)

func eventConfig(s session.Socket) Config {
	c := testConfig(s)
	c.Strategy = drop.Newest()
	return c
}

// eventStream returns a stream each of whose measurements is a point.
func (a *aggregated) eventStream(t *testing.T, name string, own bool) *aggregate.Stream[int64] {
	t.Helper()
	c := counterConfig(name)
	queue := a.Events(resource.Empty())
	c.Delta, c.Own = true, own
	c.Events = func(s aggregate.Single, bits uint64) bool { return queue.Push(s, bits) }
	return a.stream(t, c)
}

// TestPumpGathersEvents: events do not wake a pump that has seen some a moment ago; it
// comes back by itself, and callers never wait for it.
func TestPumpGathersEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		a := startAggregated(t, eventConfig(s))
		of := a.eventStream(t, "n", false)
		add := func() { require.True(t, of.Record(attribute.Set{}, 1)) }
		waiting := func() int { return a.events.Load().Len() }
		add() // wakes the pump
		synctest.Wait()
		assert.Zero(t, waiting())
		add()
		add()
		synctest.Wait()
		assert.Equal(t, 2, waiting(), "these gather")
		<-time.After(a.config.MaxBatchAge)
		synctest.Wait()
		assert.Zero(t, waiting())
		wakes := a.config.BufferSize / 4
		for range wakes - 1 {
			add()
		}
		synctest.Wait()
		assert.Equal(t, wakes-1, waiting(), "these gather as well")
		add()
		synctest.Wait()
		assert.Zero(t, waiting(), "a quarter of the ring wakes it")
		add()
		begin := time.Now()
		require.NoError(t, a.Flush(t.Context()))
		assert.Less(t, time.Since(begin), a.config.MaxBatchAge/10, "that does not wait")
		assert.Len(t, decoded(t, s), 4+wakes)
		require.NoError(t, a.Close(t.Context()))
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestOwnEventsAreNotTimed: they do not hide the latency of others in their packet.
func TestOwnEventsAreNotTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAggregated(t, eventConfig(&fakeSender{}))
		timed, own := a.eventStream(t, "timed", false), a.eventStream(t, "own", true)
		var seen latency.Counts
		latencies := func(of ...*aggregate.Stream[int64]) int {
			for _, s := range of {
				require.True(t, s.Record(attribute.Set{}, 1))
			}
			require.NoError(t, a.Flush(t.Context()))
			c := a.Latencies().EndToEnd.Since(&seen)
			return int(c.Total())
		}
		assert.Equal(t, 1, latencies(timed))
		assert.Zero(t, latencies(own, own))
		assert.Equal(t, 1, latencies(own, timed))
		require.NoError(t, a.Close(t.Context()))
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestEventsAfterClose: the queue that is asked for late takes nothing.
func TestEventsAfterClose(t *testing.T) {
	a := startAggregated(t, eventConfig(&fakeSender{}))
	require.NoError(t, a.Close(t.Context()))
	of := a.eventStream(t, "n", false)
	assert.Same(t, a.Events(resource.Empty()), a.Events(resource.Empty()))
	assert.False(t, of.Record(attribute.Set{}, 1))
	assert.Equal(t, uint64(1), a.Stats().Dropped[wire.Shutdown])
	requireClosedBooks(t, a.Pipeline)
}

// TestQueuesTakeTurns: events that come faster than they can be sent do not keep the points
// of an Export from being sent, nor the other way round.
func TestQueuesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := eventConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 100, 1
		a := startAggregated(t, c)
		of := a.eventStream(t, "event", false)
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() { // the event queue is always full
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					for range 100 {
						of.Record(attribute.Set{}, 1)
					}
				}
			}
		}()
		<-time.After(time.Second)
		require.Positive(t, a.Stats().Dropped[wire.RingFull], "the event queue is full")
		begin := time.Now()
		queue := a.events.Load()
		taken := func() uint64 { return queue.Pushed() - uint64(queue.Len()) }
		events := taken()
		const points = 2000
		require.NoError(t, a.Export(t.Context(), sums(points)))
		require.NoError(t, a.Flush(t.Context()))
		took := time.Since(begin)
		assert.Less(t, took, 5*time.Second)
		assert.Greater(t, taken()-events, uint64(points)/2, "events went on")
		close(stop)
		<-done
		_ = a.Close(t.Context())
		requireClosedBooks(t, a.Pipeline)
	})
}
