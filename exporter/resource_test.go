package exporter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
)

// TestResource: the direct path treats WithResource as the SDK does, errors included.
func TestResource(t *testing.T) {
	const attributes, service = "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"
	shop := resource.NewWithAttributes("https://example.com/1", attribute.String("service.name", "shop"), attribute.Int("n", 1))
	for _, tt := range []struct {
		name        string
		environment map[string]string
		resource    *resource.Resource
		has, hasNot []attribute.KeyValue
		reported    int
	}{
		{"no environment", nil, shop, []attribute.KeyValue{attribute.String("service.name", "shop"), attribute.Int("n", 1)}, nil, 0},
		{"attributes", map[string]string{attributes: "k8s.pod.name=p,n=2"}, shop,
			[]attribute.KeyValue{attribute.String("k8s.pod.name", "p"), attribute.Int("n", 1)}, []attribute.KeyValue{attribute.String("n", "2")}, 0},
		{"a service name", map[string]string{service: "other"}, resource.NewSchemaless(attribute.Int("n", 1)),
			[]attribute.KeyValue{attribute.String("service.name", "other")}, nil, 0},
		{"both", map[string]string{service: "other", attributes: "service.name=third"}, resource.Empty(),
			[]attribute.KeyValue{attribute.String("service.name", "other")}, nil, 0},
		{"malformed", map[string]string{attributes: "a=b,nonsense"}, shop, []attribute.KeyValue{attribute.Int("n", 1)}, nil, 1},
		{"another schema", map[string]string{attributes: "a=b"}, shop, []attribute.KeyValue{attribute.String("a", "b")}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			reported := 0
			before := otel.GetErrorHandler()
			otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { reported++ }))
			defer otel.SetErrorHandler(before)
			reader := sdkmetric.NewManualReader()
			sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(tt.resource))
			theirs := reported
			c := connect(t, exporter.WithResource(tt.resource), exporter.WithFlushInterval(never))
			assert.Equal(t, 2*theirs, reported, "as many as the SDK")
			assert.GreaterOrEqual(t, theirs, tt.reported)

			n, err := sdk.Meter("m").Int64Counter("n")
			require.NoError(t, err)
			n.Add(t.Context(), 1)
			var want metricdata.ResourceMetrics
			require.NoError(t, reader.Collect(t.Context(), &want))
			assert.True(t, c.exp.RecordMetric("n", 1))
			require.NoError(t, c.exp.ForceFlush(t.Context()))
			got := c.receive(t, 1)[0].Resource
			assert.Equal(t, want.Resource.Attributes(), got.Attributes())
			assert.Equal(t, want.Resource.SchemaURL(), got.SchemaURL())
			for _, kv := range tt.has {
				assert.Contains(t, got.Attributes(), kv)
			}
			for _, kv := range tt.hasNot {
				assert.NotContains(t, got.Attributes(), kv)
			}
		})
	}
}

// TestScopesCompare: on both paths a scope arrives in the form that == compares.
func TestScopesCompare(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	with := attribute.NewSet(attribute.Int("a", 1))
	want := []instrumentation.Scope{{Name: "s"}, {Name: "s", Version: "1", SchemaURL: "u"}, {Name: "s", Attributes: with}}
	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(c.exp)))
	for _, mp := range []metric.MeterProvider{c.exp.MeterProvider(), sdk} {
		for _, m := range []metric.Meter{
			mp.Meter("s"), mp.Meter("s", metric.WithInstrumentationVersion("1"), metric.WithSchemaURL("u")),
			mp.Meter("s", metric.WithInstrumentationAttributes(with.ToSlice()...)),
		} {
			n, err := m.Int64Counter("n")
			require.NoError(t, err)
			n.Add(t.Context(), 1)
		}
	}
	none, err := c.exp.MeterProvider().Meter("s", metric.WithInstrumentationAttributes()).Int64Counter("n")
	require.NoError(t, err)
	none.Add(t.Context(), 1)
	for _, flush := range []func() error{
		func() error { return c.exp.ForceFlush(t.Context()) }, func() error { return sdk.ForceFlush(t.Context()) },
	} {
		require.NoError(t, flush())
		var got []instrumentation.Scope
		for _, rm := range c.receive(t, 3) {
			for _, sm := range rm.ScopeMetrics {
				got = append(got, sm.Scope)
			}
		}
		require.Len(t, got, len(want))
		for _, scope := range want {
			count := 0
			for i := range got {
				if got[i] == scope {
					count++
				}
			}
			assert.Equal(t, 1, count, "%+v in %+v", scope, got)
		}
	}
	require.NoError(t, sdk.Shutdown(t.Context()))
}
