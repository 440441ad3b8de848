package pipeline

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/latency"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, testConfig(s))
		begin := time.Now()
		require.NoError(t, p.Export(t.Context(), sums(30_000)))
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
		packets, _ := s.packets(t)
		require.Greater(t, len(packets), 300)
		for i := range packets {
			// In no time span do more packets leave than the bucket holds and
			// the pace brings.
			for j := i; j < len(packets); j += 7 {
				allowed := 32 + int(packets[j].at.Sub(packets[i].at)/(100*time.Microsecond))
				require.LessOrEqual(t, j-i, allowed, "packets %d to %d", i, j)
			}
		}
		ideal := time.Duration(len(packets)-32) * 100 * time.Microsecond
		assert.InDelta(t, ideal.Seconds(), packets[len(packets)-1].at.Sub(begin).Seconds(), 0.003)
	})
}

// TestExportEndsItsPacket: the last packet of an Export waits for nothing.
func TestExportEndsItsPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, testConfig(s))
		for n := 1; n < 2000; n += 97 {
			before, _ := s.packets(t)
			begin := time.Now()
			require.NoError(t, p.Export(t.Context(), sums(n)))
			synctest.Wait()
			for p.Stats().Queued > 0 {
				<-time.After(100 * time.Microsecond) // the pace
			}
			packets, _ := s.packets(t)
			pace := time.Duration(max(0, len(packets)-len(before)-32)) * 100 * time.Microsecond
			assert.LessOrEqual(t, time.Since(begin), pace+1100*time.Microsecond, "%d points", n)
			<-time.After(time.Second)
		}
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestBatchAge: events wait for more of them, but not for long; a flush does not
// wait.
func TestBatchAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := startAggregated(t, eventConfig(s))
		of := p.eventStream(t, "n", false)
		add := func() { require.True(t, of.Record(attribute.Set{}, 1)) }
		begin := time.Now()
		add()
		<-time.After(50 * time.Millisecond)
		add()
		add()
		synctest.Wait()
		packets, _ := s.packets(t)
		require.Empty(t, packets)
		assert.Equal(t, uint64(3), p.Stats().Queued)
		<-time.After(time.Second)
		packets, _ = s.packets(t)
		require.Len(t, packets, 1)
		assert.Equal(t, 100*time.Millisecond, packets[0].at.Sub(begin), "the oldest point decides")
		assert.Equal(t, uint16(3), header(t, packets[0]).Points)

		add()
		begin = time.Now()
		require.NoError(t, p.Flush(t.Context()))
		assert.Zero(t, time.Since(begin), "a flush does not wait for the age")
		packets, _ = s.packets(t)
		assert.Len(t, packets, 2)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestFlushWaitsForNothingLater keeps exporting while a flush is on its way.
func TestFlushWaitsForNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 10, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(100)))
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				_ = p.Export(ctx, sums(100)) // ends with the context
			}
		}()
		begin := time.Now()
		require.NoError(t, p.Flush(t.Context()))
		assert.Less(t, time.Since(begin), 10*time.Second)
		assert.GreaterOrEqual(t, p.Stats().Sent, uint64(100))
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, p.Flush(short), context.DeadlineExceeded)
		stop()
		synctest.Wait()
		require.Error(t, p.Close(short))
		requireClosedBooks(t, p)
	})
}

func TestReportsAndGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{script: repeat(udp.Failed, 2)}
		p := start(t, testConfig(s))
		begin := time.Now()
		require.NoError(t, p.Export(t.Context(), sums(30)))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, p.Export(t.Context(), sums(20)))
		require.NoError(t, p.Flush(t.Context()))
		<-time.After(35 * time.Second)
		synctest.Wait()
		_, reports := s.packets(t)
		var at []time.Duration
		for _, r := range reports {
			at = append(at, r.at.Sub(begin))
		}
		assert.Equal(t, []time.Duration{time.Second, 11 * time.Second, 21 * time.Second, 31 * time.Second}, at)
		r, err := wire.ParseReport(reports[0].bytes)
		require.NoError(t, err)
		assert.Equal(t, uint64(time.Second), r.Age)
		assert.Equal(t, uint64(20), r.PointsSent)
		assert.Equal(t, uint64(1), r.PacketsSent)
		assert.Equal(t, uint64(1472), r.PacketLimit)
		assert.Equal(t, uint64(30), r.Dropped[wire.SendError])

		require.NoError(t, p.Close(t.Context()))
		assert.True(t, s.closed)
		_, reports = s.packets(t)
		require.Len(t, reports, 7)
		for _, r := range reports[4:] {
			h := header(t, r)
			assert.True(t, h.Goodbye)
			assert.Equal(t, uint64(5), h.Sequence, "one packet of points and four reports came before")
			assert.Equal(t, uint32(20), h.PointsBefore)
		}
	})
}

