package otelgramreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
)

// NewFactory returns the factory of the receiver, of type otelgram, for metrics.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithMetrics(createMetrics, metadata.MetricsStability))
}

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	c, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("otelgram: a configuration of type %T: want %T", cfg, &Config{})
	}
	return newOtelgramReceiver(set, c, next)
}
