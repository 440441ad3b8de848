package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/relay"
)

// counting is an exporter that counts the points that were taken.
type counting struct {
	sdkmetric.Exporter
	points uint64
}

func (c *counting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := c.Exporter.Export(ctx, rm)
	if err != nil {
		return err
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if d, ok := m.Data.(metricdata.Sum[int64]); ok {
				c.points += uint64(len(d.DataPoints))
			}
		}
	}
	return nil
}

// taking is an exporter that takes everything.
type taking struct{ sdkmetric.Exporter }

func (taking) Export(context.Context, *metricdata.ResourceMetrics) error { return nil }
func (taking) Shutdown(context.Context) error                            { return nil }

// newSelfRelay returns a relay whose own metrics provider has. It has dropped something, so
// that there is each of them.
func newSelfRelay(t *testing.T, provider metric.MeterProvider) *relay.Relay {
	t.Helper()
	r, err := relay.New(taking{}, relay.WithMeterProvider(provider))
	require.NoError(t, err)
	tooMany := metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], 1<<17)}
	r.Handle(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Data: tooMany}}}}})
	require.NotZero(t, r.Stats().Dropped.QueueFull)
	return r
}

// TestRelayPlain: four thousand points a second reach an OTLP endpoint over a relay in
// one request a second. What the processes of the chain use is printed beside a service
// that exports OTLP itself.
func TestRelayPlain(t *testing.T) {
	const counters, seconds = 40, 5
	run := func(otelgram bool) (service, middle, end report, requests uint64, took time.Duration) {
		target := start(t, "endpoint", "")
		gate := newGate(t, target.address)
		w := workload{OTLP: gate.url(), Counters: counters}
		var between *child
		if otelgram {
			between = start(t, "relay", gate.url())
			w = workload{Otelgram: between.address, Counters: counters}
		}
		argument, err := json.Marshal(w)
		require.NoError(t, err)
		begin := time.Now()
		s := start(t, "service", string(argument))
		<-time.After(seconds*time.Second + 500*time.Millisecond) // between two exports
		service = s.end(t)
		if otelgram {
			middle = between.end(t)
		}
		took = time.Since(begin)
		return service, middle, target.end(t), gate.requests.Load(), took
	}

	service, middle, end, requests, took := run(true)
	agree(t, service.Exporter, middle.Receiver, middle.Relay, end.Points)
	assert.Zero(t, middle.Relay.Failed+middle.Relay.Dropped.Total())
	assert.Equal(t, middle.Relay.Requests, requests)
	assert.LessOrEqual(t, float64(requests), took.Seconds()+2, "one a second, and one at the end")

	alone, _, itsEnd, itsRequests, _ := run(false)
	assert.Equal(t, alone.Points, itsEnd.Points)
	line := func(chain string, points, requests uint64, service, relay, endpoint time.Duration) {
		all := service + relay + endpoint
		t.Logf("%-8s %6d points, %2d requests; CPU of service %v, relay %v, endpoint %v, all %v: %.2f us a point", chain, points, requests,
			service.Round(time.Millisecond), relay.Round(time.Millisecond), endpoint.Round(time.Millisecond), all.Round(time.Millisecond),
			float64(all.Nanoseconds())/1000/float64(points))
	}
	line("otelgram", end.Points, requests, service.CPU, middle.CPU, end.CPU)
	line("OTLP", itsEnd.Points, itsRequests, alone.CPU, 0, itsEnd.CPU)
}

// agree asserts that the books of all ends say the same.
func agree(t *testing.T, exp exporter.Stats, recv receiver.Stats, rel relay.Stats, endpoint uint64) {
	t.Helper()
	assert.NotZero(t, rel.Offered)
	assert.Equal(t, exp.Sent, recv.Points.Sent)
	assert.Equal(t, exp.Sent, recv.Points.Received+recv.Points.Lost)
	assert.Zero(t, recv.Points.Overrun, "the handler never waits")
	assert.Equal(t, recv.Points.Delivered, rel.Offered)
	assert.Equal(t, rel.Offered, rel.Relayed+rel.Failed+rel.Dropped.Total())
	assert.Zero(t, rel.Queued)
	assert.Equal(t, endpoint, rel.Relayed)
}

// chain is all of it in this process, from a service that works to an endpoint.
type chain struct {
	exp      *exporter.Exporter
	mp       *sdkmetric.MeterProvider
	recv     *receiver.Receiver
	relay    *relay.Relay
	gate     *gate
	endpoint *endpoint
}

// newChain starts one with three thousand points a second.
func newChain(t *testing.T, opts ...relay.Option) *chain {
	t.Helper()
	c := &chain{}
	var err error
	c.endpoint, err = newEndpoint(t.Context())
	require.NoError(t, err)
	c.gate = newGate(t, c.endpoint.address)
	c.relay, err = newOTLPRelay(t.Context(), c.gate.url(), append([]relay.Option{
		relay.WithMaxBatchAge(100 * time.Millisecond), relay.WithExportTimeout(300 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	silent, nowhere := slog.New(slog.DiscardHandler), noop.NewMeterProvider()
	c.recv, err = receiver.Listen("127.0.0.1:0", c.relay.Handle, receiver.WithMeterProvider(nowhere))
	require.NoError(t, err)
	c.exp, err = exporter.New(t.Context(), exporter.WithEndpoint(c.recv.Addr().String()), exporter.WithMeterProvider(nowhere), exporter.WithLogger(silent))
	require.NoError(t, err)
	c.mp = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(c.exp, sdkmetric.WithInterval(100*time.Millisecond))))
	requests, err := c.mp.Meter("e2e").Int64Counter("requests")
	require.NoError(t, err)
	for i := range 300 { // cumulative: each is exported again every time
		requests.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("route", i)))
	}
	return c
}

