package e2e

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

// need skips a test on a machine without a program. With OTELGRAM_TOOLS set to
// "required" that is a failure: nothing is left out unnoticed.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		_, err := exec.LookPath(p)
		switch {
		case err == nil:
		case os.Getenv("OTELGRAM_TOOLS") == "required":
			t.Fatalf("needs %s", p)
		default:
			t.Skipf("needs %s", p)
		}
	}
}

// service is an exporter with a receiver and a relay behind a proxy that can fail, whose own
// metrics a Prometheus can scrape at /metrics, and whose health is at /health.
type service struct {
	exp    *exporter.Exporter
	proxy  *faultproxy.Proxy
	recv   *receiver.Receiver
	server *httptest.Server
}

func newService(t *testing.T, opts ...exporter.Option) *service {
	t.Helper()
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	require.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	silent := slog.New(slog.DiscardHandler)
	rel := newSelfRelay(t, provider)
	recv, err := receiver.Listen("127.0.0.1:0", rel.Handle, receiver.WithMeterProvider(provider))
	require.NoError(t, err)
	proxy, err := faultproxy.Listen(recv.Addr().String(), 1, faultproxy.Faults{})
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), append([]exporter.Option{
		exporter.WithEndpoint(proxy.Addr()), exporter.WithMeterProvider(provider), exporter.WithLogger(silent),
		exporter.WithFlushInterval(200 * time.Millisecond),
		exporter.WithCircuitBreaker(exporter.CircuitBreakerConfig{Enabled: true, Timeout: 2 * time.Second}),
	}, opts...)...)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/health", health.Handler(exp, health.WithTitle("checkout service")))
	s := &service{exp: exp, proxy: proxy, recv: recv, server: httptest.NewServer(mux)}
	t.Cleanup(func() {
		s.server.Close()
		_ = exp.Shutdown(context.Background()) // some tests have killed its receiver
		proxy.Close()
		require.NoError(t, recv.Close())
		require.NoError(t, rel.Shutdown(context.Background()))
		require.NoError(t, provider.Shutdown(context.Background()))
	})
	return s
}

// work records until ctx ends: on both paths, so many measurements every ten
// milliseconds.
func (s *service) work(t *testing.T, ctx context.Context, measurements int) {
	t.Helper()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(s.exp, sdkmetric.WithInterval(200*time.Millisecond))))
	requests, err := mp.Meter("e2e").Int64Counter("requests")
	require.NoError(t, err)
	latency, err := s.exp.MeterProvider().Meter("e2e").Float64Histogram("latency", metric.WithUnit("s"))
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
			for range measurements {
				if ctx.Err() != nil {
					return
				}
				requests.Add(ctx, 1)
				latency.Record(ctx, 0.02)
				s.exp.RecordMetric("jobs", 1, exporter.Tag{Key: "queue", Value: "mail"})
			}
		}
	}()
	t.Cleanup(func() {
		<-ended
		_ = mp.Shutdown(context.Background()) // some tests have killed the receiver
	})
}

// overload records more at once than a ring of a thousand holds, again and again
// until ctx ends.
func (s *service) overload(ctx context.Context) {
	go func() {
		for ctx.Err() == nil {
			for range 200_000 {
				s.exp.RecordMetric("overload", 1)
			}
			<-time.After(10 * time.Millisecond)
		}
	}()
}

// eventually waits for what errors until it does not.
func eventually(t *testing.T, limit time.Duration, try func() error) {
	t.Helper()
	err := errors.New("not tried")
	for end := time.Now().Add(limit); err != nil; <-time.After(100 * time.Millisecond) {
		if err = try(); err != nil && time.Now().After(end) {
			require.NoError(t, err)
		}
	}
}
