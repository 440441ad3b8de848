package relay

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// collected returns the values of the relay's own metrics. Those by reason have the reason
// in their name.
func collected(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	values := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		assert.Equal(t, scopeName, sm.Scope.Name)
		for _, m := range sm.Metrics {
			assert.NotEmpty(t, m.Description)
			assert.NotEmpty(t, m.Unit)
			var points []metricdata.DataPoint[int64]
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.True(t, d.IsMonotonic)
				points = d.DataPoints
			case metricdata.Gauge[int64]:
				points = d.DataPoints
			}
			for _, p := range points {
				name, _ := p.Attributes.Value("otel.component.name")
				assert.True(t, strings.HasPrefix(name.AsString(), scopeName+".Relay/"), name)
				key := m.Name
				if reason, ok := p.Attributes.Value("reason"); ok {
					key += " " + reason.AsString()
				}
				values[key] = p.Value
			}
		}
	}
	return values
}

func TestSelfMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		x := &target{export: func(_ context.Context, call int) error {
			if call <= 3 {
				return errTarget
			}
			return nil
		}}
		r := newRelay(t, x, WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
			WithQueueSize(10), WithMaxMemory(minMaxMemory), WithRetry(RetryConfig{MaxAttempts: 2}))
		want := map[string]int64{
			"stats.relay.offered": 0, "stats.relay.relayed": 0, "stats.relay.failed": 0, "stats.relay.queued": 0,
			"stats.relay.memory": 0, "stats.relay.requests": 0, "stats.relay.retries": 0,
		}
		assert.Equal(t, want, collected(t, reader), "reasons that never occurred are not observed")
		r.Handle(points(named("a"), 0, 4))
		require.ErrorIs(t, r.ForceFlush(t.Context()), errTarget)
		r.Handle(points(named("a"), 0, 3))
		require.NoError(t, r.ForceFlush(t.Context()))
		r.Handle(points(named("a"), 0, 2))
		r.Handle(points(named("a"), 0, 9))
		r.Handle(oneSet(0, attribute.StringValue(strings.Repeat("x", minMaxMemory))))
		want = map[string]int64{
			"stats.relay.offered": 19, "stats.relay.relayed": 3, "stats.relay.failed": 4, "stats.relay.queued": 2,
			"stats.relay.dropped queue_full": 9, "stats.relay.dropped memory": 1, "stats.relay.memory": r.Stats().Memory,
			"stats.relay.requests": 4, "stats.relay.retries": 2,
		}
		assert.Equal(t, want, collected(t, reader))
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Empty(t, collected(t, reader), "gone")
	})
}

// meter is an alias, since the type and the method that returns it may not have one name.
type meter = noop.Meter

// refusing is a provider that returns an error for everything, and whose Unregister does
// not return until it may.
type refusing struct {
	embedded.MeterProvider
	meter
	embedded.Registration
	may   chan struct{}
	relay *Relay
}

func (p *refusing) Meter(string, ...metric.MeterOption) metric.Meter { return p }

func (p *refusing) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return noop.Int64ObservableCounter{}, errors.New("refused")
}

func (p *refusing) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	return p, f(context.Background(), noop.Observer{})
}

func (p *refusing) Unregister() error {
	select {
	case <-p.relay.shut:
	default:
		return errors.New("a Shutdown that waits for this waits for itself")
	}
	<-p.may
	return errors.New("not registered")
}

// TestForeignProvider: the error handler is told what a provider refuses. If Unregister of
// a provider does not return, that holds up Shutdown for a tenth of a second.
func TestForeignProvider(t *testing.T) {
	before := otel.GetErrorHandler()
	defer otel.SetErrorHandler(before)
	synctest.Test(t, func(t *testing.T) {
		var told []string
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err.Error()) }))
		p := &refusing{may: make(chan struct{})}
		r := newRelay(t, &target{}, WithMeterProvider(p))
		p.relay = r
		begin := time.Now()
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Equal(t, 100*time.Millisecond, time.Since(begin))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			require.NoError(t, r.Shutdown(over), "it is done")
		}
		close(p.may)
		synctest.Wait()
		require.Len(t, told, 2)
		assert.Contains(t, told[0], "refused")
		assert.Equal(t, "otelgram: self-metrics: not registered", told[1])
	})
}

// calling is a logger that calls the relay.
type calling struct {
	slog.Handler
	relay *Relay
}

func (c *calling) Enabled(context.Context, slog.Level) bool { return true }

func (c *calling) Handle(context.Context, slog.Record) error {
	c.relay.Handle(points(named("log"), 0, 1))
	_ = c.relay.Stats()
	return nil
}

// TestForeignCodeCallsBack: exporter, retryable and logger may use the relay, so none of
// them is called under a lock.
func TestForeignCodeCallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *Relay
		log := &calling{Handler: slog.DiscardHandler}
		x := &target{export: func(_ context.Context, call int) error {
			r.Handle(points(named("export"), 0, 1))
			_ = r.Stats()
			if call == 1 {
				return errTarget
			}
			return nil
		}}
		r = newRelay(t, x, WithLogger(slog.New(log)), WithRetryable(func(error) bool {
			r.Handle(points(named("retryable"), 0, 1))
			return true
		}))
		log.relay = r
		r.Handle(points(named("a"), 0, 1))
		<-time.After(1600 * time.Millisecond)
		synctest.Wait()
		s := balanced(t, r)
		assert.Equal(t, uint64(1), s.Relayed)
		assert.Equal(t, uint64(6), s.Offered) // one, two calls, one retry, two lines
		require.NoError(t, r.Shutdown(t.Context()))
	})
}
