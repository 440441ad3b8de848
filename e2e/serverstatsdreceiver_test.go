package e2e

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	collector "go.opentelemetry.io/collector/receiver"
)

// added are the values that have come out of a receiver so far.
type added struct {
	mu sync.Mutex
	v  values
}

// consume adds what one interval had: gauges stay as they are, everything else adds up.
func (a *added) consume(_ context.Context, md pmetric.Metrics) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				a.add(m)
			}
		}
	}
	return nil
}

func (a *added) add(m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			a.v.set(m.Name(), p.DoubleValue(), stringAttributes(p.Attributes()))
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			a.v[seriesName(m.Name(), stringAttributes(p.Attributes()))] += p.DoubleValue()
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			tags := stringAttributes(p.Attributes())
			a.v[seriesName(m.Name()+"_count", tags)] += float64(p.Count())
			a.v[seriesName(m.Name()+"_sum", tags)] += p.Sum()
			for _, q := range p.QuantileValues().All() {
				a.v.set(m.Name(), q.Value(), tags, map[string]string{"quantile": strconv.FormatFloat(q.Quantile(), 'g', -1, 64)})
			}
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			tags, count := stringAttributes(p.Attributes()), uint64(0)
			a.v[seriesName(m.Name()+"_count", tags)] += float64(p.Count())
			a.v[seriesName(m.Name()+"_sum", tags)] += p.Sum()
			for i, n := range p.BucketCounts().All() {
				le := "+Inf"
				if i < p.ExplicitBounds().Len() {
					le = strconv.FormatFloat(p.ExplicitBounds().At(i), 'g', -1, 64)
				}
				count += n
				a.v[seriesName(m.Name()+"_bucket", tags, map[string]string{"le": le})] += float64(count)
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			tags := stringAttributes(p.Attributes())
			a.v[seriesName(m.Name()+"_count", tags)] += float64(p.Count())
			a.v[seriesName(m.Name()+"_sum", tags)] += p.Sum()
		}
	}
}

func stringAttributes(m pcommon.Map) map[string]string {
	tags := map[string]string{}
	for k, v := range m.All() {
		tags[k] = v.AsString()
	}
	return tags
}

// startStatsDReceiver starts the Collector's receiver for StatsD in this process. Timings
// become explicit histograms with the bounds, or exponential ones if there are none.
func startStatsDReceiver(t *testing.T, bounds ...any) *server {
	t.Helper()
	s := &server{address: local(t)}
	factory := statsdreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	histogram := map[string]any{}
	if len(bounds) != 0 {
		histogram["explicit_buckets"] = []any{map[string]any{"matcher_pattern": ".*", "buckets": bounds}}
	}
	var mapping []any
	for _, kind := range []string{"timing", "histogram"} { // "histogram" is "distribution" too
		mapping = append(mapping, map[string]any{"statsd_type": kind, "observer_type": "histogram", "histogram": histogram})
	}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"endpoint": s.address, "aggregation_interval": "200ms", "counter_type": "float", "ignore_host": true, "timer_histogram_mapping": mapping,
	}).Unmarshal(config))
	sum := added{v: values{}}
	next, err := consumer.NewMetrics(sum.consume)
	require.NoError(t, err)
	settings := collector.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	r, err := factory.CreateMetrics(t.Context(), settings, config, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	s.read = func() (values, error) {
		sum.mu.Lock()
		defer sum.mu.Unlock()
		v := values{}
		for series, value := range sum.v {
			v[series] = value
		}
		return v, nil
	}
	s.ready(t, probe+":1|c")
	return s
}

func TestStatsDReceiver(t *testing.T) {
	s := startStatsDReceiver(t, 1, 10)
	s.send(t, "jobs:2|c", "jobs:0.5|c", "load:0|g", "load:-5|g", "size:7|d|@0.5|#queue:mail,zone:a")
	s.send(t, "duration:1500|ms", "duration:-0.5|h")
	queue := map[string]string{"queue": "mail", "zone": "a"}
	want := values{"jobs{}": 2.5, "load{}": -5, "duration_sum{}": 1499.5, "duration_count{}": 2}
	want.set("size_count", 2, queue)
	want.set("size_sum", 14, queue)
	want.set("size_bucket", 0, queue, map[string]string{"le": "1"})
	want.set("size_bucket", 2, queue, map[string]string{"le": "10"})
	want.set("size_bucket", 2, queue, map[string]string{"le": "+Inf"})
	s.await(t, want)
}
