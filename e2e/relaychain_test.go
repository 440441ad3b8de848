package e2e

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	collector "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/relay"
)

const metricsPath = "/v1/metrics"

// endpoint is the Collector's OTLP receiver, over HTTP, with a consumer that counts.
type endpoint struct {
	collector.Metrics
	address string
	points  atomic.Uint64
}

// newEndpoint starts one. Whoever notes is told what comes.
func newEndpoint(ctx context.Context, note ...func(pmetric.Metrics)) (*endpoint, error) {
	// The receiver does not tell which port it got.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &endpoint{address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	said := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": e.address}}})
	if err := said.Unmarshal(config); err != nil {
		return nil, err
	}
	count, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		e.points.Add(uint64(md.DataPointCount()))
		for _, n := range note {
			n(md)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	settings := collector.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	if e.Metrics, err = factory.CreateMetrics(ctx, settings, config, count); err != nil {
		return nil, err
	}
	return e, e.Start(ctx, componenttest.NewNopHost())
}

// answer is what a gate does with requests.
type answer int32

const (
	passOn answer = iota
	unavailable
	badRequest
	never   // it answers when the client has gone
	partial // it says that the target took a part
)

// gate stands before an endpoint. It counts requests, and can fail.
type gate struct {
	address  string
	proxy    *httputil.ReverseProxy
	mode     atomic.Int32
	requests atomic.Uint64
	server   *http.Server // nil: the port is closed
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	transport := &http.Transport{}
	g := &gate{
		address: "127.0.0.1:0",
		proxy:   httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target}),
	}
	g.proxy.Transport = transport
	g.open(t)
	t.Cleanup(func() {
		g.close(t)
		transport.CloseIdleConnections()
	})
	return g
}

func (g *gate) url() string { return "http://" + g.address + metricsPath }

func (g *gate) answer(a answer) { g.mode.Store(int32(a)) }

func (g *gate) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", g.address)
	require.NoError(t, err)
	g.address = l.Addr().String()
	server := &http.Server{Handler: g, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	g.server = server
	go func() { _ = server.Serve(l) }()
}

// close closes the port, and answers what is under way before.
func (g *gate) close(t *testing.T) {
	t.Helper()
	if g.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, g.server.Shutdown(ctx))
	g.server = nil
}

func (g *gate) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	g.requests.Add(1)
	switch answer(g.mode.Load()) {
	case passOn:
		g.proxy.ServeHTTP(w, request)
	case unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	case badRequest:
		w.WriteHeader(http.StatusBadRequest)
	case never:
		_, _ = io.Copy(io.Discard, request.Body) // until its end a server does not see the client leave
		<-request.Context().Done()
	case partial:
		response := pmetricotlp.NewExportResponse()
		response.PartialSuccess().SetRejectedDataPoints(1)
		body, err := response.MarshalProto()
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(body)
	}
}

// answers remembers the status of the last answer, as relay's documentation has it. That
// is what tells whether an error of otlpmetrichttp is worth another try: its own types
// for that are not exported.
type answers struct {
	sdkmetric.Exporter
	transport http.RoundTripper
	status    atomic.Int64 // 0: there was no answer
}

func (a *answers) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	a.status.Store(0)
	return a.Exporter.Export(ctx, rm)
}

func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	a.status.Store(0)
	response, err := a.transport.RoundTrip(request)
	if err == nil {
		a.status.Store(int64(response.StatusCode))
	}
	return response, err
}

func (a *answers) retryable(error) bool {
	switch a.status.Load() {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false // refused for good, or taken in part
}

// newOTLP returns an exporter to url that does not retry, and knows what it was answered.
func newOTLP(ctx context.Context, url string) (*answers, error) {
	a := &answers{transport: &http.Transport{}}
	var err error
	a.Exporter, err = otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(url),
		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: a}),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}),
	)
	return a, err
}

// newOTLPRelay returns a relay to url.
func newOTLPRelay(ctx context.Context, url string, opts ...relay.Option) (*relay.Relay, error) {
	next, err := newOTLP(ctx, url)
	if err != nil {
		return nil, err
	}
	return relay.New(next, append([]relay.Option{
		relay.WithRetryable(next.retryable), relay.WithMeterProvider(noop.NewMeterProvider()), relay.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
}
