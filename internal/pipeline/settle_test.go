package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestExportsAreSettledWhole: an Export is counted once all of it is sent, and not while its
// caller waits for room or its packets for the pace.
func TestExportsAreSettledWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 100, 1
		p := start(t, c)
		for n := uint64(1); n <= 3; n++ {
			require.NoError(t, p.Export(t.Context(), sums(5000)), "more than the queue holds")
			looks := 0
			for {
				synctest.Wait()
				if st := p.Stats(); st.Exports == n {
					assert.Zero(t, st.Queued)
					assert.Equal(t, 5000*n, st.Sent)
					break
				}
				require.Equal(t, n-1, p.Stats().Exports)
				looks++
				<-time.After(time.Millisecond)
			}
			assert.Greater(t, looks, 50)
			<-time.After(time.Minute)
			assert.Equal(t, n, p.Stats().Exports, "silence and reports are no exports")
		}
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestExportUnderWayIsNotSettled: the pump has sent all there is, and yet more may come from
// the one who holds the point queue.
func TestExportUnderWayIsNotSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(&fakeSender{})
		c.Session.PacketsPerSecond, c.Session.Burst = 100, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(500)))
		collection := p.Sink()
		require.True(t, collection.Await(t.Context(), false))
		<-time.After(time.Minute)
		synctest.Wait()
		assert.Equal(t, uint64(500), p.Stats().Sent)
		assert.Zero(t, p.Stats().Exports)
		collection.Done()
		synctest.Wait()
		assert.Equal(t, uint64(1), p.Stats().Exports)
		require.NoError(t, p.Export(t.Context(), sums(0)))
		synctest.Wait()
		assert.Equal(t, uint64(1), p.Stats().Exports, "nothing was taken")
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestDroppedExportsAreSettled: it does not matter what becomes of an Export.
func TestDroppedExportsAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(nil)
		c.Session.Dial = func(context.Context, udp.Address) (session.Socket, error) { return nil, errors.New("no") }
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(10)))
		<-time.After(time.Second)
		synctest.Wait()
		assert.Equal(t, uint64(10), p.Stats().Dropped[wire.Unresolved])
		assert.Equal(t, uint64(1), p.Stats().Exports)
		require.Error(t, p.Close(t.Context()))
	})
}

// TestEventsAreSettled when their packet has left.
func TestEventsAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAggregated(t, eventConfig(&fakeSender{}))
		of := a.eventStream(t, "n", false)
		require.True(t, of.Record(attribute.Set{}, 1))
		require.True(t, of.Record(attribute.Set{}, 1))
		synctest.Wait()
		assert.Zero(t, a.Stats().Exports)
		<-time.After(2 * a.config.MaxBatchAge)
		synctest.Wait()
		assert.Equal(t, uint64(1), a.Stats().Exports)
		require.NoError(t, a.Close(t.Context()))
	})
}
