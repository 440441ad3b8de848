package wire_test

import (
	"fmt"
	"math"

	"github.com/otelgram/otelgram/wire"
)

// Two points of a gauge become a packet: 153 bytes with the resource, the
// scope and all names in it. The second point takes 9 of them, since it refers
// to what the first one defined.
func ExamplePacker() {
	// What many points share is made once and kept.
	resource := &wire.AttributeSet{}
	resource.AddString(wire.NewSymbol("service.name"), wire.NewSymbol("shop"))
	temperature := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{Attributes: resource}, Name: wire.NewSymbol("example.com/sensors")},
		Name:  wire.NewSymbol("temperature"), Unit: wire.NewSymbol("Cel"), Kind: wire.Gauge,
	}
	room := &wire.AttributeSet{}
	room.AddString(wire.NewSymbol("room"), wire.NewSymbol("office"))
	room.AddValue(wire.NewSymbol("floor"), wire.Int64Value, wire.AppendInt64(nil, 2))

	packer, err := wire.NewPacker(1472)
	if err != nil {
		fmt.Println(err)
		return
	}
	packer.Start(nil)
	for i, celsius := range []float64{21.5, 21.75} {
		result := packer.Append(&wire.Point{
			Metric: temperature, Attributes: room,
			StartTime: wire.NoTime, Time: 1_700_000_000_000_000_000 + int64(i)*1_000_000,
			Bits: math.Float64bits(celsius),
		})
		if result != wire.Added { // a full packet would be sent and the next one started
			fmt.Println("no room")
		}
	}

	header := wire.Header{Format: wire.Compact, Points: uint16(packer.Points()), Session: 1}
	packet := packer.Finish()
	wire.Stamp(packet, &header)
	fmt.Println(len(packet), "bytes,", header.Points, "points")
	// Output:
	// 153 bytes, 2 points
}

// A receiver reads each datagram by itself. A datagram that is cut, or is something else,
// gives an error that says why, and no points.
func ExampleDecoder() {
	datagram := exampleDatagram()
	var decoder wire.Decoder
	for _, packet := range [][]byte{datagram, datagram[:60], []byte("requests:1|c")} {
		if err := decoder.Reset(packet); err != nil {
			fmt.Println(err)
			continue
		}
		for decoder.Next() {
			point := decoder.Point()
			fmt.Printf("%s %d at %d", point.Metric.Name, int64(point.Bits), point.Time)
			for _, attribute := range point.Attributes.All() {
				fmt.Printf(" %s=%s", attribute.Key, attribute.Value.Text())
			}
			fmt.Println()
		}
	}
	// Output:
	// requests 1 at 1000 method=GET
	// requests 5 at 2000 method=GET
	// wire: bad_checksum packet: header at byte 56
	// wire: too_short packet: header at byte 12
}

// exampleDatagram is what a sender would have sent.
func exampleDatagram() []byte {
	packer, _ := wire.NewPacker(1472)
	packer.Start(nil)
	requests := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("requests"),
		Kind: wire.Sum, Integer: true, Monotonic: true,
	}
	method := &wire.AttributeSet{}
	method.AddString(wire.NewSymbol("method"), wire.NewSymbol("GET"))
	packer.Append(&wire.Point{Metric: requests, Attributes: method, Time: 1000, Bits: 1})
	packer.Append(&wire.Point{Metric: requests, Attributes: method, Time: 2000, Bits: 5})
	packet := packer.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 2})
	return packet
}
