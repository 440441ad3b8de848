package receiver

import (
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/receiver/internal/build"
)

// toMetricdata is the handler behind [Listen]: it makes metricdata of each packet.
type toMetricdata struct {
	builder *build.Builder
	user    func(*metricdata.ResourceMetrics)
}

func newMetricdata(user func(*metricdata.ResourceMetrics), cacheSize int) *toMetricdata {
	return &toMetricdata{builder: build.New(cacheSize), user: user}
}

func (t *toMetricdata) handle(p *Packet) bool {
	data, ok := t.builder.Build(p.Decoder)
	if ok {
		t.deliver(data)
	}
	return ok
}

// flush has nothing to do: each packet is handed over at once.
func (t *toMetricdata) flush() {}

// deliver calls the user's function for each resource. If the function exits its goroutine
// at one resource, it is called for the rest all the same, since the whole packet counts as
// delivered.
func (t *toMetricdata) deliver(data []*metricdata.ResourceMetrics) {
	next := 0
	defer func() {
		if next == len(data) {
			return
		}
		if p := recover(); p != nil {
			panic(p) // it panicked and did not exit: the function is not called again
		}
		t.deliver(data[next:])
	}()
	for next < len(data) {
		next++
		t.user(data[next-1])
	}
}
