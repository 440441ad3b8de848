package drop_test

import (
	"fmt"

	"github.com/otelgram/otelgram/drop"
)

// A queue of ten under ByPriority, from empty to ring_full.
func ExampleByPriority() {
	var priorities drop.Priorities
	priorities = priorities.With("debug.*", drop.Low)
	priorities = priorities.With("*.errors", drop.High)
	strategy := drop.ByPriority()
	for _, used := range []int{2, 5, 8, 10} {
		load := drop.Load{Used: used, Capacity: 10}
		fmt.Print(used, " of 10:")
		for _, name := range []string{"debug.cache", "http.requests", "http.errors"} {
			fmt.Printf(" %s %v", name, strategy.Decide(load, priorities.Of(name)).Action)
		}
		fmt.Println()
	}
	// Output:
	// 2 of 10: debug.cache accept http.requests accept http.errors accept
	// 5 of 10: debug.cache priority http.requests accept http.errors accept
	// 8 of 10: debug.cache priority http.requests priority http.errors accept
	// 10 of 10: debug.cache ring_full http.requests ring_full http.errors ring_full
}
