package influx_test

import (
	"fmt"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
)

// memory always has as much as is asked for.
type memory struct{}

func (memory) Take(int64) bool { return true }
func (memory) Return(int64)    {}
func (memory) Need(int64) bool { return true }
func (memory) Give(int64)      {}

// A point becomes a line. Package exporter does this for a whole service.
func ExampleEncoder() {
	requests := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("http.requests"), Kind: wire.Sum, Integer: true, Monotonic: true,
	}
	method := &wire.AttributeSet{}
	method.AddString(wire.NewSymbol("http.request.method"), wire.NewSymbol("GET"))

	e := influx.New(influx.Options{}, 1472, memory{})
	e.Start(nil)
	e.Append(&wire.Point{Metric: requests, Attributes: method, Time: 1_760_000_420_987_654_321, Bits: 5})
	fmt.Printf("%s", e.Finish())
	// Output:
	// http.requests,http.request.method=GET value=5i 1760000420987654321
}
