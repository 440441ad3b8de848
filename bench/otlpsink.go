package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// The roles of OTLP endpoints that decode what they get and count the points.
const (
	grpcRole = "otlp-grpc"
	httpRole = "otlp-http"
)

// maxRequest is how many bytes a request may have: one of 100,000 points has 12 MB. A Collector takes 4 MiB
// over gRPC if nothing else is said.
const maxRequest = 64 << 20

// otlpSink counts the points that come over gRPC or HTTP.
type otlpSink struct {
	collectorpb.UnimplementedMetricsServiceServer
	*arrivals
	listener net.Listener
	serving  sync.WaitGroup
	stop     func() error
}

func newOTLPSink() (*otlpSink, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	return &otlpSink{arrivals: newArrivals(), listener: listener}, err
}

func newGRPCSink() (sink, error) {
	o, err := newOTLPSink()
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxRequest))
	collectorpb.RegisterMetricsServiceServer(server, o)
	o.serving.Go(func() { _ = server.Serve(o.listener) }) // ends with close
	o.stop = func() error { server.Stop(); return nil }
	return o, nil
}

func newHTTPSink() (sink, error) {
	o, err := newOTLPSink()
	if err != nil {
		return nil, err
	}
	server := http.Server{Handler: o}
	o.serving.Go(func() { _ = server.Serve(o.listener) }) // ends with close
	o.stop = server.Close
	return o, nil
}

// Export takes a request over gRPC.
func (o *otlpSink) Export(_ context.Context, request *collectorpb.ExportMetricsServiceRequest) (*collectorpb.ExportMetricsServiceResponse, error) {
	o.count(request)
	return &collectorpb.ExportMetricsServiceResponse{}, nil
}

// ServeHTTP takes a request over HTTP.
func (o *otlpSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var request collectorpb.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.count(&request)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (o *otlpSink) count(request *collectorpb.ExportMetricsServiceRequest) {
	points := 0
	for _, r := range request.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				points += len(m.GetSum().GetDataPoints()) + len(m.GetHistogram().GetDataPoints()) + len(m.GetGauge().GetDataPoints())
			}
		}
	}
	o.add(points)
}

func (o *otlpSink) address() string { return o.listener.Addr().String() }

func (o *otlpSink) close() error {
	err := o.stop()
	o.serving.Wait()
	return err
}