// TestCloseInTime gives up when its context ends, and says what is left.
func TestCloseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(&fakeSender{})
		c.Session.PacketsPerSecond, c.Session.Burst = 1, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(1000)))
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := p.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(begin))
		require.ErrorContains(t, err, "points not sent (shutdown ")
		assert.Equal(t, uint64(1), p.Stats().Exports, "what was not sent is settled, too")
		requireClosedBooks(t, p)
	})
}

// TestNewSession: the old socket hears goodbye, the new one begins at zero.
func TestNewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeSender{}, &fakeSender{}
		p := start(t, testConfig(a))
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Flush(t.Context()))
		p.renew(t, b)
		require.NoError(t, p.Export(t.Context(), sums(20)))
		require.NoError(t, p.Close(t.Context()))
		assert.True(t, a.closed)
		_, goodbyes := a.packets(t)
		require.Len(t, goodbyes, 3)
		first, _ := a.packets(t)
		second, _ := b.packets(t)
		require.Len(t, second, 1)
		h := header(t, second[0])
		assert.Zero(t, h.Sequence)
		assert.Zero(t, h.PointsBefore)
		assert.NotEqual(t, header(t, first[0]).Session, h.Session)
		requireClosedBooks(t, p)
	})
}

// TestWaitingForRoom pushes many callers through a queue of two points.
func TestWaitingForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.BufferSize = 2
		p := start(t, c)
		done := make(chan error)
		for range 4 {
			go func() { done <- p.Export(context.Background(), sums(2000)) }()
		}
		for range 4 {
			require.NoError(t, <-done)
		}
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, uint64(8000), p.Stats().Sent)
		requireClosedBooks(t, p)
	})
}

// TestNoPointWaitsForMore sweeps sizes of exports, so that the pump stops at
// every possible place of a run: each point leaves within the age of a packet
// and the pace, with nothing coming behind it.
func TestNoPointWaitsForMore(t *testing.T) {
	for size := 8500; size < 8800; size += 23 {
		synctest.Test(t, func(t *testing.T) {
			c := testConfig(&fakeSender{})
			c.BufferSize, c.BatchSize, c.MaxBatchAge = 32768, 100, 50*time.Millisecond
			c.Session.PacketsPerSecond, c.Session.Burst = 50_000, 64
			p := start(t, c)
			require.NoError(t, p.Export(t.Context(), sums(size)))
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
			require.Zero(t, p.Stats().Queued, "export of %d", size)
			require.NoError(t, p.Close(t.Context()))
			requireClosedBooks(t, p)
		})
	}
}

// TestMarksAreOfTheirPoints: however many points an export has, none is taken for one
// that had its place in the ring before, and its latency for the time since then.
func TestMarksAreOfTheirPoints(t *testing.T) {
	for _, n := range []int{60, 63, 64, 100, 1000, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, testConfig(&fakeSender{}))
				for range 5*p.config.BufferSize/n + 20 {
					require.NoError(t, p.Export(t.Context(), sums(n)))
					require.NoError(t, p.Flush(t.Context()))
					<-time.After(10 * time.Second)
				}
				for i, n := range p.Latencies().Buffer.Since(&latency.Counts{}) {
					assert.True(t, n == 0 || latency.Value(i) < 5*time.Second, "%v", latency.Value(i))
				}
				_ = p.Close(t.Context())
			})
		})
	}
}
