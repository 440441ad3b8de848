//go:build linux

package faults

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
)

// TestFault24RingFull has 64 callers storm a ring whose sender stands still.
func TestFault24RingFull(t *testing.T) {
	for name, strategy := range map[string]drop.Strategy{
		"newest": drop.Newest(), "oldest": drop.Oldest(), "priority": drop.ByPriority(), "sampled": drop.Sampled(),
	} {
		t.Run(name, func(t *testing.T) {
			const callers, calls = 64, 2000
			l := newLine(t, faultproxy.Faults{}, exporter.WithBufferSize(1024), exporter.WithPacing(1, 1),
				exporter.WithFlushInterval(0), exporter.WithDropStrategy(strategy))
			var group sync.WaitGroup
			for g := range callers {
				group.Go(func() {
					for i := range calls {
						l.exp.RecordMetric("storm", 1, exporter.Tag{Key: "caller", Value: fmt.Sprint(g, i%3)})
					}
				})
			}
			group.Wait()
			s := l.exp.Stats()
			assert.Equal(t, uint64(callers*calls), s.Offered)
			assert.Positive(t, s.Dropped.Total())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Error(t, l.exp.Shutdown(ctx), "it cannot send all that")
			s = shut(t, l.exp)
			assert.Equal(t, s.Sent, closed(t, l.recv, s.Sent, 0).Points.Handed)
		})
	}
}

// TestFault25ShutdownInAStorm: everything at once, from everywhere.
func TestFault25ShutdownInAStorm(t *testing.T) {
	l := newLine(t, faultproxy.Faults{Lose: 1, Of: 10, SpareReports: true}, exporter.WithBufferSize(1024))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var group sync.WaitGroup
	for g := range 64 {
		group.Go(func() {
			rm := points(20)
			for i := range 30 {
				_ = l.exp.Export(t.Context(), rm) // ErrExporterShutdown from some time on
				l.exp.RecordMetric("storm", 1)
				_ = l.exp.ForceFlush(t.Context())
				if g == 0 && i == 15 {
					_ = l.exp.Shutdown(over)
				}
				if g < 4 && i == 20 {
					_ = l.exp.Shutdown(t.Context())
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, l.exp.Shutdown(t.Context()))
	require.Error(t, l.exp.Export(t.Context(), points(1)))
	s := shut(t, l.exp)
	assert.Positive(t, s.Dropped.Shutdown)
	require.Eventually(t, func() bool { b := l.proxy.Books(); return b.Received.Points == s.Sent && b.Held.Packets == 0 }, patience, time.Millisecond)
	lost := l.proxy.Books().Lost.Points
	assert.Equal(t, lost, closed(t, l.recv, s.Sent, lost).Points.Lost)
}

// TestBurst sends one export of a large service into a socket with the receive
// buffer that Linux gives by default, whose reader takes ten microseconds for a
// packet: paced it loses nothing, or what the kernel counts; not paced it loses
// much. Where the machine is busy with something else, and the reader with it, it
// tries again.
func TestBurst(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the reader down")
	}
	t.Run("paced", func(t *testing.T) {
		const runs, attempts = 20, 4
		complete := 0
		for attempt := 0; attempt < attempts && complete < runs-1; attempt++ {
			complete = 0
			for range runs {
				if lost, took := burst(t); lost == 0 && took < time.Second {
					complete++
				}
			}
			t.Logf("%d of %d complete", complete, runs)
		}
		assert.GreaterOrEqual(t, complete, runs-1)
	})
	t.Run("not paced", func(t *testing.T) {
		most := uint64(0)
		for range 5 {
			lost, _ := burst(t, exporter.WithPacing(0, 0))
			most = max(most, 100*lost/40_000)
		}
		t.Logf("up to %d %% lost", most)
		assert.Greater(t, most, uint64(10))
	})
}

// burst sends 40,000 points, and returns how many got lost, all of them by the
// kernel's own count, and how long it took.
func burst(t *testing.T, opts ...exporter.Option) (lost uint64, took time.Duration) {
	t.Helper()
	const buffer, perPacket = 212_992, 10 * time.Microsecond
	r := newBareReader(t, buffer, perPacket)
	exp, err := exporter.New(t.Context(), append(opts, exporter.WithEndpoint(r.address), exporter.WithLogger(silent))...)
	require.NoError(t, err)
	rm := points(2000)
	one := rm.ScopeMetrics[0].Metrics[0]
	for i := range 19 {
		one.Name = fmt.Sprint("counter.", i)
		rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, one)
	}
	begin := time.Now()
	require.NoError(t, exp.Export(t.Context(), rm))
	require.NoError(t, exp.ForceFlush(t.Context()))
	took = time.Since(begin)
	s := shut(t, exp)
	require.Equal(t, uint64(40_000), s.Sent)
	return s.Sent - r.settle(t, s.Packets), took
}

// TestShutdownWithoutReceiver: with nobody there and a full ring it takes no
// time, and says what was not sent, why, and that nobody was there.
func TestShutdownWithoutReceiver(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	if raceEnabled {
		t.Skip("the race detector keeps the ring from filling up")
	}
	values := []string{"a", "b", "c", "d"}
	for _, over := range []bool{false, true} {
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(dead.LocalAddr().String()), exporter.WithLogger(silent), exporter.WithFlushInterval(0))
		require.NoError(t, err)
		tags := make([]exporter.Tag, 1)
		for i := 0; i < 1<<22 && (i%4096 > 0 || exp.Stats().Dropped.RingFull == 0); i++ {
			tags[0] = exporter.Tag{Key: "k", Value: values[i%len(values)]}
			exp.RecordMetric("full", 1, tags...)
		}
		require.Positive(t, exp.Stats().Dropped.RingFull, "the ring is full")
		ctx, cancel := context.WithCancel(t.Context())
		if over {
			cancel()
		}
		for i := range 1 << 14 { // what the pump has taken meanwhile
			tags[0] = exporter.Tag{Key: "k", Value: values[i%len(values)]}
			exp.RecordMetric("full", 1, tags...)
		}
		begin := time.Now()
		err = exp.Shutdown(ctx)
		took := time.Since(begin)
		cancel()
		t.Logf("%v: %v", took, err)
		assert.Less(t, took, 250*time.Millisecond)
		s := shut(t, exp)
		if over {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, fmt.Sprintf("(shutdown %d)", s.Dropped.Shutdown))
		} else {
			require.ErrorContains(t, err, "the other side refused packets")
			assert.True(t, strings.Contains(err.Error(), "no open port at "+dead.LocalAddr().String()), err)
		}
	}
}
