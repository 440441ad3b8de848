//go:build linux

package faults

import (
	"context"
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

var soakFor = flag.Duration("soak", testsize.Pick(10*time.Second, time.Minute), "how long TestSoak runs")

// soakRate is how many points are sent in a second.
const soakRate = 400_000

// vitals are what must not grow.
type vitals struct {
	resident    int // bytes
	goroutines  int
	descriptors int
}

func takeVitals(t *testing.T) (v vitals) {
	t.Helper()
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	for _, line := range strings.Split(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			v.resident = kilobytes << 10
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	v.descriptors, v.goroutines = len(files), runtime.NumGoroutine()
	return v
}

// TestSoak sends at a steady rate while the network loses, reorders and duplicates, the
// receiver is restarted and the port is closed, in turn. Memory, goroutines and descriptors
// do not grow, and the books close to the point: whatever the proxy let through was
// delivered once.
func TestSoak(t *testing.T) {
	seen := &counter{}
	r, err := receiver.Listen("127.0.0.1:0", seen.handle)
	require.NoError(t, err)
	p, err := faultproxy.Listen(r.Addr().String(), 34, faultproxy.Faults{})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(p.Addr()), exporter.WithLogger(silent),
		exporter.WithCircuitBreaker(exporter.CircuitBreakerConfig{Enabled: true, Timeout: time.Second}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rm := points(soakRate / 100)
		for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			_ = exp.Export(ctx, rm) // the books have what it loses
		}
	}()
	s := &soak{exp: exp, recv: r, proxy: p, seen: seen, address: r.Addr().String()}
	defer func() { _ = s.recv.Close() }()
	s.run(t, ctx)
	<-ended
	p.Set(faultproxy.Faults{})
	books := shut(t, exp)
	s.rest(t)
	b := p.Books()
	t.Logf("exporter %+v\nproxy %+v\nhanded %d", books, b, seen.count())
	assert.Greater(t, books.Offered, uint64(soakRate/10*soakFor.Seconds()), "a busy machine takes less than the rate")
	assert.Equal(t, b.Received.Points, b.Forwarded.Points+b.Lost.Points)
	assert.LessOrEqual(t, b.Received.Points, books.Sent, "the rest went to a closed port")
	assert.Equal(t, b.Forwarded.Points, seen.count())
	assert.Greater(t, seen.count(), books.Offered/10)
	assert.Positive(t, books.ConnectionsRefused)
	assert.Greater(t, books.Sessions, uint64(1))
	assert.Positive(t, books.Dropped.BreakerOpen)
}

type soak struct {
	exp     *exporter.Exporter
	recv    *receiver.Receiver
	proxy   *faultproxy.Proxy
	seen    *counter
	address string
}

// run cycles through the faults until ctx ends. In the first quarter of the time the
// process grows to its size.
func (s *soak) run(t *testing.T, ctx context.Context) {
	t.Helper()
	begin := time.Now()
	var taken []vitals // each time at the same place of the cycle
	for i := 0; ctx.Err() == nil; i++ {
		switch i % 10 {
		case 0, 4:
			s.proxy.Set(faultproxy.Faults{Loss: 0.05})
		case 1, 5:
			s.proxy.Set(faultproxy.Faults{Reorder: 50})
		case 2, 6:
			s.proxy.Set(faultproxy.Faults{Duplicate: 20})
		case 3, 7:
			s.restart(t)
			if time.Since(begin) > *soakFor/4 {
				taken = append(taken, takeVitals(t))
			}
		case 8:
			s.proxy.Down()
			s.await(t, ctx, "an open circuit", func() bool { return s.exp.Stats().Circuit == exporter.CircuitOpen })
			require.NoError(t, s.proxy.Up())
			before := s.proxy.Books().Received.Points
			s.await(t, ctx, "points through the port that is open again", func() bool { return s.proxy.Books().Received.Points > before })
		}
		pause(ctx, max(*soakFor/80, 250*time.Millisecond))
		b := s.exp.Stats()
		require.LessOrEqual(t, b.Sent+b.Dropped.Total(), b.Offered)
	}
	t.Logf("%+v", taken)
	require.NotEmpty(t, taken)
	first, last := taken[0], taken[len(taken)-1]
	assert.LessOrEqual(t, last.goroutines, first.goroutines+4)
	assert.LessOrEqual(t, last.descriptors, first.descriptors+4)
	assert.LessOrEqual(t, growth(taken), 0.1*float64(first.resident)+8<<20, "bytes, by the slope over the whole time")
}

// await waits until is returns true, or until ctx ends.
func (s *soak) await(t *testing.T, ctx context.Context, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ctx.Err() == nil && !is(); {
		require.True(t, time.Now().Before(end), "%s: %+v", what, s.exp.Stats())
		pause(ctx, time.Millisecond)
	}
}

// growth is by how much the resident memory has grown from the first to the last, on the
// straight line that fits all best.
func growth(taken []vitals) float64 {
	n := float64(len(taken))
	var x, y, xx, xy float64
	for i, v := range taken {
		x, y = x+float64(i), y+float64(v.resident)
		xx, xy = xx+float64(i*i), xy+float64(i)*float64(v.resident)
	}
	if n < 2 {
		return 0
	}
	return (n*xy - x*y) / (n*xx - x*x) * (n - 1)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// rest lets nothing through until everything that was let through is delivered.
func (s *soak) rest(t *testing.T) {
	t.Helper()
	s.proxy.Set(faultproxy.Faults{BlackHole: true})
	require.Eventually(t, func() bool {
		b := s.proxy.Books()
		return b.Held.Packets == 0 && b.Forwarded.Points == s.seen.count()
	}, patience, time.Millisecond, "%+v", s.recv)
}

// restart ends the receiver and starts another at its address.
func (s *soak) restart(t *testing.T) {
	t.Helper()
	s.rest(t)
	require.NoError(t, s.recv.Close())
	stats := s.recv.Stats()
	require.Equal(t, stats.Points.Received, stats.Points.Delivered)
	r, err := receiver.Listen(s.address, s.seen.handle)
	require.NoError(t, err)
	s.recv = r
	s.proxy.Rebind() // so that the proxy keeps no sockets of sessions that are over
	s.proxy.Set(faultproxy.Faults{})
}
