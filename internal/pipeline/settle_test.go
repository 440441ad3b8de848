package pipeline

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

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

// TestExportsThatReachNothing: an Export or a collection of which no point gets into the queue,
// or out of it, is settled, too: once, and at once.
func TestExportsThatReachNothing(t *testing.T) {
	never := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	wide := make([]attribute.KeyValue, wire.MaxAttributes+1)
	for i := range wide {
		wide[i] = attribute.Int(strconv.Itoa(i), i)
	}
	sum := func(change func(d *metricdata.Sum[int64])) *metricdata.ResourceMetrics {
		rm := sums(3)
		m := &rm.ScopeMetrics[0].Metrics[0]
		d := m.Data.(metricdata.Sum[int64])
		change(&d)
		m.Data = d
		return rm
	}
	each := func(change func(p *metricdata.DataPoint[int64])) *metricdata.ResourceMetrics {
		return sum(func(d *metricdata.Sum[int64]) {
			for i := range d.DataPoints {
				change(&d.DataPoints[i])
			}
		})
	}
	export := func(rm *metricdata.ResourceMetrics) func(*testing.T, *Pipeline) {
		return func(t *testing.T, p *Pipeline) { _ = p.Export(t.Context(), rm) }
	}
	tooLarge := sums(3)
	tooLarge.Resource = resource.NewSchemaless(attribute.String("large", strings.Repeat("x", 1<<16)))
	for _, tt := range []struct {
		name   string
		do     func(t *testing.T, p *Pipeline)
		reason wire.DropReason
	}{
		{"invalid times", export(each(func(p *metricdata.DataPoint[int64]) { p.Time = never })), wire.Invalid},
		{"no wire form", export(each(func(p *metricdata.DataPoint[int64]) { p.Attributes = attribute.NewSet(wide...) })), wire.Encode},
		{"an unknown temporality", export(sum(func(d *metricdata.Sum[int64]) { d.Temporality = 9 })), wire.Encode},
		{"a resource too large", export(tooLarge), wire.Oversize},
		{"an Export that waits for another in vain", func(t *testing.T, p *Pipeline) {
			before := p.Stats().Exports
			other := p.Sink()
			require.True(t, other.Await(t.Context(), false))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, p.Export(ctx, sums(3)), context.DeadlineExceeded)
			synctest.Wait()
			assert.Equal(t, before, p.Stats().Exports, "the other is under way")
			other.Done()
		}, wire.Deadline},
		{"a collection that waits in vain", func(t *testing.T, p *Pipeline) {
			before := p.Stats().Exports
			other := p.Sink()
			require.True(t, other.Await(t.Context(), false))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s := p.Sink()
			require.False(t, s.Await(ctx, false))
			other.Done()
			for range 3 {
				s.Refuse(wire.Deadline)
			}
			synctest.Wait()
			assert.Equal(t, before, p.Stats().Exports, "it is under way")
			s.Done()
		}, wire.Deadline},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, testConfig(&fakeSender{}))
				synctest.Wait()
				for n := uint64(1); n <= 2; n++ {
					tt.do(t, p)
					synctest.Wait()
					assert.Equal(t, 3*n, p.Stats().Dropped[tt.reason])
					assert.Equal(t, n, p.Stats().Exports)
				}
				_ = p.Close(t.Context())
				assert.Equal(t, uint64(2), p.Stats().Exports)
			})
		})
	}
}

// TestCollectionsAreSettled: a collection counts if it has offered a point, whatever became of it.
// One of series that are forgotten does not count.
func TestCollectionsAreSettled(t *testing.T) {
	for _, tt := range []struct {
		name   string
		of     *resource.Resource
		reason wire.DropReason
	}{
		{"sent", resource.Empty(), wire.DropReason(wire.DropReasons)},
		{"too large", resource.NewSchemaless(attribute.String("large", strings.Repeat("x", 1<<16))), wire.Oversize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := startAggregatedOf(t, testConfig(&fakeSender{}), tt.of)
				c := counterConfig("n")
				c.Delta = true
				stream := a.stream(t, c)
				for n := uint64(1); n <= 3; n++ {
					require.True(t, stream.Record(attribute.Set{}, 1))
					a.collect(t.Context())
					synctest.Wait()
					assert.Equal(t, n, a.Stats().Exports)
				}
				for range 20 {
					a.collect(t.Context())
				}
				synctest.Wait()
				s := a.Stats()
				assert.Equal(t, uint64(3), s.Exports, "nothing was measured")
				assert.Equal(t, uint64(3), s.Offered)
				if tt.reason != wire.DropReason(wire.DropReasons) {
					assert.Equal(t, uint64(3), s.Dropped[tt.reason])
				}
				_ = a.Close(t.Context())
			})
		})
	}
}

// TestLastExportIsSettled: what was handed over just before Close counts, and what is refused
// after it does not.
func TestLastExportIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, testConfig(&fakeSender{}))
		require.NoError(t, p.Export(t.Context(), sums(500)))
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, uint64(500), p.Stats().Sent)
		assert.Equal(t, uint64(1), p.Stats().Exports)
		require.ErrorIs(t, p.Export(t.Context(), sums(1)), metric.ErrExporterShutdown)
		assert.Equal(t, uint64(1), p.Stats().Exports, "there is no pump to count it")
	})
}

// TestCloseCountsTheRest, although somebody who waited for the queue in vain has not gone yet.
func TestCloseCountsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, testConfig(&fakeSender{}))
		holder, late := p.Sink(), p.Sink()
		require.True(t, holder.Await(t.Context(), false))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.False(t, late.Await(short, false))
		holder.Done()
		require.NoError(t, p.Export(t.Context(), sums(500)))
		<-time.After(time.Second)
		synctest.Wait()
		assert.Equal(t, uint64(500), p.Stats().Sent)
		assert.Zero(t, p.Stats().Exports, "one is under way")
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, uint64(1), p.Stats().Exports)
		late.Done()
		assert.Equal(t, uint64(1), p.Stats().Exports)
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
