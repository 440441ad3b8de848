package relay

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// BenchmarkRelay is all that the relay does to a point, from Handle until Export, of
// packets of fifty points of ten counters, and of as many resources.
func BenchmarkRelay(b *testing.B) {
	for _, resources := range []int{1, 10} {
		b.Run(fmt.Sprintf("resources=%d", resources), func(b *testing.B) {
			var packets [4096]*metricdata.ResourceMetrics
			x := &target{export: func(context.Context, int) error { return errTarget }} // keeps nothing
			r, err := New(x, WithQueueSize(1<<20), WithRetry(RetryConfig{MaxAttempts: 1}), WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				b.Fatal(err)
			}
			sum := points(nil, 0, 5).ScopeMetrics[0].Metrics[0].Data
			b.ReportAllocs()
			for n := 0; n < b.N; {
				b.StopTimer()
				for i := range packets {
					metrics := make([]metricdata.Metrics, 10)
					for k := range metrics {
						metrics[k] = metricdata.Metrics{Name: fmt.Sprint("requests.", k), Data: sum}
					}
					packets[i] = holding(named(fmt.Sprint(i%resources)), "scope", metrics...)
				}
				b.StartTimer()
				for _, rm := range packets {
					if n < b.N {
						r.Handle(rm)
						n += 50
					}
				}
				_ = r.ForceFlush(context.Background()) // the error of the target
			}
			b.StopTimer()
			_ = r.Shutdown(context.Background())
		})
	}
}
