package otelgramreceiver

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// answers is a consumer that gives one answer after the other, and nil after the last.
type answers struct {
	mu      sync.Mutex
	list    []error
	calls   int
	points  []int
	sources []net.Addr
	wait    chan struct{} // nil, or closed when the consumer may return
	entered chan struct{} // nil, or gets a token for each call
}

func (a *answers) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (a *answers) ConsumeMetrics(ctx context.Context, m pmetric.Metrics) error {
	if a.entered != nil {
		a.entered <- struct{}{}
	}
	if a.wait != nil {
		select {
		case <-a.wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.points = append(a.points, m.DataPointCount())
	a.sources = append(a.sources, client.FromContext(ctx).Addr)
	if len(a.list) == 0 {
		return nil
	}
	err := a.list[0]
	a.list = a.list[1:]
	return err
}

func (a *answers) called() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

// points returns n points of one metric.
func points(n int) *metricdata.ResourceMetrics {
	rm := gauge("m", 0)
	list := make([]metricdata.DataPoint[int64], n)
	for i := range list {
		list[i] = metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.Int("i", i)), Time: time.Now(), Value: int64(i)}
	}
	rm.ScopeMetrics[0].Metrics[0].Data = metricdata.Gauge[int64]{DataPoints: list}
	return rm
}

// metricsOf returns the receiver's metrics, by name and, behind it, attributes other than
// the receiver's.
func metricsOf(t *testing.T, tel *componenttest.Telemetry) map[string]float64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, tel.Reader.Collect(context.Background(), &rm))
	all := map[string]float64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			add := func(attributes attribute.Set, v float64) {
				name := m.Name
				for _, kv := range attributes.ToSlice() {
					if kv.Key != "receiver" {
						name += " " + kv.Value.AsString()
					}
				}
				all[name] += v
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(p.Attributes, float64(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					add(p.Attributes, float64(p.Count))
				}
			}
		}
	}
	return all
}

const ours = "otelcol_receiver_otelgram_"

var errForNow = errors.New("not now")

func TestDelivery(t *testing.T) {
	part := pmetric.NewMetrics()
	part.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	many := pmetric.NewMetrics()
	list := many.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	for range 9 {
		list.AppendEmpty()
	}
	for _, tt := range []struct {
		name                               string
		change                             func(*Config)
		answers                            []error
		calls                              int
		accepted, permanent, forNow        float64
		retries, obsAccepted, obsNotAccept float64
	}{
		{"taken", nil, nil, 1, 5, 0, 0, 0, 5, 0},
		{"permanent", nil, []error{consumererror.NewPermanent(errForNow)}, 1, 0, 5, 0, 0, 0, 5},
		{"at the third attempt", nil, []error{errForNow, errForNow}, 3, 5, 0, 0, 2, 5, 0},
		{"for now, then permanent", nil, []error{errForNow, consumererror.NewPermanent(errForNow)}, 2, 0, 5, 0, 1, 0, 5},
		{"a part", nil, []error{consumererror.NewMetrics(errForNow, part)}, 2, 5, 0, 0, 1, 5, 0},
		{"without retries", func(c *Config) { c.Retry.Enabled = false }, []error{errForNow}, 1, 0, 0, 5, 0, 0, 5},
		{"permanent but for a part", nil, []error{consumererror.NewPermanent(consumererror.NewMetrics(errForNow, part))}, 1, 4, 1, 0, 0, 0, 5},
		{"more than there was", nil, []error{consumererror.NewPermanent(consumererror.NewMetrics(errForNow, many))}, 1, 0, 5, 0, 0, 0, 5},
		{"a part, without retries", func(c *Config) { c.Retry.Enabled = false }, []error{consumererror.NewMetrics(errForNow, part)}, 1, 4, 0, 1, 0, 0, 5},
		{"a part, then permanent", nil, []error{consumererror.NewMetrics(errForNow, part), consumererror.NewPermanent(errForNow)}, 2, 4, 1, 0, 1, 0, 5},
		{"no time for another attempt", func(c *Config) {
			c.Retry.InitialInterval, c.Retry.MaxInterval, c.Retry.MaxElapsedTime, c.Retry.RandomizationFactor = time.Hour, time.Hour, time.Hour, 0
		}, []error{errForNow}, 1, 0, 0, 5, 0, 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tel := componenttest.NewTelemetry()
			next := &answers{list: tt.answers}
			r := startWith(t, tel, next, func(c *Config) { c.Retry.InitialInterval, c.Retry.RandomizationFactor = time.Millisecond, 0.5 }, func(c *Config) {
				if tt.change != nil {
					tt.change(c)
				}
			})
			require.NoError(t, newExporter(t, r).Export(t.Context(), points(5)))
			require.Eventually(t, func() bool { return next.called() == tt.calls }, 30*time.Second, time.Millisecond)
			var got map[string]float64
			require.Eventually(t, func() bool { got = metricsOf(t, tel); return got[ours+"latency"] == 1 }, 30*time.Second, time.Millisecond)
			require.Eventually(t, func() bool {
				got = metricsOf(t, tel)
				return got["otelcol_receiver_accepted_metric_points udp"]+got["otelcol_receiver_refused_metric_points udp"]+got["otelcol_receiver_failed_metric_points udp"] == 5
			}, 30*time.Second, time.Millisecond)
			assert.Equal(t, tt.accepted, got[ours+"accepted_points"])
			assert.Equal(t, tt.permanent, got[ours+"refused_points permanent"])
			assert.Equal(t, tt.forNow, got[ours+"refused_points temporary"])
			assert.Equal(t, tt.retries, got[ours+"retries"])
			assert.Equal(t, 5.0, got[ours+"delivered_points"])
			assert.Equal(t, tt.obsAccepted, got["otelcol_receiver_accepted_metric_points udp"])
			assert.Equal(t, 5, next.points[0])
		})
	}
}

