package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// The ways in which a service exports.
const (
	sdkWay    = "sdk"
	directWay = "direct"
	grpcWay   = "otlp-grpc"
	httpWay   = "otlp-http"
	noWay     = "none"
)

// handlerSets is how many sets of attributes the handler of requests uses.
const handlerSets = 100

// servicePlan says what a service does. Way is all that differs from one to another.
type servicePlan struct {
	Way, Endpoint       string
	Instruments, Series int // Series of each
	Interval            time.Duration
}

// serviceBooks are points since the service began.
type serviceBooks struct{ Offered, Sent uint64 }

// serviceReport is what the process of a service has used, from begin to end.
type serviceReport struct {
	serviceBooks
	Points          int // that are due in an interval
	Elapsed         time.Duration
	Interval        time.Duration
	CPU             time.Duration
	Mallocs, Bytes  uint64
	Live            uint64
	GCs             uint64
	Pauses, Longest time.Duration
}

func (r *serviceReport) seconds() float64 { return r.Elapsed.Seconds() }

// due is how many points an export at each interval has.
func (r *serviceReport) due() float64 {
	return float64(r.Points) * float64(r.Elapsed) / float64(r.Interval)
}

// service is what the process of a service has.
type service struct {
	plan     servicePlan
	provider metric.MeterProvider
	shutdown func(context.Context) error
	books    func() serviceBooks

	counter   metric.Int64Counter
	histogram metric.Float64Histogram
	adds      [][]metric.AddOption
	records   [][]metric.RecordOption
	next      atomic.Uint64
}

// runService is the process of a service: it begins to export, answers requests, and its
// parent's questions: begin, end and stop.
func runService(plan []byte, in *bufio.Scanner, out io.Writer) error {
	s := &service{shutdown: func(context.Context) error { return nil }, books: func() serviceBooks { return serviceBooks{} }}
	if err := json.Unmarshal(plan, &s.plan); err != nil {
		return err
	}
	if err := errors.Join(s.open(), s.fill()); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := http.Server{Handler: s}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	time.Sleep(3 * s.plan.Interval) // the first exports make what the later ones use again
	fmt.Fprintln(out, listener.Addr())
	var begin snapshot
	for in.Scan() {
		switch in.Text() {
		case "begin":
			begin = s.snapshot()
			err = reply(out, "begun")
		case "end":
			err = reply(out, s.report(&begin))
		case "stop":
			err = server.Close()
			_ = s.shutdown(context.Background()) // what it could not send is in the books
			if stopped := <-serving; !errors.Is(stopped, http.ErrServerClosed) {
				err = errors.Join(err, stopped)
			}
			err = errors.Join(err, reply(out, s.books()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open makes the provider: the one flag.
func (s *service) open() error {
	ctx := context.Background()
	unlimited := sdkmetric.WithCardinalityLimit(0)
	if s.plan.Way == noWay {
		s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()), unlimited)
		return nil
	}
	var to sdkmetric.Exporter
	var err error
	switch s.plan.Way {
	case sdkWay, directWay:
		var exp *exporter.Exporter
		exp, err = exporter.New(ctx, exporter.WithEndpoint(s.plan.Endpoint),
			exporter.WithFlushInterval(s.plan.Interval), exporter.WithCardinalityLimit(2*s.plan.Series))
		if err != nil {
			return err
		}
		s.books = func() serviceBooks {
			b := exp.Stats()
			return serviceBooks{b.Offered, b.Sent}
		}
		s.shutdown, s.provider = exp.Shutdown, exp.MeterProvider()
		if s.plan.Way == directWay {
			return nil
		}
		to = exp
	case grpcWay:
		to, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(s.plan.Endpoint), otlpmetricgrpc.WithInsecure())
	case httpWay:
		to, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(s.plan.Endpoint), otlpmetrichttp.WithInsecure())
	default:
		err = fmt.Errorf("unknown way %q", s.plan.Way)
	}
	if err != nil {
		return err
	}
	c := &countingExporter{Exporter: to, ended: make(chan struct{})}
	if s.plan.Way != sdkWay {
		s.books = func() serviceBooks { return serviceBooks{c.offered.Load(), c.sent.Load()} }
	}
	p := sdkmetric.NewMeterProvider(unlimited, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(c, sdkmetric.WithInterval(s.plan.Interval))))
	s.provider = p
	s.shutdown = func(ctx context.Context) error {
		<-c.ended // Shutdown of a reader cancels the export that is under way
		return p.Shutdown(ctx)
	}
	return nil
}

