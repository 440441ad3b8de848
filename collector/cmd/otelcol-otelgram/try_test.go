package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
)

// freePort returns a port of localhost that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run starts a Collector and stops it at the end of the test.
func run(t *testing.T, uris ...string) {
	t.Helper()
	set := settings()
	set.ConfigProviderSettings.ResolverSettings.URIs = uris
	collector, err := otelcol.NewCollector(set)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- collector.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return collector.GetState() == otelcol.StateRunning }, 30*time.Second, 10*time.Millisecond)
}

// scrape returns what Prometheus would read.
func scrape(port int) string {
	resp, err := http.Get(fmt.Sprintf("http://localhost:%d/metrics", port))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// TestTry sends to try.yaml, on other ports, in each of the ways that an exporter has: what
// Prometheus reads is what was measured.
func TestTry(t *testing.T) {
	in, out := freePort(t), freePort(t)
	run(t, "../../config/try.yaml",
		fmt.Sprintf("yaml:receivers::otelgram::endpoint: localhost:%d", in),
		fmt.Sprintf("yaml:exporters::prometheus::endpoint: localhost:%d", out),
		"yaml:service::telemetry::metrics::level: none")

	delta := exporter.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector)
	for name, way := range map[string]struct {
		sdk  bool
		opts []exporter.Option
	}{
		"sdk_cumulative":    {sdk: true},
		"sdk_delta":         {sdk: true, opts: []exporter.Option{delta}},
		"direct_cumulative": {},
		"direct_delta":      {opts: []exporter.Option{delta}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := append(way.opts, exporter.WithEndpoint(fmt.Sprintf("localhost:%d", in)), exporter.WithResource(resource.Empty()))
			e, err := exporter.New(t.Context(), opts...)
			require.NoError(t, err)
			provider, flush := e.MeterProvider(), e.ForceFlush
			if way.sdk {
				sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(time.Hour))))
				provider, flush = sdk, sdk.ForceFlush
				defer func() { assert.NoError(t, sdk.Shutdown(context.WithoutCancel(t.Context()))) }()
			} else {
				defer func() { assert.NoError(t, e.Shutdown(context.WithoutCancel(t.Context()))) }()
			}
			measure(t, provider, name, flush)
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				served := scrape(out)
				assert.Regexp(c, `(?m)^`+name+`_requests_total\{.*\} 3000$`, served)
				assert.Regexp(c, `(?m)^`+name+`_seconds_count\{.*\} 3000$`, served)
			}, 30*time.Second, 50*time.Millisecond)
		})
	}
}

// measure counts 3,000 requests and times them, in three collections, from four goroutines.
func measure(t *testing.T, provider metric.MeterProvider, name string, flush func(context.Context) error) {
	t.Helper()
	meter := provider.Meter("try")
	requests, err := meter.Int64Counter(name + ".requests")
	require.NoError(t, err)
	latency, err := meter.Float64Histogram(name, metric.WithUnit("s"))
	require.NoError(t, err)
	for range 3 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 250 {
					requests.Add(t.Context(), 1)
					latency.Record(t.Context(), 0.1)
				}
			})
		}
		wg.Wait()
		require.NoError(t, flush(t.Context()))
	}
}
