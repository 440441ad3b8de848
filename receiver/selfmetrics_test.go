package receiver

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// collected returns the values of the receiver's own metrics. Those by cause have the cause
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
			var points []metricdata.DataPoint[int64]
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.True(t, d.IsMonotonic)
				points = d.DataPoints
			case metricdata.Gauge[int64]:
				points = d.DataPoints
			}
			require.NotEmpty(t, points, m.Name)
			for _, p := range points {
				name := m.Name
				if cause, ok := p.Attributes.Value("cause"); ok {
					name += " " + cause.AsString()
				}
				values[name] = p.Value
			}
		}
	}
	return values
}

func TestSelfMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	r, err := Listen("127.0.0.1:0", drop, WithMeterProvider(provider))
	require.NoError(t, err)
	send := dial(t, r)
	send(gauges(t, wire.Header{Session: 1}, 3), gauges(t, wire.Header{Session: 1}, 3), []byte("no packet"),
		gauges(t, wire.Header{Session: 1, Sequence: 2, PointsBefore: 7}, 5))
	eventually(t, r, func(s Stats) bool {
		return s.Packets.Delivered == 2 && s.Rejected.TooShort == 1 && s.Packets.Duplicate == 1
	})
	want := map[string]int64{
		"stats.receiver.packets": 2, "stats.receiver.points": 8, "stats.receiver.delivered": 8, "stats.receiver.lost": 4,
		"stats.receiver.duplicate": 3, "stats.receiver.late": 0, "stats.receiver.overrun": 0, "stats.receiver.kernel.drops": 0,
		"stats.receiver.clones": 0, "stats.receiver.queued": 0, "stats.receiver.sessions": 1, "stats.receiver.rejected too_long": 0, "stats.receiver.rejected too_short": 1, "stats.receiver.rejected bad_checksum": 0,
		"stats.receiver.rejected foreign_source": 0, "stats.receiver.rejected malformed": 0, "stats.receiver.rejected over_budget": 0,
		"stats.receiver.rejected incomplete": 0, "stats.receiver.rejected unknown_flag": 0, "stats.receiver.rejected unknown_version": 0,
	}
	require.Eventually(t, func() bool { return collected(t, reader)["stats.receiver.lost"] == 4 }, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, want, collected(t, reader))
	require.NoError(t, r.Close())
	assert.Empty(t, collected(t, reader), "gone")
}

// meter is an alias, since the type and the method that returns it may not have one name.
type meter = noop.Meter

// closing is a provider whose Unregister closes the receiver, and which says whether that has
// nothing to wait for.
type closing struct {
	embedded.MeterProvider
	meter
	embedded.Registration
	receiver *Receiver
	returned chan bool
}

func (c *closing) Meter(string, ...metric.MeterOption) metric.Meter { return c }

func (c *closing) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return c, nil
}

func (c *closing) Unregister() error {
	select {
	case <-c.receiver.closed:
		c.returned <- true
	default:
		c.returned <- false
	}
	_ = c.receiver.Close()
	return errors.New("not registered")
}

// TestUnregisterCloses: foreign code may call Close while Close waits for it, and so may
// the error handler that is told about it.
func TestUnregisterCloses(t *testing.T) {
	c := &closing{returned: make(chan bool, 1)}
	var err error
	c.receiver, err = Listen("127.0.0.1:0", drop, WithMeterProvider(c))
	require.NoError(t, err)
	told := make(chan error, 1)
	before := otel.GetErrorHandler()
	defer otel.SetErrorHandler(before)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		_ = c.receiver.Close()
		told <- err
	}))
	require.NoError(t, c.receiver.Close())
	assert.True(t, <-c.returned, "Close would wait for what waits for it")
	require.ErrorContains(t, <-told, "not registered")
	require.NoError(t, c.receiver.Close(), "the same as before")
}
