package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errTarget = errors.New("the target is down")

// target is an exporter that keeps what it is given.
type target struct {
	mu       sync.Mutex
	got      []*metricdata.ResourceMetrics
	called   int
	points   uint64
	inside   int // calls under way
	flushed  int
	shutdown int
	// export is called by Export, if it is set, with the number of the call, from 1 on. If
	// it returns an error, the data is not kept.
	export func(ctx context.Context, call int) error
	// refuse is called by Export, if it is set, with the data, before export.
	refuse func(*metricdata.ResourceMetrics) error
	// flushing is called by ForceFlush, if it is set.
	flushing func()
	// closing is called by Shutdown.
	closing func(ctx context.Context) error
}

func (*target) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (*target) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return nil }

func (x *target) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	x.mu.Lock()
	x.called++
	x.inside++
	concurrent, call := x.inside > 1, x.called
	x.mu.Unlock()
	if concurrent {
		panic("Export is called concurrently")
	}
	var err error
	if x.refuse != nil {
		err = x.refuse(rm)
	}
	if err == nil && x.export != nil {
		err = x.export(ctx, call)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.inside--
	if err == nil {
		x.got = append(x.got, rm)
		x.points += pointsOf(rm)
	}
	return err
}

func (x *target) ForceFlush(context.Context) error {
	x.mu.Lock()
	x.flushed++
	x.mu.Unlock()
	if x.flushing != nil {
		x.flushing()
	}
	return nil
}

func (x *target) Shutdown(ctx context.Context) error {
	x.mu.Lock()
	x.shutdown++
	x.mu.Unlock()
	if x.closing != nil {
		return x.closing(ctx)
	}
	return nil
}

func (x *target) calls() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.called
}

// sizes returns the number of points of each call that succeeded.
func (x *target) sizes() (sizes []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, rm := range x.got {
		sizes = append(sizes, pointsOf(rm))
	}
	return sizes
}

func (x *target) relayed() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.points
}

func pointsOf(rm *metricdata.ResourceMetrics) (n uint64) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			_, points, _, _ := kindOf(m.Data)
			n += uint64(points)
		}
	}
	return n
}

// newRelay returns a relay that logs nothing and whose metrics go nowhere, unless opts say
// otherwise.
func newRelay(t *testing.T, next sdkmetric.Exporter, opts ...Option) *Relay {
	t.Helper()
	r, err := New(next, append([]Option{WithLogger(slog.New(slog.DiscardHandler)), WithMeterProvider(noop.NewMeterProvider())}, opts...)...)
	require.NoError(t, err)
	return r
}

// named is a resource.
func named(service string) *resource.Resource {
	return resource.NewSchemaless(attribute.String("service.name", service))
}

// points returns n points of a counter, whose values rise from first on.
func points(r *resource.Resource, first, n int) *metricdata.ResourceMetrics {
	sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for i := range n {
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Value: int64(first + i)})
	}
	return holding(r, "scope", metricdata.Metrics{Name: "requests", Data: sum})
}

func holding(r *resource.Resource, scope string, metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	rm := &metricdata.ResourceMetrics{Resource: r, ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
	rm.ScopeMetrics[0].Scope.Name = scope
	return rm
}

// service returns the name of the service from which data is.
func service(rm *metricdata.ResourceMetrics) string {
	name, _ := rm.Resource.Set().Value("service.name")
	return name.AsString()
}

// values returns the values of the counters that points makes.
func values(rm *metricdata.ResourceMetrics) (values []int64) {
	for _, p := range rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints {
		values = append(values, p.Value)
	}
	return values
}

// balanced asserts that the books add up, and returns them.
func balanced(t *testing.T, r *Relay) Stats {
	t.Helper()
	s := r.Stats()
	assert.Equal(t, s.Offered, s.Relayed+s.Failed+s.Dropped.Total()+s.Queued, fmt.Sprintf("%+v", s))
	return s
}
