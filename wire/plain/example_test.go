package plain_test

import (
	"fmt"

	"github.com/otelgram/otelgram/wire/plain"
)

// A sender writes events one after the other, and stamps the packet when it sends it.
func ExampleAppendEvent() {
	packet := plain.AppendHeader(nil)
	packet, ok := plain.AppendEvent(packet, &plain.Event{
		Type: plain.Sum | plain.Integer | plain.Monotonic, Name: "hits", Bits: 3, Time: 999_999_999,
		Tags: []plain.Tag{{Key: "code", Value: "200"}},
	})
	packet = plain.AppendTrailer(packet)
	plain.Stamp(packet, 7, 1_000_000_000)
	fmt.Println(ok, len(packet), "bytes")
	fmt.Printf("% x\n", packet)
	// Output:
	// true 56 bytes
	// 00 00 00 00 00 00 00 07 00 00 00 00 3b 9a ca 00 1a 00 04 68 69 74 73 00 00 00 00 00 00 00 03 00 00 00 00 3b 9a c9 ff 00 04 63 6f 64 65 00 03 32 30 30 00 00 be 12 ce 9b
}

// A receiver reads each datagram by itself. A datagram that is cut, or is something else,
// gives an error that says why, and no events.
func ExampleDecoder() {
	packet := plain.AppendHeader(nil)
	packet, _ = plain.AppendEvent(packet, &plain.Event{
		Type: plain.Gauge | plain.Integer, Name: "queue", Bits: 12, Time: 1000,
		Tags: []plain.Tag{{Key: "host", Value: "a"}, {Key: "shard", Value: "3"}},
	})
	packet = plain.AppendTrailer(packet)
	plain.Stamp(packet, 0, 2000)

	var decoder plain.Decoder
	for _, datagram := range [][]byte{packet, packet[:40], []byte("queue:12|g")} {
		if err := decoder.Reset(datagram); err != nil {
			fmt.Println(err)
			continue
		}
		for decoder.Next() {
			event := decoder.Event()
			fmt.Printf("%s %d at %d", event.Name, int64(event.Bits), event.Time)
			for tag := event.Tags(); tag.Next(); {
				fmt.Printf(" %s=%s", tag.Key, tag.Value)
			}
			fmt.Println()
		}
	}
	// Output:
	// queue 12 at 1000 host=a shard=3
	// wire: bad_checksum packet: header at byte 36
	// wire: too_short packet: header at byte 10
}
