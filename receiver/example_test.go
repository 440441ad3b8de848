package receiver_test

import (
	"context"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/relay"
)

// A receiver delivers what arrives, and its books say what did not.
func ExampleListen() {
	ctx := context.Background()
	arrived := make(chan string, 1)
	r, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				arrived <- fmt.Sprint(m.Name, " ", m.Data.(metricdata.Gauge[float64]).DataPoints[0].Value)
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
	exp.RecordGauge("temperature", 21)
	fmt.Println("sent:", exp.Shutdown(ctx) == nil)
	fmt.Println(<-arrived)
	fmt.Println(r.Close())
	s := r.Stats()
	fmt.Println("delivered:", s.Points.Delivered, "lost:", s.Points.Lost)
	// Output:
	// sent: true
	// temperature 21
	// <nil>
	// delivered: 1 lost: 0
}

// What arrives can be exported again, by any exporter of the SDK. Here it goes to another
// receiver; usually it goes as OTLP to a Collector.
func ExampleListen_relay() {
	ctx := context.Background()
	arrived := make(chan string, 1)
	last, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) {
		arrived <- rm.ScopeMetrics[0].Metrics[0].Name
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	next, err := exporter.New(ctx, exporter.WithEndpoint(last.Addr().String()))
	if err != nil {
		fmt.Println(err)
		return
	}
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
	fmt.Println(<-arrived)
	fmt.Println(r.Close(), rel.Shutdown(ctx), last.Close()) // Shutdown is next's, too
	// Output:
	// requests
	// <nil> <nil> <nil>
}

// service is a service with a counter.
func service(ctx context.Context, endpoint string) {
	exp, err := exporter.New(ctx, exporter.WithEndpoint(endpoint))
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
	requests.Add(ctx, 1)
	if err := mp.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
}

// summer adds up what it is given. Each goroutine of the receiver has its own summer.
type summer struct {
	sum     int64
	arrived chan string
}

func (s *summer) HandlePacket(p *receiver.Packet) {
	for p.Decoder.Next() {
		s.sum += int64(p.Decoder.Point().Bits)
	}
}

func (s *summer) Flush() { s.arrived <- fmt.Sprint("requests: ", s.sum) }

// ListenPackets is for programs that make something else of points than metricdata.
func ExampleListenPackets() {
	ctx := context.Background()
	arrived := make(chan string, 1)
	newHandler := func() receiver.PacketHandler { return &summer{arrived: arrived} }
	r, err := receiver.ListenPackets("localhost:0", newHandler)
	if err != nil {
		fmt.Println(err)
		return
	}
	service(ctx, r.Addr().String())
	fmt.Println(<-arrived)
	fmt.Println(r.Shutdown(ctx))
	// Output:
	// requests: 1
	// <nil>
}

var _ = listen // at a port that may be taken

// listen is what a program does that wants what arrives.
func listen() error {
	r, err := receiver.Listen("localhost:4319", func(rm *metricdata.ResourceMetrics) {
		// rm is yours to keep. Different sessions call this at once, one session never does.
	})
	if err != nil {
		return err
	}
	defer r.Close()
	return nil
}
