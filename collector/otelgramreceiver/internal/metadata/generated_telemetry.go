package metadata

import (
	"errors"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/metric"
)

// Meter returns the meter of the component's own telemetry.
func Meter(settings component.TelemetrySettings) metric.Meter {
	return settings.MeterProvider.Meter(ScopeName)
}

// TelemetryBuilder holds the instruments that metadata.yaml defines.
type TelemetryBuilder struct {
	meter         metric.Meter
	mu            sync.Mutex
	registrations []metric.Registration
	observables   []metric.Observable

	ReceiverOtelgramReceivedPackets  metric.Int64ObservableCounter
	ReceiverOtelgramReceivedPoints   metric.Int64ObservableCounter
	ReceiverOtelgramSentPoints       metric.Int64ObservableCounter
	ReceiverOtelgramLostPackets      metric.Int64ObservableUpDownCounter
	ReceiverOtelgramLostPoints       metric.Int64ObservableUpDownCounter
	ReceiverOtelgramDuplicatePackets metric.Int64ObservableCounter
	ReceiverOtelgramLatePackets      metric.Int64ObservableCounter
	ReceiverOtelgramRejectedPackets  metric.Int64ObservableCounter
	ReceiverOtelgramRejectedPoints   metric.Int64ObservableCounter
	ReceiverOtelgramOverrunPackets   metric.Int64ObservableCounter
	ReceiverOtelgramOverrunPoints    metric.Int64ObservableCounter
	ReceiverOtelgramDeliveredPoints  metric.Int64ObservableCounter
	ReceiverOtelgramAcceptedPoints   metric.Int64Counter
	ReceiverOtelgramRefusedPoints    metric.Int64Counter
	ReceiverOtelgramRetries          metric.Int64Counter
	ReceiverOtelgramCorrectedPoints  metric.Int64Counter
	ReceiverOtelgramKernelDrops      metric.Int64ObservableCounter
	ReceiverOtelgramClones           metric.Int64ObservableCounter
	ReceiverOtelgramSessions         metric.Int64ObservableGauge
	ReceiverOtelgramQueueLength      metric.Int64ObservableGauge
	ReceiverOtelgramQueueCapacity    metric.Int64ObservableGauge
	ReceiverOtelgramReceiveBuffer    metric.Int64ObservableGauge
	ReceiverOtelgramLatency          metric.Float64Histogram
}

// RegisterCallback registers the callback that observes all asynchronous instruments.
func (builder *TelemetryBuilder) RegisterCallback(callback metric.Callback) error {
	registration, err := builder.meter.RegisterCallback(callback, builder.observables...)
	if err != nil {
		return err
	}
	builder.mu.Lock()
	defer builder.mu.Unlock()
	builder.registrations = append(builder.registrations, registration)
	return nil
}

// Shutdown unregisters all callbacks.
func (builder *TelemetryBuilder) Shutdown() {
	builder.mu.Lock()
	registrations := builder.registrations
	builder.registrations = nil
	builder.mu.Unlock()
	for _, registration := range registrations {
		_ = registration.Unregister() // of ours, which is registered
	}
}

// NewTelemetryBuilder makes the instruments.
func NewTelemetryBuilder(settings component.TelemetrySettings) (*TelemetryBuilder, error) {
	builder := &TelemetryBuilder{meter: Meter(settings)}
	errs := errors.Join(builder.makeObservables(), builder.makeInstruments())
	return builder, errs
}

