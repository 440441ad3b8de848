package direct

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere takes every packet.
type nowhere struct{}

func (nowhere) Send(packets [][]byte) (int, udp.Outcome) { return len(packets), udp.Sent }
func (nowhere) Pending() udp.Outcome                     { return udp.Sent }
func (nowhere) PayloadLimit() int                        { return 0 }
func (nowhere) Close() error                             { return nil }

// world is a provider on a pipeline without a network, so that it runs in a
// synctest bubble, too.
type world struct {
	*Provider
	pipeline *pipeline.Pipeline
}

func open(t *testing.T, interval time.Duration) *world {
	t.Helper()
	return openWith(t, interval, resource.Empty())
}

func openWith(t *testing.T, interval time.Duration, r *resource.Resource) *world {
	t.Helper()
	p, err := pipeline.New(t.Context(), pipeline.Config{
		BufferSize: 1024, BatchSize: 50, MaxBatchAge: 100 * time.Millisecond, PacketSize: 1472,
		Strategy: drop.Newest(), Memory: 1 << 30,
		Breaker:   pipeline.BreakerConfig{Disabled: true, Timeout: time.Minute},
		OnCircuit: func(_, _ pipeline.Circuit) {},
		Report:    reportNow,
		Resolve:   func(context.Context) ([]string, error) { return []string{"nowhere"}, nil },
		Dial:      func(context.Context, string) (pipeline.Sender, error) { return nowhere{}, nil },
	})
	require.NoError(t, err)
	return &world{pipeline: p, Provider: New(Config{
		Direct: p.Direct(), Resource: r, Interval: interval, First: interval,
		Temporality: sdkmetric.DefaultTemporalitySelector, Aggregation: sdkmetric.DefaultAggregationSelector,
		Report: reportNow,
	})}
}

// reportNow hands an error to OpenTelemetry's handler at once.
func reportNow(err error) bool {
	otel.Handle(err)
	return true
}

// close ends w and asserts that the books close.
func (w *world) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	assert.NoError(t, w.Close(ctx))
	_ = w.pipeline.Close(ctx)
	s := w.pipeline.Stats()
	assert.Equal(t, s.Offered, s.Sent+s.Folded+w.dropped(), "%+v", s)
	assert.Zero(t, s.Queued)
}

func (w *world) dropped() (total uint64) {
	for _, n := range w.pipeline.Stats().Dropped {
		total += n
	}
	return total
}

// errorLog is an error handler of OpenTelemetry that keeps what it is told.
type errorLog struct {
	mu  sync.Mutex
	all []string
}

func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, err.Error())
}

func (l *errorLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

// listen has the errors that go to OpenTelemetry's handler kept until the test
// ends.
func listen(t *testing.T) *errorLog {
	t.Helper()
	l := &errorLog{}
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(l)
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	return l
}

// chosenBy reports to OpenTelemetry's handler.
func chosenBy(s sdkmetric.AggregationSelector) aggregations { return choose(s, reportNow) }

// counterOf is what the pipeline knows a counter of int64 by.
func (w *world) counterOf(scope, name string) pipeline.InstrumentConfig {
	return pipeline.InstrumentConfig{
		Resource: w.config.Resource, Scope: instrumentation.Scope{Name: scope}, Name: name, Fold: pipeline.FoldSum, Integer: true, Monotonic: true,
	}
}
