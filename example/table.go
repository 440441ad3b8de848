package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// arrivals remembers the last value of every series that arrived.
type arrivals struct {
	mu     sync.Mutex
	series map[seriesKey]string
	points int
}

type seriesKey struct{ metric, attributes string }

func newArrivals() *arrivals { return &arrivals{series: map[seriesKey]string{}} }

// add is the receiver's handler.
func (a *arrivals) add(rm *metricdata.ResourceMetrics) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			a.metric(m.Name, m.Data)
		}
	}
}

func (a *arrivals) metric(name string, data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			a.set(name, p.Attributes, fmt.Sprint(p.Value))
		}
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			a.set(name, p.Attributes, fmt.Sprint(p.Value))
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			a.set(name, p.Attributes, histogram(p.Count, p.Sum, len(p.BucketCounts)))
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range d.DataPoints {
			a.set(name, p.Attributes, histogram(p.Count, p.Sum, len(p.PositiveBucket.Counts)))
		}
	}
}

func (a *arrivals) set(metric string, set attribute.Set, value string) {
	a.points++
	a.series[seriesKey{metric, set.Encoded(attribute.DefaultEncoder())}] = value
}

func histogram(count uint64, sum float64, buckets int) string {
	return fmt.Sprintf("n %d, mean %.2f ms, %d buckets", count, 1000*sum/float64(max(1, count)), buckets)
}

// print writes one series of each metric, in order, or all series if all is true.
func (a *arrivals) print(w io.Writer, all bool) {
	a.mu.Lock()
	series := maps.Clone(a.series)
	a.mu.Unlock() // whoever reads w may be slow, and the receiver's handler must not wait
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	keys := slices.SortedFunc(maps.Keys(series), func(x, y seriesKey) int {
		return cmp.Or(cmp.Compare(x.metric, y.metric), cmp.Compare(x.attributes, y.attributes))
	})
	shown, last := 0, ""
	for _, k := range keys {
		if all || k.metric != last {
			fmt.Fprintf(out, "  %s\t%s\t%s\n", k.metric, series[k], k.attributes)
			shown++
		}
		last = k.metric
	}
	_ = out.Flush() // what cannot be printed cannot be reported either
	if more := len(keys) - shown; more > 0 {
		fmt.Fprintf(w, "  and %d more series of these metrics: -v shows all\n", more)
	}
}