// countingExporter counts the points of the exports, and those of the ones that did not fail.
type countingExporter struct {
	sdkmetric.Exporter
	offered, sent atomic.Uint64
	ended         chan struct{} // for who waits for the end of an export
}

func (c *countingExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if err := ctx.Err(); err != nil {
		return err // the reader was shut down while it collected
	}
	points := uint64(countPoints(rm))
	c.offered.Add(points)
	err := c.Exporter.Export(ctx, rm)
	if err == nil {
		c.sent.Add(points)
	}
	select {
	case c.ended <- struct{}{}:
	default:
	}
	return err
}

// fill records once in every series.
func (s *service) fill() error {
	m := s.provider.Meter(scopeName)
	var sets []metric.MeasurementOption
	for i := range s.plan.Series {
		sets = append(sets, metric.WithAttributeSet(attributesOf(i)))
	}
	for i := range s.plan.Instruments {
		c, err := m.Int64Counter(fmt.Sprintf("%s.%d", requestCount, i))
		if err != nil {
			return err
		}
		for _, set := range sets {
			c.Add(context.Background(), 1, set)
		}
		s.counter = c
	}
	var err error
	s.histogram, err = m.Float64Histogram("http.server.request.duration")
	for i := range handlerSets {
		s.adds = append(s.adds, []metric.AddOption{metric.WithAttributeSet(attributesOf(i))})
		s.records = append(s.records, []metric.RecordOption{metric.WithAttributeSet(attributesOf(i))})
		s.histogram.Record(context.Background(), 1, s.records[i]...)
	}
	return err
}

// ServeHTTP answers a request and records two measurements.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	i := int(s.next.Add(1) % handlerSets)
	_, _ = io.WriteString(w, "hello") // the load generator counts requests that fail
	s.counter.Add(r.Context(), 1, s.adds[i]...)
	s.histogram.Record(r.Context(), time.Since(begin).Seconds()*1000, s.records[i]...)
}

// snapshot is what the process has used so far.
type snapshot struct {
	serviceBooks
	at     time.Time
	cpu    time.Duration
	memory runtime.MemStats
	pauses []uint64 // by bucket
	bounds []float64
}

const pausesMetric = "/sched/pauses/total/gc:seconds"

func (s *service) snapshot() snapshot {
	sample := []metrics.Sample{{Name: pausesMetric}}
	metrics.Read(sample)
	h := sample[0].Value.Float64Histogram()
	now := snapshot{serviceBooks: s.books(), at: time.Now(), cpu: cpuTime(), pauses: h.Counts, bounds: h.Buckets}
	runtime.ReadMemStats(&now.memory)
	return now
}

// report is what the process has used since begin. The longest pause is the end of its
// bucket.
func (s *service) report(begin *snapshot) serviceReport {
	end := s.snapshot()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	longest := 0.0
	for i, n := range end.pauses {
		if n > begin.pauses[i] {
			longest = min(end.bounds[i+1], 2*end.bounds[i])
		}
	}
	return serviceReport{
		serviceBooks: serviceBooks{end.Offered - begin.Offered, end.Sent - begin.Sent},
		Points:       s.plan.Instruments*s.plan.Series + handlerSets,
		Elapsed:      end.at.Sub(begin.at), Interval: s.plan.Interval, CPU: end.cpu - begin.cpu,
		Mallocs: end.memory.Mallocs - begin.memory.Mallocs, Bytes: end.memory.TotalAlloc - begin.memory.TotalAlloc,
		Live: sample[0].Value.Uint64(), GCs: uint64(end.memory.NumGC - begin.memory.NumGC),
		Pauses:  time.Duration(end.memory.PauseTotalNs - begin.memory.PauseTotalNs),
		Longest: time.Duration(longest * float64(time.Second)),
	}
}
