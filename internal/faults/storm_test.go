//go:build linux

package faults

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/internal/testsize"
)

// TestFault24RingFull: 64 callers push into a ring whose sender stands still.
func TestFault24RingFull(t *testing.T) {
	t.Parallel()
	for name, strategy := range map[string]drop.Strategy{
		"newest": drop.Newest(), "oldest": drop.Oldest(), "priority": drop.ByPriority(), "sampled": drop.Sampled(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const callers, calls = 64, 2000
			l := newLine(t, faultproxy.Faults{}, exporter.WithBufferSize(1024), exporter.WithPacing(1, 1),
				exporter.WithFlushInterval(0), exporter.WithDropStrategy(strategy))
			inTurn(func() {
				var group sync.WaitGroup
				for g := range callers {
					group.Go(func() {
						for i := range calls {
							l.exp.RecordMetric("storm", 1, exporter.Tag{Key: "caller", Value: fmt.Sprint(g, i%3)})
						}
					})
				}
				group.Wait()
			})
			s := l.exp.Stats()
			assert.Equal(t, uint64(callers*calls), s.Offered)
			assert.Positive(t, s.Dropped.Total())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Error(t, l.exp.Shutdown(ctx), "it cannot send all that")
			s = shut(t, l.exp)
			assert.Equal(t, s.Sent, closed(t, l.recv, s.Sent, 0).Points.Delivered)
		})
	}
}

// TestFault25ShutdownInAStorm: everything at once, from everywhere.
func TestFault25ShutdownInAStorm(t *testing.T) {
	t.Parallel()
	l := newLine(t, faultproxy.Faults{Lose: 1, Of: 10, SpareReports: true}, exporter.WithBufferSize(1024))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	inTurn(func() {
		var group sync.WaitGroup
		for g := range 64 {
			group.Go(func() {
				rm := points(20)
				for i := range 30 {
					_ = l.exp.Export(t.Context(), rm) // ErrExporterShutdown after Shutdown
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
	})
	require.NoError(t, l.exp.Shutdown(t.Context()))
	require.Error(t, l.exp.Export(t.Context(), points(1)))
	s := shut(t, l.exp)
	assert.Positive(t, s.Dropped.Shutdown)
	require.Eventually(t, func() bool { b := l.proxy.Books(); return b.Received.Points == s.Sent && b.Held.Packets == 0 }, patience, time.Millisecond)
	lost := l.proxy.Books().Lost.Points
	assert.Equal(t, lost, closed(t, l.recv, s.Sent, lost).Points.Lost)
}

// TestBurst sends one export of a large service into a socket with the receive buffer that
// Linux gives by default. Its reader takes ten microseconds for 1472 bytes and stops, once,
// for eight milliseconds. Paced, the export loses nothing, or only what the kernel counts,
// whatever size packets have. Not paced it loses much.
func TestBurst(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the reader down")
	}
	const udpAddress, stop = "127.0.0.1:0", 8 * time.Millisecond
	for _, tt := range []struct {
		name, address string
		opts          []exporter.Option
	}{
		{"packets of 1472 bytes", udpAddress, []exporter.Option{exporter.WithMaxPacketSize(1472)}},
		{"packets for loopback", udpAddress, nil},
		{"packets for a Unix socket", "unixgram://" + filepath.Join(t.TempDir(), "s"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The buffer holds 135 to 195 KB, and 15 KB come in a millisecond: the pace is
			// for readers that stop no longer than this. A run in which the machine kept
			// reader or sender waiting for longer says nothing.
			const stall = 500 * time.Microsecond
			runs := testsize.Pick(10, 20)
			most := 3 * runs
			complete, counted := 0, 0
			for n := 0; counted < runs && n < most; n++ {
				b := burst(t, tt.address, stop, tt.opts...)
				if b.lost > 0 && b.stalled > stall {
					t.Logf("not counted: %+v", b)
					continue
				}
				counted++
				if b.lost == 0 && b.took < time.Second {
					complete++
				}
			}
			t.Logf("%d of %d complete", complete, counted)
			if counted < runs {
				t.Skip("this machine is too busy to read a socket")
			}
			assert.GreaterOrEqual(t, complete, runs-1)
		})
	}
	t.Run("not paced", func(t *testing.T) {
		// On a busy machine it is at times the sender that is kept waiting.
		var lost []uint64
		for range 10 {
			lost = append(lost, 100*burst(t, udpAddress, stop, exporter.WithMaxPacketSize(1472), exporter.WithPacing(0, 0)).lost/40_000)
		}
		t.Logf("%d %% lost", lost)
		assert.Greater(t, slices.Max(lost), uint64(10))
	})
}

// bursted is what became of 40,000 points.
type bursted struct {
	lost    uint64        // all of them by the kernel's own count
	took    time.Duration // until the last had left
	stalled time.Duration // the longest that the machine kept reader or sender waiting
}

func burst(t *testing.T, address string, stop time.Duration, opts ...exporter.Option) (b bursted) {
	t.Helper()
	const buffer, perPacket = 212_992, 10 * time.Microsecond
	r := newBareReader(t, address, buffer, perPacket, stop)
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
	b.took = time.Since(begin)
	s := shut(t, exp)
	require.Equal(t, uint64(40_000), s.Sent)
	b.lost = s.Sent - r.settle(t, s.Packets)
	b.stalled = r.stalled()
	return b
}

// TestShutdownWithoutReceiver: without a receiver and with a full ring Shutdown takes no
// time. It says what was not sent, why, and that no receiver was there. When the circuit is
// open nothing is sent, and it says that.
func TestShutdownWithoutReceiver(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	if raceEnabled {
		t.Skip("the race detector keeps the ring from filling up")
	}
	values := []string{"a", "b", "c", "d"}
	t.Run("open circuit", func(t *testing.T) {
		const series = 1000
		exp, err := exporter.New(t.Context(), exporter.WithEndpoint(dead.LocalAddr().String()), exporter.WithLogger(silent),
			exporter.WithFlushInterval(10_000*time.Hour)) // the series become points in Shutdown, and not before
		require.NoError(t, err)
		for end := time.Now().Add(patience); exp.Stats().Circuit != exporter.CircuitOpen; <-time.After(50 * time.Millisecond) {
			require.True(t, time.Now().Before(end))
			export(t, exp, 10, 1)
		}
		for i := range series {
			require.True(t, exp.RecordMetric("n", 1, exporter.Tag{Key: "k", Value: fmt.Sprint(i)}))
		}
		begin := time.Now()
		err = exp.Shutdown(t.Context())
		assert.Less(t, time.Since(begin), 250*time.Millisecond)
		require.ErrorContains(t, err, fmt.Sprintf("%d points not sent (breaker_open %d)", series, series))
		s := shut(t, exp)
		assert.GreaterOrEqual(t, s.Dropped.BreakerOpen, uint64(series))
	})
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
		for i := range 1 << 14 { // as many as the pump has taken meanwhile
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
