package receiver

import "go.opentelemetry.io/otel/sdk/metric/metricdata"

// toMetricdata is the handler behind [Listen]: it makes metricdata of each packet.
type toMetricdata struct {
	builder builder
	user    func(*metricdata.ResourceMetrics)
}

func newMetricdata(user func(*metricdata.ResourceMetrics), cacheSize int) *toMetricdata {
	return &toMetricdata{builder: newBuilder(cacheSize), user: user}
}

func (t *toMetricdata) handle(p *Packet) bool {
	data, ok := t.builder.build(p.Decoder)
	if ok {
		t.deliver(data)
	}
	return ok
}

// deliver calls the user's function for each resource, also for those behind one for which
// it exits its goroutine: the packet counts as delivered, all of it.
func (t *toMetricdata) deliver(data []*metricdata.ResourceMetrics) {
	if len(data) == 0 {
		return
	}
	defer t.deliver(data[1:])
	t.user(data[0])
}
