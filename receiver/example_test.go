package receiver_test

import (
	"fmt"
	"net"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// A receiver hands over what arrives. The packet here is made by hand; usually
// an exporter sends it.
func ExampleListen() {
	done := make(chan struct{})
	r, err := receiver.Listen("localhost:0", func(rm *metricdata.ResourceMetrics) {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				fmt.Println(m.Name, m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value)
			}
		}
		close(done)
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	packer, err := wire.NewPacker(1472)
	if err != nil {
		fmt.Println(err)
		return
	}
	packer.Start(nil)
	scope := &wire.Scope{Resource: &wire.Resource{}, Name: wire.NewSymbol("by hand")}
	temperature := &wire.Metric{Scope: scope, Name: wire.NewSymbol("temperature"), Kind: wire.Gauge, Integer: true}
	packer.Append(&wire.Point{Metric: temperature, StartTime: wire.NoTime, Time: 1, Bits: 21})
	packet := packer.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Session: 1, Points: 1})

	conn, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := conn.Write(packet); err != nil {
		fmt.Println(err)
	}
	<-done
	fmt.Println(conn.Close(), r.Close())
	fmt.Println("handed over:", r.Stats().Points.Handed)
	// Output:
	// temperature 21
	// <nil> <nil>
	// handed over: 1
}
