package exporter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
)

// patience is when something that should return is taken for a deadlock. The bounds inside
// the exporter, such as the time for callbacks, are longer.
const patience = 4 * time.Second

// within fails the test if f does not return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		require.Fail(t, "a deadlock: "+what)
	}
}

// reentrant is code of a user that calls the exporter from wherever it is called.
type reentrant struct {
	exporter atomic.Pointer[exporter.Exporter]
	shutdown bool
	calls    atomic.Int64
	once     sync.Once
	returned chan struct{} // closed when the first call that met the exporter has returned
}

func newReentrant(shutdown bool) *reentrant {
	return &reentrant{shutdown: shutdown, returned: make(chan struct{})}
}

func (r *reentrant) call() {
	r.calls.Add(1)
	e := r.exporter.Load()
	if e == nil {
		return
	}
	e.RecordMetric("from.the.handler", 1)
	e.RecordGauge("from.the.handler", 1)
	e.RecordSample("from.the.handler", 1)
	if c, err := e.MeterProvider().Meter("handler").Int64Counter("errors"); err == nil {
		c.Add(context.Background(), 1)
	}
	_, _ = e.Stats(), e.Health()
	_ = e.ForceFlush(context.Background())
	if r.shutdown {
		_ = e.Shutdown(context.Background())
	}
	r.once.Do(func() { close(r.returned) })
}

// Handle makes it an error handler of OpenTelemetry.
func (r *reentrant) Handle(error) { r.call() }

func (r *reentrant) await(t *testing.T) {
	t.Helper()
	select {
	case <-r.returned:
	case <-time.After(patience):
		require.Fail(t, "what the user was asked or told never returned, or never began")
	}
}

// unfit is an aggregation that no counter can have.
func unfit(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.AggregationBase2ExponentialHistogram{}
}

// tooDeep has no wire form.
var tooDeep = attribute.KeyValue{Key: "deep", Value: nestedMap(17)}

// foreignCalls are the places where an error handler is called while the direct path is
// opened or used. Each has to return, whatever the handler does, and to succeed, unless the
// handler has ended the exporter meanwhile.
var foreignCalls = []struct {
	name    string
	options []exporter.Option
	use     func(*exporter.Exporter) error
}{
	{"an unfit aggregation, by name", []exporter.Option{exporter.WithAggregationSelector(unfit)}, recordOne},
	{"an unfit aggregation, by the API", []exporter.Option{exporter.WithAggregationSelector(unfit)},
		func(e *exporter.Exporter) error {
			e.MeterProvider()
			return nil
		}},
	{"a resource that cannot be sent", []exporter.Option{exporter.WithResource(resource.NewSchemaless(tooDeep))}, recordOne},
	{"a callback that fails", nil, func(e *exporter.Exporter) error {
		_, err := e.MeterProvider().Meter("m").Int64ObservableGauge("g",
			metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return errors.New("no value") }))
		return errors.Join(err, e.ForceFlush(context.Background()))
	}},
	{"a callback that panics", nil, func(e *exporter.Exporter) error {
		m := e.MeterProvider().Meter("m")
		g, err := m.Float64ObservableGauge("g")
		_, registered := m.RegisterCallback(func(context.Context, metric.Observer) error { panic("no value") }, g)
		return errors.Join(err, registered, e.ForceFlush(context.Background()))
	}},
	{"instruments that share a name", nil, func(e *exporter.Exporter) error {
		m := e.MeterProvider().Meter("m")
		_, err := m.Int64Counter("n")
		_, again := m.Float64Histogram("n")
		return errors.Join(err, again)
	}},
	{"a scope that cannot be sent", nil, func(e *exporter.Exporter) error {
		n, err := e.MeterProvider().Meter("m", metric.WithInstrumentationAttributes(tooDeep)).Int64Counter("n")
		n.Add(context.Background(), 1)
		return errors.Join(err, e.ForceFlush(context.Background()))
	}},
}

func recordOne(e *exporter.Exporter) error {
	if !e.RecordMetric("n", 1) {
		return errors.New("not recorded")
	}
	return nil
}

// TestErrorHandlerCallsBack: OpenTelemetry's error handler uses the exporter that the error
// is about.
func TestErrorHandlerCallsBack(t *testing.T) {
	for _, shutdown := range []bool{false, true} {
		for _, tt := range foreignCalls {
			t.Run(tt.name+map[bool]string{true: ", and shuts down"}[shutdown], func(t *testing.T) {
				handler := newReentrant(shutdown)
				before := otel.GetErrorHandler()
				otel.SetErrorHandler(handler)
				defer otel.SetErrorHandler(before)
				e, err := exporter.New(t.Context(), append(tt.options, exporter.WithEndpoint(silent(t)))...)
				require.NoError(t, err)
				handler.exporter.Store(e)
				within(t, "using the exporter", func() { err = tt.use(e) })
				if !shutdown {
					assert.NoError(t, err)
				}
				handler.await(t)
				within(t, "Shutdown", func() { _ = e.Shutdown(context.Background()) })
				requireBooks(t, e)
			})
		}
	}
}

