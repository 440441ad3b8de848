package exporter_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// A service registers the exporter with the SDK and keeps the meter API. Here
// the receiver is in the same process; usually it is a Collector.
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
