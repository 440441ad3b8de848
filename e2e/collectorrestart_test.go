package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
)

// restartConfig has a receiver for each temporality, so that each has books of its own. Each
// Collector has series of its own in Prometheus, too: what the first had added up is gone with
// it, and the second begins at zero.
const restartConfig = `
receivers:
  otelgram/delta: {endpoint: "${env:DELTA}"}
  otelgram/cumulative: {endpoint: "${env:CUMULATIVE}"}
processors:
  delta_to_cumulative:
  batch: {timeout: 50ms}
exporters:` + remoteWrite + `
    external_labels: {collector: "${env:COLLECTOR}"}
service:
  pipelines:
    metrics: {receivers: [otelgram/delta, otelgram/cumulative], processors: [delta_to_cumulative, batch], exporters: [prometheus_remote_write]}
`

// exportedSeries is how many points each export of a sender has.
const exportedSeries = 10

// sender counts by one and exports after that, so that each of its delta points has the value
// 1, and what was recorded is as many points.
type sender struct {
	name     string // of the temporality
	exp      *exporter.Exporter
	mp       *sdkmetric.MeterProvider
	counter  metric.Int64Counter
	recorded uint64 // in all series
}

func newSender(t *testing.T, name, endpoint string, selector sdkmetric.TemporalitySelector) *sender {
	t.Helper()
	s := &sender{name: name}
	var err error
	s.exp, err = newExporter(t.Context(), endpoint, exporter.WithTemporalitySelector(selector),
		exporter.WithCircuitBreaker(exporter.CircuitBreakerConfig{Enabled: true, Timeout: time.Second}))
	require.NoError(t, err)
	s.mp = sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(s.exp, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.instance.id", name))))
	s.counter, err = s.mp.Meter("e2e").Int64Counter("restart.requests")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.mp.Shutdown(context.Background()) }) // unless the test has done that
	return s
}

// export records one in each series and exports them.
func (s *sender) export(ctx context.Context) error {
	for i := range exportedSeries {
		s.counter.Add(ctx, 1, metric.WithAttributes(attribute.Int("series", i)))
		s.recorded++
	}
	return s.mp.ForceFlush(ctx)
}

// works exports again and again until the function returned is called. It pauses after each
// export: Prometheus does not take two samples of one millisecond.
func (s *sender) works(t *testing.T) (rest func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var errs []error
		for ; ctx.Err() == nil; <-time.After(10 * time.Millisecond) {
			errs = append(errs, s.export(t.Context()))
		}
		ended <- errors.Join(errs...)
	}()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// until waits for a sender's books to say so, and returns them.
func (s *sender) until(t *testing.T, what string, is func(exporter.Stats) bool) (stats exporter.Stats) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		if stats = s.exp.Stats(); !is(stats) {
			return fmt.Errorf("%s: %s: %+v", s.name, what, stats)
		}
		return nil
	})
	return stats
}

// holds waits until Prometheus has so much of a sender from a Collector, and no more.
func (s *sender) holds(t *testing.T, address, collector string, want uint64) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		got, err := value(address, fmt.Sprintf("restart_requests_total{job=%q,collector=%q}", s.name, collector))
		if err == nil && got != float64(want) {
			err = fmt.Errorf("%s, the %s Collector: want %d, got %v", s.name, collector, want, got)
		}
		return err
	})
}

// shut ends a sender, whose books close: all that was offered was sent, or dropped as
// breaker_open or send_error.
func (s *sender) shut(t *testing.T) exporter.Stats {
	t.Helper()
	require.NoError(t, s.mp.Shutdown(t.Context())) // which exports cumulative points once more
	end := s.exp.Stats()
	assert.Equal(t, end.Offered, end.Sent+end.Dropped.Total())
	assert.Equal(t, end.Dropped.Total(), end.Dropped.BreakerOpen+end.Dropped.SendError, "%+v", end.Dropped)
	assert.Positive(t, end.ConnectionsRefused)
	return end
}