// TestMalformedResourceAttributes runs in a process of its own, since the SDK keeps the
// default resource for good. New reports the variable, to a handler that cannot know the
// exporter yet. Nothing of the resource is asked for later.
func TestMalformedResourceAttributes(t *testing.T) {
	const name, malformed = "OTEL_RESOURCE_ATTRIBUTES", "no equals sign"
	if os.Getenv(name) != malformed {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		again := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMalformedResourceAttributes$", "-test.timeout=50s")
		again.Env = append(os.Environ(), name+"="+malformed)
		out, err := again.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	handler := newReentrant(false)
	otel.SetErrorHandler(handler)
	e, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)))
	require.NoError(t, err)
	handler.exporter.Store(e)
	within(t, "recording", func() { assert.True(t, e.RecordMetric("n", 1)) })
	within(t, "Shutdown", func() { assert.NoError(t, e.Shutdown(context.Background())) })
	assert.Equal(t, int64(1), handler.calls.Load())
}

// TestSelectorsAreAskedOnce: New asks them, so that a selector that uses the exporter
// cannot meet it half made. What they answered holds.
func TestSelectorsAreAskedOnce(t *testing.T) {
	user := newReentrant(false)
	bounds := []float64{1, 2}
	e, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)),
		exporter.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
			user.call()
			return metricdata.DeltaTemporality
		}),
		exporter.WithAggregationSelector(func(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
			user.call()
			return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}
		}))
	require.NoError(t, err)
	user.exporter.Store(e)
	assert.Equal(t, int64(14), user.calls.Load(), "two selectors, seven kinds")
	bounds[0] = 99
	within(t, "recording", func() {
		assert.True(t, e.RecordMetric("n", 1))
		assert.True(t, e.RecordSample("n", 1))
		c, err := e.MeterProvider().Meter("m").Int64Counter("c")
		assert.NoError(t, err)
		c.Add(t.Context(), 1)
	})
	assert.Equal(t, metricdata.DeltaTemporality, e.Temporality(sdkmetric.InstrumentKindUpDownCounter))
	assert.Equal(t, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2}}, e.Aggregation(sdkmetric.InstrumentKindGauge))
	assert.Equal(t, int64(14), user.calls.Load())
	const unknown = sdkmetric.InstrumentKind(200)
	within(t, "a kind that there is not", func() {
		assert.Equal(t, metricdata.DeltaTemporality, e.Temporality(unknown))
		assert.NotNil(t, e.Aggregation(unknown))
	})
	assert.Equal(t, int64(16), user.calls.Load())
	within(t, "Shutdown", func() { _ = e.Shutdown(context.Background()) })
}

// calling is a handler of logs that calls the exporter.
type calling struct {
	slog.Handler
	user *reentrant
}

func (c calling) Handle(context.Context, slog.Record) error {
	c.user.call()
	return nil
}

// TestLoggerAndAlertCallBack: the logger and the alert may use the exporter, and end it.
func TestLoggerAndAlertCallBack(t *testing.T) {
	for _, shutdown := range []bool{false, true} {
		for name, option := range map[string]func(*reentrant) exporter.Option{
			"logger": func(user *reentrant) exporter.Option {
				return exporter.WithLogger(slog.New(calling{slog.NewTextHandler(io.Discard, nil), user}))
			},
			"alert": func(user *reentrant) exporter.Option {
				return exporter.WithHealth(health.Config{AlertAfter: time.Millisecond, Alert: func(health.Report) { user.call() }})
			},
		} {
			t.Run(fmt.Sprint(name, " that shuts down: ", shutdown), func(t *testing.T) {
				t.Parallel()
				user := newReentrant(shutdown)
				e, err := exporter.New(t.Context(), exporter.WithEndpoint("no-such-name.invalid:4319"),
					exporter.WithLogger(slog.New(slog.DiscardHandler)), exporter.WithHealth(health.Config{AlertAfter: time.Millisecond}), option(user))
				require.NoError(t, err)
				user.exporter.Store(e)
				for range 2 {
					within(t, "recording", func() {
						for range 100 {
							e.RecordMetric("n", 1)
						}
						_ = e.ForceFlush(context.Background())
					})
					<-time.After(1100 * time.Millisecond) // two samples, so that losses are seen
				}
				user.await(t)
				within(t, "Shutdown", func() { _ = e.Shutdown(context.Background()) })
				requireBooks(t, e)
			})
		}
	}
}
