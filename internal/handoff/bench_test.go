package handoff

import (
	"fmt"
	"math"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// BenchmarkTake is what the pump does for each point that Export hands over.
func BenchmarkTake(b *testing.B) {
	w := open(1024, math.MaxInt64)
	rm := metricsOf(sum(1000))
	for b.Loop() {
		b.StopTimer()
		if err := w.Export(b.Context(), rm); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		w.take(func(*wire.Point) {})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
}

// BenchmarkExport hands a thousand points over: of as many metrics, and of one.
func BenchmarkExport(b *testing.B) {
	var counters []metricdata.Metrics
	for i := range 1000 {
		m := sum(1)
		m.Name = fmt.Sprint("metric ", i)
		counters = append(counters, m)
	}
	for _, bb := range []struct {
		name string
		rm   *metricdata.ResourceMetrics
	}{{"counters", metricsOf(counters...)}, {"series", metricsOf(sum(1000))}} {
		b.Run(bb.name, func(b *testing.B) {
			w := open(1024, math.MaxInt64)
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Export(b.Context(), bb.rm); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				w.take(func(*wire.Point) {})
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
		})
	}
}