// TestCollectorRestart: a Collector is killed and started again while two senders work. They
// find it again by themselves, and every point is accounted for:
//
//	recorded = offered = sent + dropped (breaker_open and send_error)
//	sent     = received by the first Collector + received by the second + sent to a dead port
//
// What is sent to a dead port nobody counts: the kernel takes each packet, and says later, and
// not of each, that nobody listened. But the sender's books bound it. The port is dead from
// the kill until the circuit opens, and nothing is sent from then until the circuit closes. So
// here it is known: what the sender had sent when the circuit was open, less what it had sent
// before the kill.
//
// Nor can anybody count what a Collector holds when it is killed: it has accepted that, and it
// is gone. So the sender of delta points rests during the kill. The first Collector's books
// and Prometheus are read before. What is missing in the end is then what was dropped and what
// was sent to a dead port.
//
// The sender of cumulative points works on during the kill. Of its points many are missing,
// and nothing of what it recorded: the next point says it all.
func TestCollectorRestart(t *testing.T) {
	need(t, "go", "prometheus")
	t.Parallel()
	address := startStore(t)
	at := map[string]string{"delta": local(t), "cumulative": local(t)}
	start := func(name string) *collectorProcess {
		return startCollector(t, restartConfig, "PROMETHEUS="+address, "COLLECTOR="+name, "DELTA="+at["delta"], "CUMULATIVE="+at["cumulative"])
	}
	first := start("first")
	delta := newSender(t, "delta", at["delta"], sdkmetric.DeltaTemporalitySelector)
	cumulative := newSender(t, "cumulative", at["cumulative"], sdkmetric.CumulativeTemporalitySelector)

	restCumulative, restDelta := cumulative.works(t), delta.works(t)
	first.receives(t, "otelgram/cumulative", 500)
	first.receives(t, "otelgram/delta", 500)
	restDelta()
	before := delta.exp.Stats().Sent
	assert.Equal(t, delta.recorded, before)
	assert.Equal(t, allAccepted(before), first.settle(t, "otelgram/delta", before))
	delta.holds(t, address, "first", before)

	first.kill(t)
	restDelta = delta.works(t)
	sentWhenOpen := func(s *sender) uint64 {
		s.until(t, "the circuit does not open", func(stats exporter.Stats) bool {
			return stats.Circuit == exporter.CircuitOpen && stats.Dropped.BreakerOpen > 0
		})
		return s.exp.Stats().Sent // what probes the circuit has no points
	}
	deltaOpen, cumulativeOpen := sentWhenOpen(delta), sentWhenOpen(cumulative)
	second := start("second")
	for s, open := range map[*sender]uint64{delta: deltaOpen, cumulative: cumulativeOpen} {
		s.until(t, "it does not find the second Collector", func(stats exporter.Stats) bool { return stats.Sent > open+500 })
	}
	restDelta()
	restCumulative()

	end := cumulative.shut(t)
	assert.Equal(t, allAccepted(end.Sent-cumulativeOpen), second.settle(t, "otelgram/cumulative", end.Sent-cumulativeOpen))
	cumulative.holds(t, address, "second", cumulative.recorded)

	end = delta.shut(t)
	assert.Equal(t, delta.recorded, end.Offered)
	toDeadPort, received := deltaOpen-before, end.Sent-deltaOpen
	assert.Positive(t, toDeadPort)
	assert.Equal(t, allAccepted(received), second.settle(t, "otelgram/delta", received))
	delta.holds(t, address, "first", before)
	delta.holds(t, address, "second", received)
	assert.Equal(t, delta.recorded-(before+received), end.Dropped.BreakerOpen+end.Dropped.SendError+toDeadPort, "what is missing in Prometheus")
	t.Logf("recorded %d = %d to the first Collector + %d to the second + %d to a dead port + %d dropped as breaker_open + %d as send_error",
		delta.recorded, before, received, toDeadPort, end.Dropped.BreakerOpen, end.Dropped.SendError)
}
