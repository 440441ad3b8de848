package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/relay"
)

// memory is an exporter that prints what it was given.
type memory struct{ requests chan string }

func (memory) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}
func (memory) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return nil }
func (memory) ForceFlush(context.Context) error                           { return nil }
func (memory) Shutdown(context.Context) error                             { return nil }

func (m memory) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	first := rm.ScopeMetrics[0].Metrics[0]
	m.requests <- fmt.Sprint(first.Name, ": ", len(first.Data.(metricdata.Sum[int64]).DataPoints), " points")
	return nil
}

// Many packets of a service become one request.
func Example() {
	ctx := context.Background()
	next := memory{make(chan string, 1)}
	rel, err := relay.New(next, relay.WithMaxBatchAge(100*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := receiver.Listen("localhost:0", rel.Handle)
	if err != nil {
		fmt.Println(err)
		return
	}

	service(ctx, r.Addr().String())
	fmt.Println(<-next.requests)
	fmt.Println(r.Close(), rel.Shutdown(ctx))
	s := rel.Stats()
	fmt.Println("offered:", s.Offered, "relayed:", s.Relayed, "failed:", s.Failed, "dropped:", s.Dropped.Total())
	// Output:
	// requests: 500 points
	// <nil> <nil>
	// offered: 500 relayed: 500 failed: 0 dropped: 0
}

// service is a service with a counter of 500 series.
func service(ctx context.Context, endpoint string) {
	exp, err := exporter.New(ctx, exporter.WithEndpoint(endpoint), exporter.WithMaxPacketSize(1472), exporter.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))
	requests, err := mp.Meter("example").Int64Counter("requests")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 500 {
		requests.Add(ctx, 1, metric.WithAttributes(attribute.Int("route", i)))
	}
	if err := mp.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
}

var _ = serve // until a service is stopped

// serve is what a program does that relays.
func serve(ctx context.Context, next sdkmetric.Exporter, address string) error {
	rel, err := relay.New(next)
	if err != nil {
		return err
	}
	defer rel.Shutdown(context.WithoutCancel(ctx))
	r, err := receiver.Listen(address, rel.Handle)
	if err != nil {
		return err
	}
	defer r.Close() // runs first: what it still has is relayed
	<-ctx.Done()
	return nil
}
