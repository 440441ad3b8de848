package exporter

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/plain"
	"github.com/otelgram/otelgram/wire/statsd"
)

// config is what New builds an exporter from. It is passed by value.
type config struct {
	endpoint         string
	preset           Preset
	presetAsked      bool
	encoding         Encoding
	plain            plain.Options
	statsd           statsd.Options
	dogstatsd        statsd.Options
	influx           influx.Options
	bufferSize       int
	batchSize        int
	maxBatchAge      time.Duration
	packetSize       int // 0: what suits the path
	packetsPerSecond int
	burst            int
	temporality      sdkmetric.TemporalitySelector
	aggregation      sdkmetric.AggregationSelector
	flushInterval    time.Duration
	cardinalityLimit int // 0: none
	strategy         drop.Strategy
	priorities       drop.Priorities
	badPriority      error // of the last WithPriority that is not allowed
	resource         *resource.Resource
	maxMemory        int64 // bytes; 0: no limit
	noInterning      bool
	noSegmentation   bool
	breaker          CircuitBreakerConfig
	logger           *slog.Logger
	meterProvider    metric.MeterProvider // nil: the global one
	health           health.Config
}

const (
	defaultEndpoint         = "localhost:4319"
	defaultBufferSize       = 16384
	defaultBatchSize        = 50
	defaultMaxBatchAge      = 100 * time.Millisecond
	defaultPacketsPerSecond = 10_000
	defaultBurst            = 32
	defaultFlushInterval    = 10 * time.Second
	defaultCardinalityLimit = 2000 // the SDK's

	maxBufferSize = 1 << 24
	maxBatchSize  = 1 << 16
	maxRate       = 1_000_000

	// minInterval is the least of what is measured in time. A plain number, which
	// counts nanoseconds, is below it.
	minInterval = time.Millisecond
)

// newConfig applies defaults, environment and options in this order, a preset
// before everything else that its source says, and validates the result.
func newConfig(opts []Option) (c config, err error) {
	c = config{
		endpoint:         defaultEndpoint,
		encoding:         Compact,
		bufferSize:       defaultBufferSize,
		batchSize:        defaultBatchSize,
		maxBatchAge:      defaultMaxBatchAge,
		packetsPerSecond: defaultPacketsPerSecond,
		burst:            defaultBurst,
		temporality:      sdkmetric.DefaultTemporalitySelector,
		aggregation:      sdkmetric.DefaultAggregationSelector,
		flushInterval:    defaultFlushInterval,
		cardinalityLimit: defaultCardinalityLimit,
		strategy:         drop.Newest(),
		breaker:          CircuitBreakerConfig{Enabled: true},
		logger:           slog.Default(),
	}
	c = fromEnvironment(c)
	asked := config{preset: c.preset}
	for i, o := range opts {
		if o == nil {
			return c, fmt.Errorf("otelgram: New: option %d is nil", i+1)
		}
		asked = o.apply(asked)
	}
	if asked.presetAsked && (asked.preset < HighThroughput || asked.preset > ResourceConstrained) {
		return c, fmt.Errorf("otelgram: WithPreset(%d): unknown preset: want %s", asked.preset, presetsAllowed)
	}
	c.preset = asked.preset
	c = c.preset.apply(c)
	for _, o := range opts {
		c = o.apply(c)
	}
	if err = c.validate(); err != nil {
		return c, err
	}
	if c.maxMemory, err = asked.budget(&c); err != nil {
		return c, err
	}
	c.breaker = c.breaker.withDefaults()
	if c.flushInterval > 0 && (asked.strategy != nil || asked.priorities.Len() > 0) {
		otel.Handle(fmt.Errorf("otelgram: WithDropStrategy and WithPriority rule event mode alone, which is WithFlushInterval(0): at %v measurements are aggregated, and none is lost for pressure", c.flushInterval))
	}
	return c, nil
}

