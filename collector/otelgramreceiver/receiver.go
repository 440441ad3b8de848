package otelgramreceiver

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	collectorreceiver "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/otelgram/otelgram/receiver"
)

// otelgramReceiver is the component. It owns a receiver while it runs.
type otelgramReceiver struct {
	settings collectorreceiver.Settings
	config   *Config
	delivery *delivery
	senders  *senders
	self     *telemetry

	receiver *receiver.Receiver // nil before Start, and after Shutdown
}

func newOtelgramReceiver(set collectorreceiver.Settings, c *Config, next consumer.Metrics) (*otelgramReceiver, error) {
	self, err := newTelemetry(set)
	if err != nil {
		return nil, err
	}
	d, err := newDelivery(set, c, next, self)
	if err != nil {
		return nil, err
	}
	return &otelgramReceiver{settings: set, config: c, delivery: d, senders: newSenders(2 * c.MaxSessions / c.Async.Processors), self: self}, nil
}

// Start listens. It returns an error if the address is not available.
func (r *otelgramReceiver) Start(_ context.Context, host component.Host) error {
	opts, err := r.config.options()
	if err != nil {
		return err
	}
	opts = append(opts,
		receiver.WithMeterProvider(noop.NewMeterProvider()), // telemetry shows the books in the Collector's way
		receiver.WithLogger(slog.New(zapslog.NewHandler(r.settings.Logger.Core()))),
	)
	r.delivery.start(host)
	newHandler := func() receiver.PacketHandler {
		return newHandler(r.delivery, r.senders.of(), r.config.MaxTimestampSkew)
	}
	if r.receiver, err = receiver.ListenPackets(r.config.address(), newHandler, opts...); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	asked, granted := r.receiver.Stats().BufferAsked, r.receiver.Stats().BufferEffective
	r.settings.Logger.Info("Listening for otelgram packets",
		zap.String("transport", r.config.Transport), zap.String("address", r.receiver.Addr().String()),
		zap.Int("receive_buffer_asked", asked), zap.Int("receive_buffer_granted", granted),
		zap.Stringer("receive_offload", r.receiver.Stats().ReceiveOffload))
	if granted > 0 && granted < asked {
		r.settings.Logger.Warn("The kernel grants a smaller receive buffer than asked for; bursts may be lost. Raise net.core.rmem_max, or lower receive_buffer.",
			zap.Int("receive_buffer", asked), zap.Int("granted", granted))
	}
	return r.self.start(r.receiver, r.senders)
}

// shutdownTime is how long Shutdown waits for the next consumer.
const shutdownTime = 5 * time.Second

// Shutdown closes the sockets and hands over what is queued. A batch that is refused is not
// tried again. If ctx or five seconds end before all is handed over, the rest counts as
// refused or overrun, and the error says so. The final books are logged, since nobody may
// collect them any more.
func (r *otelgramReceiver) Shutdown(ctx context.Context) error {
	if r.receiver == nil {
		r.delivery.stop()
		r.self.stop()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	r.delivery.stopToTryAgain()
	err := r.receiver.Shutdown(ctx)
	r.delivery.stop()
	r.self.stop()
	s := r.receiver.Stats()
	r.receiver = nil
	r.settings.Logger.Info("Stopped listening for otelgram packets",
		zap.Uint64("sent_points", s.Points.Sent), zap.Uint64("received_points", s.Points.Received), zap.Uint64("lost_points", s.Points.Lost),
		zap.Uint64("delivered_points", s.Points.Delivered), zap.Uint64("rejected_points", s.Points.Rejected), zap.Uint64("overrun_points", s.Points.Overrun),
		zap.Int64("accepted_points", r.self.accepted.Load()), zap.Int64("refused_points", r.self.refusals.Load()), zap.Uint64("kernel_drops", s.KernelDrops))
	return err
}
