package exporter_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/receiver"
)

// A server that speaks DogStatsD gets lines. Here it is a socket in the same process.
func ExampleWithEncoding() {
	ctx := context.Background()
	server, err := net.ListenPacket("udp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	exp, err := exporter.New(ctx, exporter.WithEndpoint(server.LocalAddr().String()), exporter.WithEncoding(exporter.DogStatsD))
	if err != nil {
		fmt.Println(err)
		return
	}
	exp.RecordMetric("jobs", 3, exporter.Tag{Key: "queue", Value: "mail"})
	fmt.Println(exp.Shutdown(ctx))

	line := make([]byte, 1500)
	n, _, err := server.ReadFrom(line)
	text, _, _ := strings.Cut(string(line[:n]), ",service.name")
	fmt.Println(text, err)
	// Output:
	// <nil>
	// jobs:3|c|#queue:mail <nil>
}

// A server of one's own choice is an endpoint and an encoding.
func Example_server() {
	ctx := context.Background()
	exp, err := exporter.New(ctx, exporter.WithEndpoint("localhost:8125"), exporter.WithEncoding(exporter.DogStatsD))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = exp.Shutdown(ctx) }()
	otel.SetMeterProvider(exp.MeterProvider())
}

// A service registers the exporter with the SDK and keeps the meter API. Here
// the receiver is in the same process; usually it is elsewhere.
func Example() {
	ctx := context.Background()
	arrived := make(chan string, 1)
	r, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) {
		m := rm.ScopeMetrics[0].Metrics[0]
		arrived <- fmt.Sprint(m.Name, " ", m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	exp, err := exporter.New(ctx, exporter.WithEndpoint(r.Addr().String()))
	if err != nil {
		fmt.Println(err)
		return
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))

	requests, err := mp.Meter("example").Int64Counter("requests", metric.WithUnit("{request}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	requests.Add(ctx, 42)

	fmt.Println(mp.Shutdown(ctx)) // exports once more and waits until it is sent
	fmt.Println(<-arrived)
	s := exp.Stats()
	fmt.Println("offered", s.Offered, "sent", s.Sent, "dropped", s.Dropped.Total())
	fmt.Println(r.Close())
	// Output:
	// <nil>
	// requests 42
	// offered 1 sent 1 dropped 0
	// <nil>
}

// register is what a service does at its start. Unless something else is said, New sends to
// localhost:4319.
func register(ctx context.Context, serve func(metric.MeterProvider)) error {
	exp, err := exporter.New(ctx) // to localhost:4319, or OTEL_EXPORTER_OTELGRAM_ENDPOINT
	if err != nil {
		return err
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))

	defer func() {
		if err := mp.Shutdown(context.WithoutCancel(ctx)); err != nil {
			slog.Error("metrics were lost at the end", "error", err)
		}
	}()

	serve(mp)
	return nil
}

// The direct path is a provider of its own, and can do without instruments.
func ExampleExporter_MeterProvider() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	arrived := make(chan string, 2)
	r, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				switch d := m.Data.(type) {
				case metricdata.Sum[int64]:
					arrived <- fmt.Sprint(sm.Scope.Name, ": ", m.Name, " ", d.DataPoints[0].Value)
				case metricdata.Sum[float64]:
					arrived <- fmt.Sprint(sm.Scope.Name, ": ", m.Name, " ", d.DataPoints[0].Value)
				}
			}
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	exp, err := exporter.New(ctx, exporter.WithEndpoint(r.Addr().String()))
	if err != nil {
		fmt.Println(err)
		return
	}
	requests, err := exp.MeterProvider().Meter("example").Int64Counter("requests")
	if err != nil {
		fmt.Println(err)
		return
	}
	requests.Add(ctx, 40)
	requests.Add(ctx, 2)
	exp.RecordMetric("jobs", 1, exporter.Tag{Key: "queue", Value: "mail"})

	cancel() // a service ends because its context does
	fmt.Println(exp.Shutdown(context.WithoutCancel(ctx)))
	fmt.Println(<-arrived)
	fmt.Println(<-arrived)
	fmt.Println(r.Close())
	// Output:
	// <nil>
	// example: requests 42
	// otelgram: jobs 1
	// <nil>
}

// One line serves the health of an exporter, on the service's own server.
func ExampleExporter_Health() {
	ctx := context.Background()
	exp, err := exporter.New(ctx, exporter.WithEndpoint("localhost:4319"))
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("/health", health.Handler(exp))

	answer := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	report := exp.Health()
	fmt.Println(answer.Code, report.Status, len(report.Issues), "issues, delivery is", report.Delivery)
	fmt.Println(exp.Shutdown(ctx))
	// Output:
	// 200 healthy 0 issues, delivery is unconfirmed
	// <nil>
}

var _ = useDirectPath // a process sets its meter provider once

// useDirectPath is the direct path at the start of a service.
func useDirectPath(ctx context.Context, exp *exporter.Exporter) {
	defer exp.Shutdown(context.WithoutCancel(ctx))
	otel.SetMeterProvider(exp.MeterProvider())
	exp.RecordMetric("jobs", 1, exporter.Tag{Key: "queue", Value: "mail"})
}

// TestRegister: what the README tells services to do sends what they record.
func TestRegister(t *testing.T) {
	seen := make(chan string, 4)
	r, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) { seen <- rm.ScopeMetrics[0].Metrics[0].Name })
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	t.Setenv("OTEL_EXPORTER_OTELGRAM_ENDPOINT", r.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, register(ctx, func(mp metric.MeterProvider) {
		c, err := mp.Meter("m").Int64Counter("sdk")
		require.NoError(t, err)
		c.Add(ctx, 1)
		cancel()
	}))
	require.Equal(t, "sdk", <-seen)
}