// TestSource: each batch has the points of one sender, and its address.
func TestSource(t *testing.T) {
	next := &answers{}
	r := start(t, next)
	for i := range 3 {
		require.NoError(t, newExporter(t, r).Export(t.Context(), points(i+1)))
		require.Eventually(t, func() bool { return next.called() == i+1 }, 30*time.Second, time.Millisecond)
	}
	seen := map[string]bool{}
	for i, a := range next.sources {
		source, ok := a.(*net.UDPAddr)
		require.True(t, ok, "%T", a)
		assert.True(t, source.IP.IsLoopback())
		seen[source.String()] = true
		assert.Equal(t, i+1, next.points[i])
	}
	assert.Len(t, seen, 3)
}

// TestStall: the next consumer does not return. The queue fills, what follows is counted,
// and the socket is read on. Then all that was queued comes, many packets a batch.
func TestStall(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &answers{wait: make(chan struct{}), entered: make(chan struct{}, 1000)}
	r := startWith(t, tel, next, func(c *Config) { c.Async.MaxQueueLength, c.Async.Processors = 16, 1 })
	exp := newExporter(t, r)
	const exports, each = 40, 10
	export := func() {
		require.NoError(t, exp.Export(t.Context(), points(each)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	export()
	<-next.entered
	for range exports - 1 {
		export()
	}
	stats := func() (sent, received, overrun uint64) {
		s := r.receiver.Stats()
		return exp.Stats().Sent, s.Points.Received, s.Points.Overrun
	}
	require.Eventually(t, func() bool { sent, received, _ := stats(); return sent == exports*each && received == sent }, 30*time.Second, time.Millisecond)
	_, _, overrun := stats()
	assert.Positive(t, overrun)
	assert.Positive(t, metricsOf(t, tel)[ours+"queue_length"])
	close(next.wait)
	require.NoError(t, r.Shutdown(t.Context()))
	taken := 0
	for _, n := range next.points {
		taken += n
	}
	assert.Equal(t, exports*each, taken+int(overrun))
	assert.Equal(t, 2, next.called(), "what was queued is one batch")
}

// TestShutdownWhileRefused: the context of Shutdown ends the retries. What was being
// retried counts as refused, and what was queued as overrun or refused.
func TestShutdownWhileRefused(t *testing.T) {
	for _, blocks := range []bool{false, true} {
		tel := componenttest.NewTelemetry()
		next := &answers{entered: make(chan struct{}, 1000), list: make([]error, 1000)}
		for i := range next.list {
			next.list[i] = errForNow
		}
		if blocks {
			next.wait = make(chan struct{})
		}
		r := startWith(t, tel, next, func(c *Config) {
			c.Async.Processors = 1
			c.Retry.MaxElapsedTime = time.Hour
		})
		exp := newExporter(t, r)
		require.NoError(t, exp.Export(t.Context(), points(7)))
		<-next.entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.Canceled)
		require.Eventually(t, func() bool { return refused(tel, t) == 7 }, 30*time.Second, time.Millisecond)
	}
}

func refused(tel *componenttest.Telemetry, t *testing.T) float64 {
	m := metricsOf(t, tel)
	return m[ours+"refused_points shutdown"]
}

// statusHost keeps status events.
type statusHost struct {
	component.Host
	events chan *componentstatus.Event
}

func (h statusHost) Report(e *componentstatus.Event) { h.events <- e }

// TestStatus: the component reports when the next consumer refuses for now and when it
// takes data again, once each. What is refused for good is not reported.
func TestStatus(t *testing.T) {
	next := &answers{list: []error{consumererror.NewPermanent(errForNow), errForNow, errForNow, consumererror.NewPermanent(errForNow)}}
	host := statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 10)}
	r := startOn(t, host, componenttest.NewTelemetry(), next, func(c *Config) { c.Retry.Enabled = false })
	exp := newExporter(t, r)
	for i := range 6 {
		require.NoError(t, exp.Export(t.Context(), points(1)))
		require.NoError(t, exp.ForceFlush(t.Context()))
		require.Eventually(t, func() bool { return next.called() == i+1 }, 30*time.Second, time.Millisecond)
	}
	first, second := <-host.events, <-host.events
	assert.Equal(t, componentstatus.StatusRecoverableError, first.Status())
	require.ErrorIs(t, first.Err(), errForNow)
	assert.Equal(t, componentstatus.StatusOK, second.Status())
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Empty(t, host.events)
}

