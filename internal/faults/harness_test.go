//go:build linux

package faults

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

var silent = slog.New(slog.DiscardHandler)

// points makes one counter with n series, whose values a witness can check.
func points(n int) *metricdata.ResourceMetrics {
	at := time.Now()
	sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for i := range n {
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.Int("series", i)), StartTime: at.Add(-time.Minute), Time: at, Value: at.UnixNano() + int64(i),
		})
	}
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "faults")),
		ScopeMetrics: []metricdata.ScopeMetrics{{
			Scope:   instrumentation.Scope{Name: "faults"},
			Metrics: []metricdata.Metrics{{Name: "counter", Data: sum}},
		}},
	}
}

// turn is held by the test that sends all that the pace allows.
var turn sync.Mutex

// inTurn lets one test at a time send. Only the waits of parallel tests overlap.
func inTurn(do func()) {
	turn.Lock()
	defer turn.Unlock()
	do()
}

// line is an exporter, a proxy and a receiver, one after the other, and a witness of what
// the receiver delivers.
type line struct {
	exp   *exporter.Exporter
	proxy *faultproxy.Proxy
	recv  *receiver.Receiver
	seen  *witness
}

func newLine(t *testing.T, f faultproxy.Faults, opts ...exporter.Option) *line {
	t.Helper()
	seen := newWitness()
	l := newLineTo(t, f, seen.handle, opts...)
	l.seen = seen
	return l
}

func newLineTo(t *testing.T, f faultproxy.Faults, handle func(*metricdata.ResourceMetrics), opts ...exporter.Option) *line {
	t.Helper()
	r, err := receiver.Listen("127.0.0.1:0", handle)
	require.NoError(t, err)
	p, err := faultproxy.Listen(r.Addr().String(), 1, f)
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), append([]exporter.Option{
		exporter.WithEndpoint(p.Addr()), exporter.WithLogger(silent), exporter.WithPacing(5000, 32),
		exporter.WithMaxPacketSize(1472), // as on a network
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = exp.Shutdown(context.Background())
		p.Close()
		assert.NoError(t, r.Close())
	})
	return &line{exp: exp, proxy: p, recv: r}
}

// export hands over n points, that many times, and waits until they have left.
func export(t *testing.T, exp *exporter.Exporter, n, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range times {
		require.NoError(t, exp.Export(ctx, points(n)))
	}
	require.NoError(t, exp.ForceFlush(ctx))
}

// shut ends the exporter, asserts that its books close, and returns them.
func shut(t *testing.T, exp *exporter.Exporter) exporter.Stats {
	t.Helper()
	_ = exp.Shutdown(context.Background()) // the books say enough
	s := exp.Stats()
	require.Equal(t, s.Offered, s.Sent+s.Dropped.Total(), "the exporter's books: %+v", s)
	require.Zero(t, s.Queued)
	return s
}

// settle ends the exporter and waits until the receiver's books close over what was sent,
// with exactly that many points lost.
func (l *line) settle(t *testing.T, lost func(faultproxy.Books) uint64) (exporter.Stats, receiver.Stats, faultproxy.Books) {
	t.Helper()
	s, r, b := l.settleBooks(t, lost)
	l.seen.agrees(t, r.Points.Delivered)
	return s, r, b
}

func (l *line) settleBooks(t *testing.T, lost func(faultproxy.Books) uint64) (exporter.Stats, receiver.Stats, faultproxy.Books) {
	t.Helper()
	sent := l.exp.Stats().Sent
	require.Eventually(t, func() bool { return l.proxy.Books().Received.Points >= sent || l.proxy.KernelDrops() > 0 }, patience, time.Millisecond)
	l.proxy.Set(faultproxy.Faults{}) // let the goodbye through
	s := shut(t, l.exp)
	require.Eventually(t, func() bool { return l.proxy.Books().Held.Packets == 0 }, patience, time.Millisecond)
	b := l.proxy.Books()
	r := closed(t, l.recv, s.Sent, lost(b))
	require.Zero(t, l.proxy.KernelDrops(), "this machine is too busy for the proxy to read what it is sent")
	require.Equal(t, lost(b), r.Points.Lost, "receiver %+v\nproxy %+v", r, b)
	return s, r, b
}

// requireDuplicates waits until the receiver has counted what came twice. Duplicates stand
// outside of the books, so the books may close before the last one is read.
func (l *line) requireDuplicates(t *testing.T, b faultproxy.Books) {
	t.Helper()
	require.Eventually(t, func() bool { return l.recv.Stats().Points.Duplicate >= b.Duplicated.Points }, patience, time.Millisecond)
	require.Equal(t, b.Duplicated.Points, l.recv.Stats().Points.Duplicate)
}

// closed waits until the receiver's books close over that many points sent and that many
// lost. The goodbye may overtake packets that the kernel still holds, which count as lost
// until they are read.
func closed(t *testing.T, recv *receiver.Receiver, sent, lost uint64) receiver.Stats {
	t.Helper()
	var r receiver.Stats
	balanced := func(c receiver.Counts) bool {
		return c.Sent == c.Received+c.Lost && settled(c)
	}
	end := time.Now().Add(patience)
	for {
		r = recv.Stats()
		if r.Points.Sent == sent && r.Points.Lost <= lost && balanced(r.Points) && balanced(r.Packets) {
			return r
		}
		if time.Now().After(end) {
			require.FailNow(t, "the receiver's books do not close", "%d sent, %d lost, %+v", sent, lost, r)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func lostByProxy(b faultproxy.Books) uint64 { return b.Lost.Points }

func none(faultproxy.Books) uint64 { return 0 }

// callerNeverWaits asserts that recording takes no time to speak of while do runs.
func callerNeverWaits(t *testing.T, exp *exporter.Exporter, do func()) {
	t.Helper()
	const least = 10_000
	done := make(chan struct{})
	took := make(chan []time.Duration)
	go func() {
		var calls []time.Duration
		for i := 0; ; i++ {
			select {
			case <-done:
				if i >= least {
					took <- calls
					return
				}
			default:
			}
			begin := time.Now()
			exp.RecordMetric("caller", 1, exporter.Tag{Key: "k", Value: fmt.Sprint(i % 10)})
			calls = append(calls, time.Since(begin))
			if i%1000 == 0 {
				<-time.After(time.Millisecond)
			}
		}
	}()
	do()
	close(done)
	calls := <-took
	slices.Sort(calls)
	// A scheduler may hold up a goroutine for long, once. A wait for the network or for a
	// lock of the pump would last as long as the fault does, or come again and again.
	assert.Less(t, calls[len(calls)-1], 300*time.Millisecond)
	assert.Less(t, calls[len(calls)*999/1000], 10*time.Millisecond)
}
