package otelgramreceiver_test

import (
	"context"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/collector/otelgramreceiver"
	"github.com/otelgram/otelgram/exporter"
)

// A distribution adds the factory to its receivers. Here the receiver runs by itself, with
// a consumer that prints what comes.
func Example() {
	ctx := context.Background()
	arrived := make(chan string, 1)
	next, _ := consumer.NewMetrics(func(_ context.Context, m pmetric.Metrics) error {
		for _, metric := range m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			arrived <- fmt.Sprint(metric.Name(), ": ", metric.Sum().DataPoints().At(0).IntValue())
		}
		return nil
	})
	factory := otelgramreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otelgramreceiver.Config)
	config.Endpoint = freePort()
	receiver, err := factory.CreateMetrics(ctx, receivertest.NewNopSettings(factory.Type()), config, next)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := receiver.Start(ctx, componenttest.NewNopHost()); err != nil {
		fmt.Println(err)
		return
	}
	service(ctx, config.Endpoint)
	fmt.Println(<-arrived)
	fmt.Println(receiver.Shutdown(ctx))
	// Output:
	// requests: 3
	// <nil>
}

// service counts three requests, and sends them to endpoint.
func service(ctx context.Context, endpoint string) {
	exp, err := exporter.New(ctx, exporter.WithEndpoint(endpoint))
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
	requests.Add(ctx, 3)
	if err := mp.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
}

// freePort returns an address at which no receiver listens.
func freePort() string {
	c, err := net.ListenPacket("udp", "localhost:0")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().String()
}
