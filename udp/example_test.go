package udp_test

import (
	"context"
	"fmt"

	"github.com/otelgram/otelgram/udp"
)

// A sender skips and counts a packet that the kernel does not take.
func Example() {
	listener, err := udp.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	sender, err := udp.Dial(context.Background(), listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	packets := [][]byte{[]byte("one"), make([]byte, 1<<16), []byte("three")}
	for len(packets) > 0 {
		n, outcome := sender.Send(packets)
		packets = packets[n:]
		if outcome != udp.Sent {
			fmt.Println("dropped a packet of", len(packets[0]), "bytes:", outcome)
			packets = packets[1:]
		}
	}

	datagrams := make([]udp.Datagram, 1)
	for range 2 {
		if _, err := listener.ReadBatch(datagrams); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("received %q, truncated: %t\n", datagrams[0].Data, datagrams[0].Truncated)
	}
	// Output:
	// dropped a packet of 65536 bytes: too large
	// received "one", truncated: false
	// received "three", truncated: false
}
