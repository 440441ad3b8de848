package relay

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// nowhere is an exporter that keeps nothing.
type nowhere struct{ sdkmetric.Exporter }

func (nowhere) Export(context.Context, *metricdata.ResourceMetrics) error { return nil }
func (nowhere) ForceFlush(context.Context) error                          { return nil }
func (nowhere) Shutdown(context.Context) error                            { return nil }

// BenchmarkRelay is everything that the relay does with a point, from Handle until Export:
// packets of fifty points of ten counters, from as many resources. Each point has a set of
// its own with as many attributes.
func BenchmarkRelay(b *testing.B) {
	for _, shape := range []struct{ resources, attributes int }{{1, 0}, {10, 0}, {1, 5}, {1, 20}} {
		b.Run(fmt.Sprintf("resources=%d/attributes=%d", shape.resources, shape.attributes), func(b *testing.B) {
			var packets [4096]*metricdata.ResourceMetrics
			r, err := New(nowhere{}, WithQueueSize(1<<20), WithMaxMemory(1<<30), WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				b.Fatal(err)
			}
			var sums [10]metricdata.Aggregation
			for k := range sums {
				sum := points(nil, 0, 5).ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64])
				for i := range sum.DataPoints {
					kvs := make([]attribute.KeyValue, shape.attributes)
					for a := range kvs {
						kvs[a] = attribute.String(fmt.Sprint("key.", a), fmt.Sprint("value ", k, i))
					}
					sum.DataPoints[i].Attributes = attribute.NewSet(kvs...)
				}
				sums[k] = sum
			}
			b.ReportAllocs()
			for n := 0; n < b.N; {
				b.StopTimer()
				for i := range packets {
					metrics := make([]metricdata.Metrics, 10)
					for k := range metrics {
						metrics[k] = metricdata.Metrics{Name: fmt.Sprint("requests.", k), Data: sums[k]}
					}
					packets[i] = holding(named(fmt.Sprint(i%shape.resources)), "scope", metrics...)
				}
				b.StartTimer()
				for _, rm := range packets {
					if n < b.N {
						r.Handle(rm)
						n += 50
					}
				}
				if err := r.ForceFlush(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := r.Shutdown(context.Background()); err != nil || r.Stats().Dropped.Total() > 0 {
				b.Fatal(err, r.Stats())
			}
		})
	}
}
