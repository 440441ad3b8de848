package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelgram/otelgram/internal/workload"
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

// interner makes each string, set and metric once, as package wire wants it.
type interner struct {
	scope   *wire.Scope
	symbols map[string]*wire.Symbol
	sets    map[string]*wire.AttributeSet
	metrics map[string]*wire.Metric
}

// wirePoints returns points as package wire takes them, in their order.
func wirePoints(points []workload.Counter) (out []wire.Point) {
	in := interner{nil, map[string]*wire.Symbol{}, map[string]*wire.AttributeSet{}, map[string]*wire.Metric{}}
	in.scope = &wire.Scope{Resource: &wire.Resource{Attributes: in.set(workload.Resource())}, Name: in.symbol(workload.Scope)}
	for _, p := range points {
		out = append(out, wire.Point{
			Metric: in.metric(p), Attributes: in.set(p.Attributes),
			StartTime: workload.Started, Time: workload.Exported, Bits: uint64(p.Value),
		})
	}
	return out
}

func (in *interner) metric(p workload.Counter) *wire.Metric {
	m, ok := in.metrics[p.Name]
	if !ok {
		m = &wire.Metric{
			Scope: in.scope, Name: in.symbol(p.Name), Unit: in.symbol(p.Unit),
			Kind: wire.Sum, Integer: true, Monotonic: true,
		}
		in.metrics[p.Name] = m
	}
	return m
}

func (in *interner) symbol(text string) *wire.Symbol {
	s, ok := in.symbols[text]
	if !ok {
		s = wire.NewSymbol(text)
		in.symbols[text] = s
	}
	return s
}

func (in *interner) set(attributes []workload.Attribute) *wire.AttributeSet {
	key := fmt.Sprint(attributes)
	s, ok := in.sets[key]
	if !ok {
		s = &wire.AttributeSet{}
		for _, a := range attributes {
			s.AddString(in.symbol(a.Key), in.symbol(a.Value))
		}
		in.sets[key] = s
	}
	return s
}