// validate names the first option with a value that is not allowed.
func (c *config) validate() error {
	if err := udp.ValidateAddress(c.endpoint); err != nil {
		return fmt.Errorf("otelgram: WithEndpoint(%q): %w", c.endpoint, reasonOf(err))
	}
	if err := c.validateEncoding(); err != nil {
		return err
	}
	n := c.bufferSize
	if n < 2 || n > maxBufferSize || n&(n-1) != 0 {
		return fmt.Errorf("otelgram: WithBufferSize(%d): must be a power of two from 2 to %d", n, maxBufferSize)
	}
	if c.batchSize < 1 || c.batchSize > maxBatchSize {
		return fmt.Errorf("otelgram: WithBatchSize(%d): must be from 1 to %d", c.batchSize, maxBatchSize)
	}
	if c.maxBatchAge < minInterval || c.maxBatchAge > time.Hour {
		return fmt.Errorf("otelgram: WithMaxBatchAge(%v): must be from %v to 1h, such as 100*time.Millisecond", c.maxBatchAge, minInterval)
	}
	if c.packetSize != 0 && (c.packetSize < wire.MinPacketSize || c.packetSize > wire.MaxPacketSize) {
		return fmt.Errorf("otelgram: WithMaxPacketSize(%d): must be from %d to %d bytes", c.packetSize, wire.MinPacketSize, wire.MaxPacketSize)
	}
	if c.packetsPerSecond < 0 || c.packetsPerSecond > maxRate {
		return fmt.Errorf("otelgram: WithPacing(%d, %d): packets per second must be from 0 to %d", c.packetsPerSecond, c.burst, maxRate)
	}
	if c.packetsPerSecond > 0 && (c.burst < 1 || c.burst > maxRate) {
		return fmt.Errorf("otelgram: WithPacing(%d, %d): burst must be from 1 to %d packets", c.packetsPerSecond, c.burst, maxRate)
	}
	if err := c.breaker.validate(); err != nil {
		return err
	}
	if err := c.health.Validate(); err != nil {
		return fmt.Errorf("otelgram: WithHealth: %w", err)
	}
	if c.badPriority != nil {
		return c.badPriority
	}
	if c.flushInterval < 0 {
		return fmt.Errorf("otelgram: WithFlushInterval(%v): must not be negative", c.flushInterval)
	}
	if c.flushInterval > 0 && c.flushInterval < minInterval {
		return fmt.Errorf("otelgram: WithFlushInterval(%v): must be 0, or %v at least, such as 10*time.Second", c.flushInterval, minInterval)
	}
	return nil
}

// validateEncoding names the first option about encodings with a value that is not allowed.
func (c *config) validateEncoding() error {
	if !c.encoding.known() {
		return fmt.Errorf("otelgram: WithEncoding(%d): unknown encoding: want %s", c.encoding, encodingsAllowed())
	}
	if err := c.statsd.Validate(statsd.StatsD); err != nil {
		return fmt.Errorf("otelgram: WithStatsD: %w", err)
	}
	if err := c.dogstatsd.Validate(statsd.DogStatsD); err != nil {
		return fmt.Errorf("otelgram: WithDogStatsD: %w", err)
	}
	return nil
}

// reasonOf returns the reason of an address error alone: the caller names the address.
func reasonOf(err error) error {
	if e := (*udp.AddressError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// budget returns the memory budget of c, if it is enough for what c asks for; a is
// what the options alone say. A preset of the environment must not keep a service
// from starting: its budget gives way.
func (a *config) budget(c *config) (int64, error) {
	need := c.fixedMemory() + minMemory
	if c.maxMemory == 0 || c.maxMemory >= need {
		return c.maxMemory, nil
	}
	source := fmt.Sprintf("WithMaxMemory(%d)", c.maxMemory)
	if a.maxMemory == 0 {
		source = fmt.Sprintf("preset %s, %d bytes of memory", c.preset, c.maxMemory)
	}
	err := fmt.Errorf("otelgram: %s: a queue of %d points and packets of %d bytes need %d bytes at least",
		source, c.bufferSize, c.largestPacket(), need)
	if a.maxMemory != 0 || a.presetAsked {
		return 0, err
	}
	otel.Handle(fmt.Errorf("%w: the budget is ignored", err))
	return 0, nil
}

// minMemory is the least that must be left for what grows with the traffic, in bytes.
const minMemory = 64 << 10

// fixedMemory is what is taken whatever comes, in bytes.
func (c *config) fixedMemory() int64 {
	return pipeline.FixedMemory(c.bufferSize, c.batchSize, c.largestPacket(), c.flushInterval == 0)
}

// largestPacket is how large packets may become, in bytes.
func (c *config) largestPacket() int {
	switch {
	case c.packetSize > 0:
		return c.packetSize
	case udp.IsUnix(c.endpoint):
		return session.UnixSize
	}
	return session.LoopbackSize
}

// memory is what is left for all else, in bytes.
func (c *config) memory() int64 {
	if c.maxMemory == 0 {
		return math.MaxInt64
	}
	return c.maxMemory - c.fixedMemory()
}
