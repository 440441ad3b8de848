package otelgramreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
	"github.com/otelgram/otelgram/exporter"
)

// start runs a receiver on a free port, in front of next.
func start(t *testing.T, next consumer.Metrics, change ...func(*Config)) *otelgramReceiver {
	t.Helper()
	return startWith(t, componenttest.NewTelemetry(), next, change...)
}

func startWith(t *testing.T, tel *componenttest.Telemetry, next consumer.Metrics, change ...func(*Config)) *otelgramReceiver {
	t.Helper()
	return startOn(t, componenttest.NewNopHost(), tel, next, change...)
}

func startOn(t *testing.T, host component.Host, tel *componenttest.Telemetry, next consumer.Metrics, change ...func(*Config)) *otelgramReceiver {
	t.Helper()
	c := createDefaultConfig().(*Config)
	c.Endpoint = "127.0.0.1:0"
	for _, f := range change {
		f(c)
	}
	require.NoError(t, c.Validate())
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	made, err := createMetrics(t.Context(), set, c, next)
	require.NoError(t, err)
	r := made.(*otelgramReceiver)
	require.NoError(t, r.Start(t.Context(), host))
	t.Cleanup(func() { _ = r.Shutdown(context.Background()) }) // some tests have done that already
	return r
}

// newExporter sends to r.
func newExporter(t *testing.T, r *otelgramReceiver, opts ...exporter.Option) *exporter.Exporter {
	t.Helper()
	exp, err := exporter.New(t.Context(), append([]exporter.Option{exporter.WithEndpoint(r.receiver.Addr().String())}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = exp.Shutdown(context.Background()) }) // some tests have done that already
	return exp
}

func gauge(name string, value int64) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "test")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{
			Name: name, Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Time: time.Now(), Value: value}}},
		}}}},
	}
}

func TestArrives(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	r := start(t, sink)
	exp := newExporter(t, r)
	require.NoError(t, exp.Export(t.Context(), gauge("a", 7)))
	require.Eventually(t, func() bool { return sink.DataPointCount() == 1 }, 30*time.Second, time.Millisecond)
	rm := sink.AllMetrics()[0].ResourceMetrics().At(0)
	name, _ := rm.Resource().Attributes().Get("service.name")
	assert.Equal(t, "test", name.Str())
	m := rm.ScopeMetrics().At(0).Metrics().At(0)
	assert.Equal(t, "a", m.Name())
	assert.Equal(t, int64(7), m.Gauge().DataPoints().At(0).IntValue())
	require.NoError(t, r.Shutdown(t.Context()))
}
