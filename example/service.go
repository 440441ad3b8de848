package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// service is an HTTP server with the usual instruments, and its own load.
type service struct {
	requests metric.Int64Counter
	inFlight metric.Int64UpDownCounter
	explicit metric.Float64Histogram
	precise  metric.Float64Histogram
}

const preciseName = "http.server.request.duration.base2"

// base2View gives one of the two histograms base-2 exponential buckets.
var base2View = sdkmetric.NewView(
	sdkmetric.Instrument{Name: preciseName},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
)

func newService(m metric.Meter) (*service, error) {
	s := &service{}
	var errs [5]error
	s.requests, errs[0] = m.Int64Counter("http.server.request.count",
		metric.WithUnit("{request}"), metric.WithDescription("Requests answered."))
	s.inFlight, errs[1] = m.Int64UpDownCounter("http.server.active_requests",
		metric.WithUnit("{request}"), metric.WithDescription("Requests being answered."))
	s.explicit, errs[2] = m.Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Time to answer."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1))
	s.precise, errs[3] = m.Float64Histogram(preciseName,
		metric.WithUnit("s"), metric.WithDescription("Time to answer, in base-2 exponential buckets."))
	errs[4] = observeRuntime(m)
	return s, errors.Join(errs[:]...)
}

// observeRuntime registers gauges that read runtime/metrics.
func observeRuntime(m metric.Meter) error {
	gauges := []struct{ name, unit, source string }{
		{"go.memory.used", "By", "/memory/classes/total:bytes"},
		{"go.memory.heap.objects", "{object}", "/gc/heap/objects:objects"},
		{"go.goroutine.count", "{goroutine}", "/sched/goroutines:goroutines"},
	}
	for _, g := range gauges {
		_, err := m.Int64ObservableGauge(g.name, metric.WithUnit(g.unit),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				sample := []metrics.Sample{{Name: g.source}}
				metrics.Read(sample)
				o.Observe(int64(sample[0].Value.Uint64()))
				return nil
			}))
		if err != nil {
			return err
		}
	}
	return nil
}

// run serves its pages and the health of its telemetry on l, and puts load on itself
// until ctx ends.
func (s *service) run(ctx context.Context, l net.Listener, telemetry http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("/health", telemetry)
	mux.Handle("/users", s.instrument("/users", time.Millisecond, 0))
	mux.Handle("/orders", s.instrument("/orders", 4*time.Millisecond, 20))
	mux.Handle("/reports", s.instrument("/reports", 15*time.Millisecond, 5))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() { request(ctx, "http://"+l.Addr().String()) })
	}
	stopped := make(chan error, 1)
	go func() {
		load.Wait()
		// Requests that were given up are still being answered: let them end.
		stopped <- server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// instrument answers after about the given time, with an error once in errorEvery
// requests, and records both.
func (s *service) instrument(route string, about time.Duration, errorEvery int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, start := r.Context(), time.Now()
		at := metric.WithAttributes(attribute.String("http.route", route))
		s.inFlight.Add(ctx, 1, at)
		defer s.inFlight.Add(ctx, -1, at)
		pause(ctx, about/2+rand.N(about))
		status := http.StatusOK
		if errorEvery > 0 && rand.N(errorEvery) == 0 {
			status = http.StatusInternalServerError
		}
		w.WriteHeader(status)
		with := metric.WithAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status),
		)
		seconds := time.Since(start).Seconds()
		s.requests.Add(ctx, 1, with)
		s.explicit.Record(ctx, seconds, with)
		s.precise.Record(ctx, seconds, with)
	})
}

// request asks for one page after the other until ctx ends.
func request(ctx context.Context, base string) {
	routes := []string{"/users", "/users", "/orders", "/reports"}
	methods := []string{http.MethodGet, http.MethodGet, http.MethodPost}
	for ctx.Err() == nil {
		url := base + routes[rand.N(len(routes))] + "?n=" + strconv.Itoa(rand.N(1000))
		req, err := http.NewRequestWithContext(ctx, methods[rand.N(len(methods))], url, nil)
		if err != nil {
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // the answer is of no interest
			_ = resp.Body.Close()
		}
		pause(ctx, 5*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
