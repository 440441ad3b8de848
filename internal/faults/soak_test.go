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
	"github.com/otelgram/otelgram/receiver"
)

var soakFor = flag.Duration("soak", 6*time.Second, "how long TestSoak runs")

// soakRate is how many points are sent in a second.
const soakRate = 200_000

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

// TestSoak sends at a steady rate while the network loses and reorders and the
// receiver is restarted, in turn; memory, goroutines and descriptors stay what
// they are, and the books close.
func TestSoak(t *testing.T) {
	r, err := receiver.Listen("127.0.0.1:0", nop)
	require.NoError(t, err)
	p, err := faultproxy.Listen(r.Addr().String(), 34, faultproxy.Faults{})
	require.NoError(t, err)
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
			_ = exp.Export(ctx, rm) // what it loses is in the books
		}
	}()
	s := &soak{exp: exp, recv: r, proxy: p, address: r.Addr().String()}
	s.run(t, ctx)
	<-ended
	p.Set(faultproxy.Faults{})
	books := shut(t, exp)
	require.Eventually(t, func() bool { b := p.Books(); return b.Held.Packets == 0 && b.Received.Points == books.Sent }, patience, time.Millisecond,
		"what the kernel took reaches the proxy")
	require.NoError(t, s.recv.Close())
	s.count(s.recv.Stats())
	p.Close()
	t.Logf("exporter %+v\nproxy %+v\nhanded %d", books, p.Books(), s.handed)
	assert.Greater(t, books.Offered, uint64(soakRate/2*soakFor.Seconds()))
	assert.Equal(t, p.Books().Received.Points, p.Books().Forwarded.Points+p.Books().Lost.Points)
	// What the proxy let through was handed over, or met a receiver that was not there.
	assert.GreaterOrEqual(t, p.Books().Forwarded.Points, s.handed)
	assert.Greater(t, s.handed, books.Sent/4)
}

type soak struct {
	exp     *exporter.Exporter
	recv    *receiver.Receiver
	proxy   *faultproxy.Proxy
	address string
	handed  uint64
}

// run cycles through the faults until ctx ends. The first quarter of the time is
// for the process to grow to its size.
func (s *soak) run(t *testing.T, ctx context.Context) {
	t.Helper()
	begin := time.Now()
	var first vitals
	for i := 0; ctx.Err() == nil; i++ {
		switch i % 4 {
		case 0:
			s.proxy.Set(faultproxy.Faults{Loss: 0.05})
		case 1:
			s.proxy.Set(faultproxy.Faults{Reorder: 50})
		case 2:
			s.proxy.Set(faultproxy.Faults{Duplicate: 20})
		case 3:
			s.proxy.Set(faultproxy.Faults{})
			s.restart(t)
		}
		if first == (vitals{}) && time.Since(begin) > *soakFor/4 {
			first = takeVitals(t)
		}
		select {
		case <-time.After(*soakFor / 40):
		case <-ctx.Done():
		}
		b := s.exp.Stats()
		require.LessOrEqual(t, b.Sent+b.Dropped.Total(), b.Offered)
	}
	last := takeVitals(t)
	t.Logf("%+v, %+v", first, last)
	assert.LessOrEqual(t, last.goroutines, first.goroutines+4)
	assert.LessOrEqual(t, last.descriptors, first.descriptors+4)
	assert.LessOrEqual(t, last.resident, first.resident+first.resident/4+16<<20)
}

// restart ends the receiver and starts another at its address.
func (s *soak) restart(t *testing.T) {
	t.Helper()
	require.NoError(t, s.recv.Close())
	stats := s.recv.Stats()
	require.Equal(t, stats.Points.Received, stats.Points.Handed+stats.Points.Rejected+stats.Points.Overrun)
	s.count(stats)
	r, err := receiver.Listen(s.address, nop)
	require.NoError(t, err)
	s.recv = r
}

func (s *soak) count(stats receiver.Stats) { s.handed += stats.Points.Handed }
