package exporter_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/receiver"
)

// TestHealth: the exporter goes from healthy to unhealthy when the receiver dies, and calls
// the alert. The handler serves the report.
func TestHealth(t *testing.T) {
	t.Parallel()
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {})
	require.NoError(t, err)
	alerts := make(chan health.Report, 8)
	var log lockedBuffer
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		exporter.WithHealth(health.Config{AlertAfter: time.Second, Alert: func(r health.Report) { alerts <- r }}))
	require.NoError(t, err)
	server := httptest.NewServer(health.Handler(exp))
	defer server.Close()
	status := func() int {
		answer, err := http.Get(server.URL)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	send := func() {
		require.NoError(t, exp.Export(t.Context(), counters(1, 10)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	send()
	require.Eventually(t, func() bool { return exp.Health().Points.Sent == 10 }, 30*time.Second, 10*time.Millisecond)
	h := exp.Health()
	assert.Equal(t, health.Healthy, h.Status)
	assert.Empty(t, h.Issues)
	assert.Equal(t, r.Addr().String(), h.Endpoint)
	assert.Equal(t, 7800, h.PacketSize)
	assert.Equal(t, 200, status())

	require.NoError(t, r.Close())
	require.Eventually(t, func() bool {
		send()
		return exp.Health().Status == health.Unhealthy
	}, 30*time.Second, 50*time.Millisecond)
	assert.Equal(t, 503, status())
	select {
	case a := <-alerts:
		assert.False(t, a.Healthy)
	case <-time.After(20 * time.Second):
		require.Fail(t, "no alert")
	}
	require.Eventually(t, func() bool { send(); return exp.Stats().Circuit == exporter.CircuitOpen }, 30*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool { return exp.Health().Circuit == "open" }, 30*time.Second, 10*time.Millisecond)
	_ = exp.Shutdown(t.Context())
	assert.Equal(t, 1, strings.Count(log.String(), "circuit breaker open"), log.String())
	assert.Equal(t, 1, strings.Count(log.String(), "not healthy for long"), log.String())
	http.DefaultClient.CloseIdleConnections()
}

// TestHealthIsNotHeldUp: a logger or an alert that does not return does not hold it up.
func TestHealthIsNotHeldUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {})
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(slog.New(slog.NewTextHandler(blocked(release), nil))),
		exporter.WithHealth(health.Config{AlertAfter: time.Second, Alert: func(health.Report) { <-release }}))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	send := func() {
		require.NoError(t, exp.Export(t.Context(), counters(1, 10)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	require.Eventually(t, func() bool { send(); return exp.Health().Circuit == "open" }, 30*time.Second, 50*time.Millisecond)
	h := exp.Health()
	require.Eventually(t, func() bool { return exp.Health().Time.Sub(h.Time) > 3*time.Second }, 30*time.Second, 50*time.Millisecond)
	assert.Equal(t, health.Unhealthy, exp.Health().Status)
	begin := time.Now()
	_ = exp.Shutdown(t.Context()) // its receiver is dead
	assert.Less(t, time.Since(begin), 4*time.Second, "what it may take at most is five")
	assert.Contains(t, exp.Health().Issues[0], "shut down")
	close(release)
}

// blocked is a log to which every write waits until it is closed.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) { <-b; return len(p), nil }

// TestHealthOfABurst: the report and the histograms show the packets of an export that wait
// longest, too.
func TestHealthOfABurst(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	c := connect(t, exporter.WithMeterProvider(provider), exporter.WithMaxPacketSize(1472), exporter.WithPacing(1000, 1), exporter.WithBufferSize(1<<16))
	began := time.Now()
	require.NoError(t, c.exp.Export(t.Context(), counters(10, 6000)))
	handed := time.Since(began)
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	took := time.Since(began)
	waited := (took - handed - 100*time.Millisecond).Seconds() // by the last of them, at least
	packets := c.exp.Stats().Packets
	require.Greater(t, packets, uint64(900), "the last of them wait for long")
	require.NoError(t, c.exp.Shutdown(t.Context()))
	p99 := c.exp.Health().Latency.P99
	assert.Greater(t, p99, 1000*0.8*waited)
	assert.LessOrEqual(t, p99, 1000*1.07*took.Seconds())
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	seen := map[string]float64{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		if h, ok := m.Data.(metricdata.Histogram[float64]); ok && strings.HasPrefix(m.Name, "stats.latency.") {
			most, _ := h.DataPoints[0].Max.Value()
			seen[m.Name] = most
		}
	}
	assert.Len(t, seen, 3)
	assert.Greater(t, seen["stats.latency.e2e"], 0.9*waited, "%v", seen)
	assert.LessOrEqual(t, seen["stats.latency.e2e"], 1.07*took.Seconds(), "%v", seen)
	require.NoError(t, provider.Shutdown(t.Context()))
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestHealthWithoutAddress: points without an address to send to are not healthy, on either
// path, however many measurements were aggregated into them.
func TestHealthWithoutAddress(t *testing.T) {
	t.Parallel()
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint("nowhere.invalid:4319"), exporter.WithLogger(slog.New(slog.DiscardHandler)),
		exporter.WithFlushInterval(never)) // only when it is asked to
	require.NoError(t, err)
	for i := range 2000 {
		exp.RecordMetric("n", 1, exporter.Tag{Key: "series", Value: string(rune('a' + i%25))})
	}
	require.NoError(t, exp.ForceFlush(t.Context()))
	require.Eventually(t, func() bool { return exp.Health().Status == health.Unhealthy }, 30*time.Second, 10*time.Millisecond)
	h := exp.Health()
	assert.Contains(t, h.Issues[0], "none of the 25 points on their way out")
	assert.Contains(t, h.Issues[0], "dropped as unresolved")
	assert.InDelta(t, 1, h.Metrics.DropRate, 0)
	assert.Empty(t, h.Address)
	_ = exp.Shutdown(t.Context())
}

// TestHealthAfterShutdown does not say that all is well.
func TestHealthAfterShutdown(t *testing.T) {
	c := connect(t, exporter.WithMaxMemory(64<<20))
	require.NoError(t, c.exp.Shutdown(t.Context()))
	h := c.exp.Health()
	assert.Equal(t, health.Unhealthy, h.Status)
	assert.Equal(t, []string{"the exporter was shut down: nothing is recorded or sent any more"}, h.Issues)
}

// TestHealthOfMemory tells a budget that is used up from limits that are met.
func TestHealthOfMemory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		budget []exporter.Option
		want   health.Status
	}{
		{"a budget", []exporter.Option{exporter.WithPreset(exporter.ResourceConstrained)}, health.Unhealthy},
		{"none", nil, health.Degraded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, tt.budget...)
			m := c.exp.MeterProvider()
			for i := 0; c.exp.Stats().Dropped.Memory < 10; i++ {
				n, err := m.Meter("m").Int64Counter("n" + strconv.Itoa(i))
				require.NoError(t, err)
				n.Add(t.Context(), 1)
				if i%1000 == 0 {
					require.NoError(t, c.exp.ForceFlush(t.Context()))
				}
			}
			require.Eventually(t, func() bool { return c.exp.Health().Status == tt.want }, 30*time.Second, 10*time.Millisecond, "%v", c.exp.Health())
			assert.Equal(t, tt.want == health.Unhealthy, c.exp.Health().MemoryBudgetReached)
		})
	}
}
