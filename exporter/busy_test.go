package exporter_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/testsize"
)

// busyFor is how long the goroutines of TestBusyProcess are busy.
var busyFor = flag.Duration("busy", testsize.Pick(500*time.Millisecond, 3*time.Second), "how long TestBusyProcess keeps all processors busy")

// TestBusyProcess: more goroutines record than there are processors, and never rest.
// Nothing is dropped, and in the end the receiver has every measurement.
func TestBusyProcess(t *testing.T) {
	for _, processors := range []int{1, 2} {
		t.Run(fmt.Sprintf("GOMAXPROCS %d", processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			c := connect(t)
			m := c.exp.MeterProvider().Meter("m")
			counter, err := m.Int64Counter("counter")
			require.NoError(t, err)
			histogram, err := m.Float64Histogram("histogram")
			require.NoError(t, err)
			var mu sync.Mutex
			var calls [3]float64
			var group sync.WaitGroup
			begin := time.Now()
			for g := range 8 {
				group.Go(func() {
					kept := metric.WithAttributeSet(attribute.NewSet(attribute.Int("g", g%4)))
					tag := exporter.Tag{Key: "g", Value: fmt.Sprint(g % 4)}
					n := 0.0
					for time.Since(begin) < *busyFor {
						for range 1000 {
							counter.Add(context.Background(), 1, kept)
							histogram.Record(context.Background(), 5, kept)
							c.exp.RecordMetric("by.name", 1, tag)
						}
						n += 1000
					}
					mu.Lock()
					defer mu.Unlock()
					for i := range calls {
						calls[i] += n
					}
				})
			}
			group.Wait()
			require.NoError(t, c.exp.ForceFlush(t.Context()))
			all := joined(c.receive(t, int(c.exp.Stats().Sent))) // with a collection in between, if there was one
			got := [3]float64{totalOf(all, "counter"), totalOf(all, "histogram"), totalOf(all, "by.name")}
			assert.Equal(t, calls, got)
			assert.Zero(t, c.exp.Stats().Dropped.Total())
			t.Logf("%.0f calls each of Add, Record and RecordMetric; %.0f at the receiver, %d dropped", calls[0], got, c.exp.Stats().Dropped.Total())
		})
	}
}

// totalOf adds up the series of a cumulative metric: a sum's values, and a histogram's counts.
// Of several points of a series the largest counts.
func totalOf(rm *metricdata.ResourceMetrics, name string) (total float64) {
	series := map[attribute.Distinct]float64{}
	take := func(set attribute.Set, v float64) { series[set.Equivalent()] = max(series[set.Equivalent()], v) }
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name != name {
				continue
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					take(p.Attributes, float64(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					take(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					take(p.Attributes, float64(p.Count))
				}
			}
		}
	}
	for _, v := range series {
		total += v
	}
	return total
}

// TestExportBesideEvents: an Export of 20,000 points arrives within its time, although the
// event queue is always full.
func TestExportBesideEvents(t *testing.T) {
	t.Parallel()
	exp, r := underPressure(t, func(*metricdata.ResourceMetrics) {}, exporter.WithDropStrategy(drop.Oldest()), exporter.WithPacing(1000, 8))
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					for range 1000 {
						exp.RecordMetric("event", 1)
					}
				}
			}
		})
	}
	require.Eventually(t, func() bool { return exp.Stats().Dropped.Evicted > 0 }, 30*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // the SDK's default
	defer cancel()
	assert.NoError(t, exp.Export(ctx, counters(1, 20_000)))
	assert.NoError(t, exp.ForceFlush(ctx))
	close(stop)
	group.Wait()
	s := exp.Stats()
	assert.Zero(t, s.Dropped.Deadline)
	drained(t, exp, r)
}