// until waits for the relay's books to say so.
func (c *chain) until(t *testing.T, what string, is func(relay.Stats) bool) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		if !is(c.relay.Stats()) {
			return errors.New(what)
		}
		return nil
	})
}

// relays waits until points get through that came after the call.
func (c *chain) relays(t *testing.T) {
	t.Helper()
	upTo := c.relay.Stats().Offered + 600
	c.until(t, "it does not relay", func(s relay.Stats) bool { return s.Relayed+s.Failed+s.Dropped.Total() >= upTo })
}

// end shuts everything down, the relay within so long, and compares the books. It returns
// the relay's and the error of its Shutdown.
func (c *chain) end(t *testing.T, limit time.Duration) (relay.Stats, error) {
	t.Helper()
	require.NoError(t, c.mp.Shutdown(t.Context()))
	eventually(t, 10*time.Second, func() error {
		if s := c.recv.Stats(); s.Points.Sent != c.exp.Stats().Sent || s.Points.Received+s.Points.Lost != s.Points.Sent {
			return errors.New("the receiver does not know all that was sent")
		}
		return nil
	})
	require.NoError(t, c.recv.Close())
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := c.relay.Shutdown(ctx)
	require.NoError(t, c.endpoint.Shutdown(t.Context()))
	agree(t, c.exp.Stats(), c.recv.Stats(), c.relay.Stats(), c.endpoint.points.Load())
	return c.relay.Stats(), err
}

// TestRelayFaults: whatever the target does, nothing waits for it, and the books of the
// exporter, the receiver, the relay and the endpoint agree.
func TestRelayFaults(t *testing.T) {
	quick := relay.RetryConfig{InitialBackoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond}
	short := quick
	short.MaxElapsed = 300 * time.Millisecond
	failed := func(s relay.Stats) bool { return s.Failed > 0 }
	retried := func(s relay.Stats) bool { return s.Retries > 3 }
	for name, test := range map[string]struct {
		opts   []relay.Option
		fail   func(*gate, *testing.T)
		until  func(relay.Stats) bool
		repair func(*gate, *testing.T)
		lost   bool // points
	}{
		"gone and back":                      {[]relay.Option{relay.WithRetry(quick)}, (*gate).close, retried, (*gate).open, false},
		"gone for longer than it is retried": {[]relay.Option{relay.WithRetry(short)}, (*gate).close, failed, (*gate).open, true},
		"gone for longer than the queue lasts": {
			[]relay.Option{relay.WithRetry(quick), relay.WithQueueSize(1200)}, (*gate).close,
			func(s relay.Stats) bool { return s.Dropped.QueueFull > 0 }, (*gate).open, true,
		},
		"503 and back": {[]relay.Option{relay.WithRetry(quick)}, answering(unavailable), retried, answering(passOn), false},
		"hangs and back": {
			[]relay.Option{relay.WithRetry(quick)}, answering(never),
			func(s relay.Stats) bool { return s.Retries > 1 }, answering(passOn), false,
		},
		"refuses for good": {
			[]relay.Option{relay.WithRetry(quick)}, answering(badRequest), failed, answering(passOn), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChain(t, test.opts...)
			c.relays(t)
			test.fail(c.gate, t)
			c.until(t, "nothing fails", test.until)
			test.repair(c.gate, t)
			c.relays(t)
			s, err := c.end(t, 10*time.Second)
			require.NoError(t, err)
			assert.Equal(t, test.lost, s.Failed+s.Dropped.Total() > 0)
			assert.NotEmpty(t, s.LastError)
		})
	}
}

func answering(a answer) func(*gate, *testing.T) {
	return func(g *gate, _ *testing.T) { g.answer(a) }
}

// TestRelayShutdownHangs: a target that does not answer any more does not hold up
// Shutdown for longer than its context.
func TestRelayShutdownHangs(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.relays(t)
	c.gate.answer(never)
	c.until(t, "nothing fails", func(s relay.Stats) bool { return s.LastError != "" })
	s, err := c.end(t, 500*time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotZero(t, s.Dropped.Shutdown)
}

// TestRelayPartialSuccess: what the target took in part is not sent again.
func TestRelayPartialSuccess(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.relays(t)
	c.gate.answer(partial)
	c.until(t, "nothing fails", func(s relay.Stats) bool { return s.Failed > 0 })
	c.gate.answer(passOn)
	s, err := c.end(t, 10*time.Second)
	require.NoError(t, err)
	assert.Zero(t, s.Retries)
	assert.Contains(t, s.LastError, "partial success")
}
