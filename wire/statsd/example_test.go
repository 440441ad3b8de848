package statsd_test

import (
	"fmt"
	"time"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/statsd"
)

// memory always has as much as is asked for.
type memory struct{}

func (memory) Take(int64) bool { return true }
func (memory) Return(int64)    {}
func (memory) Need(int64) bool { return true }
func (memory) Give(int64)      {}

// Points become lines, and a cumulative sum what has come since. Package exporter does this for a whole service.
func ExampleEncoder() {
	requests := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("http.requests"), Kind: wire.Sum, Integer: true, Monotonic: true,
	}
	method := &wire.AttributeSet{}
	method.AddString(wire.NewSymbol("http.request.method"), wire.NewSymbol("GET"))

	e, err := statsd.New(statsd.DogStatsD, statsd.Options{}, 1432, memory{})
	if err != nil {
		fmt.Println(err)
		return
	}
	started := time.Now().UnixNano()
	for _, total := range []uint64{5, 7} {
		e.Start(nil)
		e.Append(&wire.Point{Metric: requests, Attributes: method, StartTime: started, Bits: total})
		fmt.Printf("%s", e.Finish())
	}
	// Output:
	// http.requests:5|c|#http.request.method:GET
	// http.requests:2|c|#http.request.method:GET
}
