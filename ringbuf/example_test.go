package ringbuf_test

import (
	"fmt"

	"github.com/otelgram/otelgram/ringbuf"
)

// A producer that must not wait counts the values that the ring does not take. A consumer
// takes at once all that waits.
func Example() {
	ring, err := ringbuf.New[int](4)
	if err != nil {
		fmt.Println(err)
		return
	}

	dropped := 0
	for n := range 6 {
		if !ring.TryPush(&n) {
			dropped++
		}
	}
	ring.Close()

	batch := make([]int, 8)
	fmt.Println(batch[:ring.TryPopBatch(batch)], "dropped:", dropped)
	fmt.Println("drained:", ring.Closed() && ring.Popped() == ring.Pushed())
	// Output:
	// [0 1 2 3] dropped: 2
	// drained: true
}
