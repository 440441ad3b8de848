package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelgram/otelgram/wire"
)

// otlpRequest returns what OpenTelemetry's own exporter sends for rm.
func otlpRequest(rm *metricdata.ResourceMetrics) (*collectorpb.ExportMetricsServiceRequest, error) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body) // what is missing shows when it is decoded
	}))
	defer server.Close()
	ctx := context.Background()
	exp, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(server.URL+"/v1/metrics"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(exp.Export(ctx, rm), exp.Shutdown(ctx)); err != nil {
		return nil, err
	}
	request := &collectorpb.ExportMetricsServiceRequest{}
	return request, proto.Unmarshal(body, request)
}

// interner makes each string and each set once, as package wire wants it.
type interner struct {
	symbols map[string]*wire.Symbol
	sets    map[attribute.Distinct]*wire.AttributeSet
}

// wirePoints returns the points of what counters made, as package wire takes
// them.
func wirePoints(rm *metricdata.ResourceMetrics) (points []wire.Point) {
	in := interner{map[string]*wire.Symbol{}, map[attribute.Distinct]*wire.AttributeSet{}}
	resource := &wire.Resource{SchemaURL: in.symbol(rm.Resource.SchemaURL()), Attributes: in.set(*rm.Resource.Set())}
	for _, sm := range rm.ScopeMetrics {
		scope := &wire.Scope{Resource: resource, Name: in.symbol(sm.Scope.Name), Version: in.symbol(sm.Scope.Version)}
		for _, m := range sm.Metrics {
			metric := &wire.Metric{
				Scope: scope, Name: in.symbol(m.Name), Unit: in.symbol(m.Unit),
				Kind: wire.Sum, Integer: true, Monotonic: true,
			}
			for _, p := range pointsOf(&m) {
				points = append(points, wire.Point{
					Metric: metric, Attributes: in.set(p.Attributes),
					StartTime: p.StartTime.UnixNano(), Time: p.Time.UnixNano(), Bits: uint64(p.Value),
				})
			}
		}
	}
	return points
}

func (in *interner) symbol(text string) *wire.Symbol {
	s, ok := in.symbols[text]
	if !ok {
		s = wire.NewSymbol(text)
		in.symbols[text] = s
	}
	return s
}

func (in *interner) set(from attribute.Set) *wire.AttributeSet {
	s, ok := in.sets[from.Equivalent()]
	if !ok {
		s = &wire.AttributeSet{}
		for _, kv := range from.ToSlice() {
			s.AddString(in.symbol(string(kv.Key)), in.symbol(kv.Value.AsString()))
		}
		in.sets[from.Equivalent()] = s
	}
	return s
}
