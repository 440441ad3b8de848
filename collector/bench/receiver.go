package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/collector/otelgramreceiver"
)

// The receivers that a child may run.
const (
	otelgramRole = "otelgram"
	statsdRole   = "statsd"
	grpcRole     = "grpc"
	httpRole     = "http"
)

// role is how a receiver is made. Its configuration is that of its factory, and what
// config returns.
type role struct {
	factory func() receiver.Factory
	network string
	config  func(address string, interval time.Duration) map[string]any
	// linesCounted says that points are counted by the receiver's own metric, since
	// what it hands over is aggregated.
	linesCounted bool
}

var roles = map[string]role{
	otelgramRole: {factory: otelgramreceiver.NewFactory, network: "udp", config: func(address string, _ time.Duration) map[string]any {
		return map[string]any{"endpoint": address}
	}},
	statsdRole: {factory: statsdreceiver.NewFactory, network: "udp", linesCounted: true, config: func(address string, interval time.Duration) map[string]any {
		return map[string]any{"endpoint": address, "counter_type": "float", "aggregation_interval": interval.String()}
	}},
	grpcRole: {factory: otlpreceiver.NewFactory, network: "tcp", config: otlpConfig("grpc")},
	httpRole: {factory: otlpreceiver.NewFactory, network: "tcp", config: otlpConfig("http")},
}

func otlpConfig(protocol string) func(string, time.Duration) map[string]any {
	return func(address string, _ time.Duration) map[string]any {
		return map[string]any{"protocols": map[string]any{protocol: map[string]any{"endpoint": address}}}
	}
}

// attempts is how often a free port is looked for: another process may take it.
const attempts = 5

// runningReceiver is a receiver that has been started.
type runningReceiver struct {
	metrics  receiver.Metrics
	address  string
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

// startReceiver starts a receiver in front of a consumer that counts.
func startReceiver(name string, interval time.Duration, c *counts) (*runningReceiver, error) {
	r, ok := roles[name]
	if !ok {
		return nil, fmt.Errorf("unknown receiver %q", name)
	}
	var errs []error
	for range attempts {
		running, err := r.start(interval, c)
		if err == nil {
			return running, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (r *role) start(interval time.Duration, c *counts) (*runningReceiver, error) {
	address, err := freeAddress(r.network)
	if err != nil {
		return nil, err
	}
	factory := r.factory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(r.config(address, interval)).Unmarshal(config); err != nil {
		return nil, err
	}
	if err := confmap.Validate(config); err != nil {
		return nil, err
	}
	consume := c.consume
	if r.linesCounted {
		consume = c.consumeSums
	}
	next, err := consumer.NewMetrics(consume)
	if err != nil {
		return nil, err
	}
	running := &runningReceiver{address: address}
	running.reader, running.provider = newMeterProvider()
	set := receiver.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: telemetrySettings(running.provider), BuildInfo: component.NewDefaultBuildInfo(),
	}
	if r.linesCounted {
		set.MeterProvider = countingProvider{set.MeterProvider, c}
	}
	ctx := context.Background()
	if running.metrics, err = factory.CreateMetrics(ctx, set, config, next); err != nil {
		return nil, errors.Join(err, running.provider.Shutdown(ctx))
	}
	if err := running.metrics.Start(ctx, componenttest.NewNopHost()); err != nil {
		return nil, errors.Join(err, running.stop(ctx))
	}
	return running, nil
}

func (r *runningReceiver) stop(ctx context.Context) error {
	return errors.Join(r.metrics.Shutdown(ctx), r.provider.Shutdown(ctx))
}

// freeAddress returns an address that nobody listens on.
func freeAddress(network string) (string, error) {
	if network == "udp" {
		conn, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return conn.LocalAddr().String(), nil
	}
	l, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