// TestHandover: a second receiver starts at the address of the first, which stops then:
// each point reaches the consumer of one of them.
func TestHandover(t *testing.T) {
	older, newer := &answers{}, &answers{}
	r := start(t, older)
	exp := newExporter(t, r, exporter.WithPacing(0, 0))
	const exports = 200
	var next *otelgramReceiver
	for i := range exports {
		require.NoError(t, exp.Export(t.Context(), points(3)))
		require.NoError(t, exp.ForceFlush(t.Context()))
		switch i {
		case exports / 3:
			next = start(t, newer, func(c *Config) { c.Endpoint = r.receiver.Addr().String() })
		case 2 * exports / 3:
			require.NoError(t, r.Shutdown(t.Context()))
		}
	}
	require.NoError(t, exp.Shutdown(t.Context()))
	require.NoError(t, next.Shutdown(t.Context()))
	taken := 0
	for _, n := range append(older.points, newer.points...) {
		taken += n
	}
	assert.Equal(t, exports*3, taken)
	assert.NotEmpty(t, older.points)
	assert.NotEmpty(t, newer.points)
}

// TestShutdownSoon: at the end each refused batch gets one attempt, however many senders
// there are, and Shutdown does not wait for a consumer that blocks beyond the limit.
func TestShutdownSoon(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &answers{entered: make(chan struct{}, 10_000), list: make([]error, 10_000)}
	for i := range next.list {
		next.list[i] = errForNow
	}
	r := startWith(t, tel, next, func(c *Config) {
		c.Async.Processors = 1
		c.Retry.InitialInterval, c.Retry.MaxInterval, c.Retry.MaxElapsedTime = time.Minute, time.Minute, time.Hour
	})
	const senders = 40
	for range senders {
		exp := newExporter(t, r)
		require.NoError(t, exp.Export(t.Context(), points(3)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	<-next.entered
	require.Eventually(t, func() bool { return r.receiver.Stats().Points.Received == 3*senders }, 30*time.Second, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, 3.0*senders, refused(tel, t))
	assert.LessOrEqual(t, next.called(), 2*senders)
}

// exiting is a consumer that exits its goroutine.
type exiting struct{ answers }

func (e *exiting) ConsumeMetrics(ctx context.Context, m pmetric.Metrics) error {
	_ = e.answers.ConsumeMetrics(ctx, m) // it never errs
	runtime.Goexit()
	return nil
}

// TestConsumerExits: if a consumer exits its goroutine, the batch counts as refused, and
// the batches of other senders behind it come all the same.
func TestConsumerExits(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &exiting{answers{entered: make(chan struct{}, 100), wait: make(chan struct{})}}
	r := startWith(t, tel, next, func(c *Config) { c.Async.Processors = 1 })
	const senders = 5
	for range senders {
		exp := newExporter(t, r)
		require.NoError(t, exp.Export(t.Context(), points(3)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	<-next.entered
	require.Eventually(t, func() bool { return r.receiver.Stats().Points.Received == 3*senders }, 30*time.Second, time.Millisecond)
	close(next.wait)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, 3.0*senders, metricsOf(t, tel)[ours+"refused_points permanent"])
	assert.Equal(t, senders, next.called())
}
