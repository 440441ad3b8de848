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

// deliver calls the user's function for each resource, also for those behind one for
// which it exits its goroutine: the packet counts as delivered, all of it.
func (t *toMetricdata) deliver(data []*metricdata.ResourceMetrics) {
	next := 0
	defer func() {
		if next == len(data) {
			return
		}
		if p := recover(); p != nil {
			panic(p) // it did not exit: nothing of it is called again
		}
		t.deliver(data[next:])
	}()
	for next < len(data) {
		next++
		t.user(data[next-1])
	}
}
