package otelgramreceiver

import (
	"context"
	"sync/atomic"
	"time"

	collectorreceiver "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
	"github.com/otelgram/otelgram/receiver"
)

// telemetry is the receiver's own metrics. What becomes of batches is counted where it
// happens. The rest is read from the books when somebody collects.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	receiver attribute.KeyValue // which receiver of the Collector it is
	self     metric.MeasurementOption
	refused  map[string]metric.MeasurementOption // by reason

	accepted, refusals atomic.Int64 // points, for the log
}

func newTelemetry(set collectorreceiver.Settings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{builder: builder, receiver: attribute.String("receiver", set.ID.String())}
	t.self = t.with()
	t.refused = map[string]metric.MeasurementOption{}
	for _, reason := range []string{refusedForGood, refusedForNow, refusedShutdown, refusedInvalid} {
		t.refused[reason] = t.with(attribute.String("reason", reason))
	}
	return t, nil
}

func (t *telemetry) with(kvs ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(kvs, t.receiver)...))
}

// delivered counts what became of a batch.
func (t *telemetry) delivered(accepted, refused int, reason string, corrected int, latency time.Duration) {
	ctx := context.Background()
	t.accepted.Add(int64(accepted))
	t.refusals.Add(int64(refused))
	t.builder.ReceiverOtelgramAcceptedPoints.Add(ctx, int64(accepted), t.self)
	if refused > 0 {
		t.builder.ReceiverOtelgramRefusedPoints.Add(ctx, int64(refused), t.refused[reason])
	}
	if corrected > 0 {
		t.builder.ReceiverOtelgramCorrectedPoints.Add(ctx, int64(corrected), t.self)
	}
	t.builder.ReceiverOtelgramLatency.Record(ctx, latency.Seconds(), t.self)
}

// invalid counts points that are left out of a batch.
func (t *telemetry) invalid(points int) {
	t.refusals.Add(int64(points))
	t.builder.ReceiverOtelgramRefusedPoints.Add(context.Background(), int64(points), t.refused[refusedInvalid])
}

func (t *telemetry) retried() {
	t.builder.ReceiverOtelgramRetries.Add(context.Background(), 1, t.self)
}

// start makes the metrics show the books of r from now on.
func (t *telemetry) start(r *receiver.Receiver, s *senders) error {
	return t.builder.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := r.Stats()
		t.observe(o, &stats)
		t.observeLost(o, &stats, s)
		return nil
	})
}

// stop ends what start began.
func (t *telemetry) stop() { t.builder.Shutdown() }

func (t *telemetry) observe(o metric.Observer, s *receiver.Stats) {
	b := t.builder
	for _, v := range []struct {
		instrument metric.Int64Observable
		value      int64
	}{
		{b.ReceiverOtelgramReceivedPackets, int64(s.Packets.Received)},
		{b.ReceiverOtelgramReceivedPoints, int64(s.Points.Received)},
		{b.ReceiverOtelgramSentPoints, int64(s.Points.Sent)},
		{b.ReceiverOtelgramLostPackets, int64(s.Packets.Lost)},
		{b.ReceiverOtelgramDuplicatePackets, int64(s.Packets.Duplicate)},
		{b.ReceiverOtelgramLatePackets, int64(s.Packets.Late)},
		{b.ReceiverOtelgramRejectedPoints, int64(s.Points.Rejected)},
		{b.ReceiverOtelgramOverrunPackets, int64(s.Packets.Overrun)},
		{b.ReceiverOtelgramOverrunPoints, int64(s.Points.Overrun)},
		{b.ReceiverOtelgramDeliveredPoints, int64(s.Points.Delivered)},
		{b.ReceiverOtelgramKernelDrops, int64(s.KernelDrops)},
		{b.ReceiverOtelgramClones, int64(s.Clones)},
		{b.ReceiverOtelgramSessions, int64(len(s.Sessions))},
		{b.ReceiverOtelgramQueueLength, int64(s.Queued)},
		{b.ReceiverOtelgramQueueCapacity, int64(s.QueueSize)},
		{b.ReceiverOtelgramReceiveBuffer, int64(s.BufferEffective)},
	} {
		o.ObserveInt64(v.instrument, v.value, t.self)
	}
	for cause, n := range map[string]uint64{
		"foreign_source": s.Rejected.ForeignSource, "too_long": s.Rejected.TooLong, "too_short": s.Rejected.TooShort,
		"unknown_version": s.Rejected.UnknownVersion, "unknown_flag": s.Rejected.UnknownFlag, "bad_checksum": s.Rejected.BadChecksum,
		"malformed": s.Rejected.Malformed, "over_budget": s.Rejected.OverBudget, "incomplete": s.Rejected.Incomplete,
	} {
		o.ObserveInt64(b.ReceiverOtelgramRejectedPackets, int64(n), t.with(attribute.String("cause", cause)))
	}
}

// observeLost observes the lost points of each named sender, and the rest without a sender.
func (t *telemetry) observeLost(o metric.Observer, s *receiver.Stats, from *senders) {
	rest := int64(s.Points.Lost)
	for name, n := range from.lost(s.Sessions) {
		o.ObserveInt64(t.builder.ReceiverOtelgramLostPoints, n, t.with(name.attributes()...))
		rest -= n
	}
	o.ObserveInt64(t.builder.ReceiverOtelgramLostPoints, max(0, rest), t.self)
}