// makeObservables makes the asynchronous instruments.
func (builder *TelemetryBuilder) makeObservables() error {
	var err, errs error
	builder.ReceiverOtelgramReceivedPackets, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_received_packets",
		metric.WithDescription("Packets received for the first time, sender reports included. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramReceivedPoints, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_received_points",
		metric.WithDescription("Data points received for the first time. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramSentPoints, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_sent_points",
		metric.WithDescription("Data points sent, by the senders' own account. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramLostPackets, err = builder.meter.Int64ObservableUpDownCounter("otelcol_receiver_otelgram_lost_packets",
		metric.WithDescription("Packets sent that are missing for a second or more. One that comes later is taken off. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramLostPoints, err = builder.meter.Int64ObservableUpDownCounter("otelcol_receiver_otelgram_lost_points",
		metric.WithDescription("Data points sent that are missing for a second or more, by the sender's service.name and service.instance.id where the session has books and its resource is known; the others without attributes. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramDuplicatePackets, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_duplicate_packets",
		metric.WithDescription("Packets that arrived again. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramLatePackets, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_late_packets",
		metric.WithDescription("Packets that arrived too late to tell whether again. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramRejectedPackets, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_rejected_packets",
		metric.WithDescription("Packets that were not taken, by cause. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramRejectedPoints, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_rejected_points",
		metric.WithDescription("Data points in packets that were received and not taken. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramOverrunPackets, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_overrun_packets",
		metric.WithDescription("Packets that had no place in a queue. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramOverrunPoints, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_overrun_points",
		metric.WithDescription("Data points in packets that had no place in a queue. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramDeliveredPoints, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_delivered_points",
		metric.WithDescription("Data points that were decoded and put into a batch. They are accepted or refused next. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramKernelDrops, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_kernel_drops",
		metric.WithDescription("Packets that the kernel dropped because a receive buffer was full. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramClones, err = builder.meter.Int64ObservableCounter("otelcol_receiver_otelgram_clones",
		metric.WithDescription("Sessions that sent the numbers of another again: of a machine that was copied or put back. [Alpha]"), metric.WithUnit("{session}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramSessions, err = builder.meter.Int64ObservableGauge("otelcol_receiver_otelgram_sessions",
		metric.WithDescription("Sessions heard of in the last ten minutes. [Alpha]"), metric.WithUnit("{session}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramQueueLength, err = builder.meter.Int64ObservableGauge("otelcol_receiver_otelgram_queue_length",
		metric.WithDescription("Packets that wait to be decoded, in all queues. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramQueueCapacity, err = builder.meter.Int64ObservableGauge("otelcol_receiver_otelgram_queue_capacity",
		metric.WithDescription("Packets that may wait in each queue. [Alpha]"), metric.WithUnit("{packet}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramReceiveBuffer, err = builder.meter.Int64ObservableGauge("otelcol_receiver_otelgram_receive_buffer",
		metric.WithDescription("Size of the receive buffer of each socket, as the kernel granted it. [Alpha]"), metric.WithUnit("By"))
	errs = errors.Join(errs, err)
	builder.observables = []metric.Observable{
		builder.ReceiverOtelgramReceivedPackets,
		builder.ReceiverOtelgramReceivedPoints,
		builder.ReceiverOtelgramSentPoints,
		builder.ReceiverOtelgramLostPackets,
		builder.ReceiverOtelgramLostPoints,
		builder.ReceiverOtelgramDuplicatePackets,
		builder.ReceiverOtelgramLatePackets,
		builder.ReceiverOtelgramRejectedPackets,
		builder.ReceiverOtelgramRejectedPoints,
		builder.ReceiverOtelgramOverrunPackets,
		builder.ReceiverOtelgramOverrunPoints,
		builder.ReceiverOtelgramDeliveredPoints,
		builder.ReceiverOtelgramKernelDrops,
		builder.ReceiverOtelgramClones,
		builder.ReceiverOtelgramSessions,
		builder.ReceiverOtelgramQueueLength,
		builder.ReceiverOtelgramQueueCapacity,
		builder.ReceiverOtelgramReceiveBuffer,
	}
	return errs
}

// makeInstruments makes the synchronous instruments.
func (builder *TelemetryBuilder) makeInstruments() error {
	var err, errs error
	builder.ReceiverOtelgramAcceptedPoints, err = builder.meter.Int64Counter("otelcol_receiver_otelgram_accepted_points",
		metric.WithDescription("Data points that the next consumer took. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramRefusedPoints, err = builder.meter.Int64Counter("otelcol_receiver_otelgram_refused_points",
		metric.WithDescription("Data points that the next consumer refused, or that were not given to it, by reason. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramRetries, err = builder.meter.Int64Counter("otelcol_receiver_otelgram_retries",
		metric.WithDescription("Times that a batch was tried again. [Alpha]"), metric.WithUnit("{retry}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramCorrectedPoints, err = builder.meter.Int64Counter("otelcol_receiver_otelgram_corrected_points",
		metric.WithDescription("Data points whose time was put right, see max_timestamp_skew. [Alpha]"), metric.WithUnit("{datapoint}"))
	errs = errors.Join(errs, err)
	builder.ReceiverOtelgramLatency, err = builder.meter.Float64Histogram("otelcol_receiver_otelgram_latency",
		metric.WithDescription("Time from the arrival of a batch's first packet until the next consumer returned. [Alpha]"), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	errs = errors.Join(errs, err)
	return errs
}
