package otelgramreceiver

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/randomdata"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of the random data; 0: a new one each time")
	cases = flag.Int("cases", 1000, "how many random ResourceMetrics to compare")
)

// otlp makes pdata of metricdata by way of the SDK's OTLP exporter.
type otlp struct {
	exp  *otlpmetrichttp.Exporter
	last pmetric.Metrics
}

func newOTLP(t *testing.T) *otlp {
	t.Helper()
	o := &otlp{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		request := pmetricotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			panic(err)
		}
		o.last = request.Metrics()
	}))
	var err error
	o.exp, err = otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, o.exp.Shutdown(context.Background()))
		server.Close()
	})
	return o
}

func (o *otlp) pdata(t *testing.T, rm *metricdata.ResourceMetrics) pmetric.Metrics {
	t.Helper()
	require.NoError(t, o.exp.Export(t.Context(), rm))
	return o.last
}

// joined puts what came in several batches together, if one goes on with the metric with
// which another ended.
func joined(batches []pmetric.Metrics) pmetric.Metrics {
	all := batches[0]
	for _, b := range batches[1:] {
		sms := all.ResourceMetrics().At(all.ResourceMetrics().Len() - 1).ScopeMetrics()
		rm := b.ResourceMetrics().At(0)
		first := rm.ScopeMetrics().At(0)
		last := sms.At(sms.Len() - 1)
		if last.Scope().Name() == first.Scope().Name() {
			end, begin := last.Metrics().At(last.Metrics().Len()-1), first.Metrics().At(0)
			if end.Name() == begin.Name() {
				movePoints(begin, end)
				first.Metrics().RemoveIf(func(m pmetric.Metric) bool { return m == begin })
			}
			first.Metrics().MoveAndAppendTo(last.Metrics())
			rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm == first })
		}
		rm.ScopeMetrics().MoveAndAppendTo(sms)
	}
	return all
}

func movePoints(from, to pmetric.Metric) {
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		from.Gauge().DataPoints().MoveAndAppendTo(to.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		from.Sum().DataPoints().MoveAndAppendTo(to.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		from.Histogram().DataPoints().MoveAndAppendTo(to.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		from.ExponentialHistogram().DataPoints().MoveAndAppendTo(to.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		from.Summary().DataPoints().MoveAndAppendTo(to.Summary().DataPoints())
	}
}

// TestEqualsOTLP: for random data of every kind, what the next consumer gets is what the
// SDK's OTLP exporter would have sent, bit by bit.
func TestEqualsOTLP(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	sink := &consumertest.MetricsSink{}
	r := start(t, sink, func(c *Config) { c.MaxTimestampSkew = 0 })
	exp := newExporter(t, r, exporter.WithPacing(0, 0))
	g := randomdata.New(*seed)
	g.Valid = true
	reference := newOTLP(t)
	compared := 0
	for i := range *cases {
		rm := g.ResourceMetrics()
		want := reference.pdata(t, rm)
		sink.Reset()
		require.NoError(t, exp.Export(t.Context(), rm))
		require.NoError(t, exp.ForceFlush(t.Context()))
		require.Eventually(t, func() bool { return sink.DataPointCount() == want.DataPointCount() }, 30*time.Second, 50*time.Microsecond)
		got := joined(sink.AllMetrics())
		require.Equal(t, bytesOf(t, want), bytesOf(t, got), "case %d of seed %d", i, *seed)
		if !g.NaN() {
			compared++
			require.NoError(t, pmetrictest.CompareMetrics(want, got), "case %d of seed %d", i, *seed)
		}
	}
	require.Positive(t, compared)
	s := exp.Stats()
	require.Zero(t, s.Dropped.Total())
}

func bytesOf(t *testing.T, m pmetric.Metrics) []byte {
	t.Helper()
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(m)
	require.NoError(t, err)
	return b
}

// TestManyAttributesEqualOTLP: the sets and maps are so large that they are made in another
// way, with values of all types.
func TestManyAttributesEqualOTLP(t *testing.T) {
	values := []attribute.Value{
		attribute.BoolValue(true), attribute.Int64Value(-7), attribute.Float64Value(0.1), attribute.StringValue("ä"),
		attribute.BoolSliceValue([]bool{true, false}), attribute.Int64SliceValue([]int64{1, 2}), attribute.Float64SliceValue([]float64{0.5}),
		attribute.StringSliceValue([]string{"a", ""}), attribute.ByteSliceValue([]byte{0, 255}), {},
		attribute.SliceValue(attribute.Int64Value(1), attribute.StringValue("x"), attribute.SliceValue()),
		attribute.MapValue(attribute.String("k", "v"), attribute.Int("n", 1)),
	}
	var kvs []attribute.KeyValue
	for i := range 2 * manyEntries {
		kvs = append(kvs, attribute.KeyValue{Key: attribute.Key(fmt.Sprint("key ", i)), Value: values[i%len(values)]})
	}
	rm := gauge("m", 1)
	point := &rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints[0]
	point.Attributes = attribute.NewSet(append(kvs, attribute.KeyValue{Key: "map", Value: attribute.MapValue(kvs...)})...)
	point.Exemplars = []metricdata.Exemplar[int64]{{Time: point.Time, Value: 3, FilteredAttributes: kvs}}
	sink := &consumertest.MetricsSink{}
	r := start(t, sink)
	require.NoError(t, newExporter(t, r).Export(t.Context(), rm))
	require.Eventually(t, func() bool { return sink.DataPointCount() == 1 }, 30*time.Second, time.Millisecond)
	require.NoError(t, pmetrictest.CompareMetrics(newOTLP(t).pdata(t, rm), sink.AllMetrics()[0]))
}
