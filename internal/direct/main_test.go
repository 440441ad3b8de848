package direct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network takes every packet, and keeps the last value of each series.
type network struct {
	mu     sync.Mutex
	totals map[string]float64
}

func (n *network) Send(packets [][]byte) (int, udp.Outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range packets {
		var d wire.Decoder
		if d.Reset(p) != nil {
			continue // a report
		}
		for d.Next() {
			v := d.Point()
			series := string(v.Metric.Name)
			for _, kv := range v.Attributes.All() {
				series += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.Text())
			}
			n.totals[series] = math.Float64frombits(v.Bits)
			if v.Metric.Integer {
				n.totals[series] = float64(int64(v.Bits))
			}
		}
	}
	return len(packets), udp.Sent
}

// total adds the series up.
func (n *network) total() (sum float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, v := range n.totals {
		sum += v
	}
	return sum
}

func (*network) Pending() udp.Outcome { return udp.Sent }
func (*network) PayloadLimit() int    { return 0 }
func (*network) Offload() udp.Offload { return udp.OffloadUnavailable }
func (*network) Close() error         { return nil }

// world is a provider on a pipeline whose network is this process, so that it runs in a
// synctest bubble, too.
type world struct {
	*Provider
	network  *network
	pipeline *pipeline.Pipeline
}

func (w *world) total() float64 { return w.network.total() }

func open(t *testing.T, interval time.Duration) *world {
	t.Helper()
	return openWith(t, interval, resource.Empty())
}

// openDelta opens a world with delta temporality, which collects only when it is asked to.
func openDelta(t *testing.T) *world {
	t.Helper()
	return openAs(t, time.Hour, resource.Empty(), sdkmetric.DeltaTemporalitySelector)
}

func openWith(t *testing.T, interval time.Duration, r *resource.Resource) *world {
	t.Helper()
	return openAs(t, interval, r, sdkmetric.DefaultTemporalitySelector)
}

func openAs(t *testing.T, interval time.Duration, r *resource.Resource, temporality sdkmetric.TemporalitySelector) *world {
	t.Helper()
	n := &network{totals: map[string]float64{}}
	p, err := pipeline.New(t.Context(), pipeline.Config{
		BufferSize: 1024, BatchSize: 50, MaxBatchAge: 100 * time.Millisecond,
		Strategy: drop.Newest(), Memory: 1 << 30, Report: reportNow,
		Session: session.Config{
			PacketSize: 1472,
			Breaker:    session.BreakerConfig{Disabled: true, Timeout: time.Minute},
			OnCircuit:  func(_, _ session.Circuit) {},
			Resolve:    func(context.Context) ([]udp.Address, error) { return []udp.Address{{Path: "here"}}, nil },
			Dial:       func(context.Context, udp.Address) (session.Socket, error) { return n, nil },
		},
	})
	require.NoError(t, err)
	return &world{network: n, pipeline: p, Provider: New(Config{
		Books: p.Books(), Memory: p.Memory(), Sink: p.Sink(), Resource: r, Limit: 2000, Interval: interval, First: interval,
		Temporality: temporality, Aggregation: sdkmetric.DefaultAggregationSelector,
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
	assert.Equal(t, s.Offered, s.Sent+w.dropped(), "%+v", s)
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

// listen keeps the errors that go to OpenTelemetry's handler until the test ends.
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

// Collect returns when the points are sent, too.
func (w *world) Collect(ctx context.Context) error {
	return errors.Join(w.Provider.Collect(ctx), w.pipeline.Flush(ctx))
}

// spend leaves no memory.
func (w *world) spend() {
	for size := int64(1 << 30); size > 0; size /= 2 {
		for w.config.Memory.Take(size) {
		}
	}
}
