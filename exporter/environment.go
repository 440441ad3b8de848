package exporter

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const environmentPrefix = "OTEL_EXPORTER_OTELGRAM_"

// variable is one environment variable. parse returns c with the variable's value, or an
// error that says what is wrong with the value.
type variable struct {
	name  string
	parse func(c config, value string) (config, error)
}

var variables = []variable{
	{"ENDPOINT", func(c config, v string) (config, error) {
		c.endpoint = v
		return c, udp.ValidateAddress(v)
	}},
	{"ENCODING", func(c config, v string) (_ config, err error) {
		c.encoding, err = parseEncoding(v)
		return c, err
	}},
	{"MAX_PACKET_SIZE", func(c config, v string) (_ config, err error) {
		c.packetSize, err = strconv.Atoi(v)
		if err != nil || c.packetSize < wire.MinPacketSize || c.packetSize > wire.MaxPacketSize {
			err = fmt.Errorf("must be a number of bytes from %d to %d", wire.MinPacketSize, wire.MaxPacketSize)
		}
		return c, err
	}},
	{"TEMPORALITY_PREFERENCE", func(c config, v string) (_ config, err error) {
		c.temporality, err = parseTemporality(v)
		return c, err
	}},
	{"SEGMENTATION_OFFLOAD", func(c config, v string) (config, error) {
		on, err := strconv.ParseBool(v)
		c.noSegmentation = !on
		if err != nil {
			err = errors.New("must be true or false")
		}
		return c, err
	}},
	{"PRESET", func(c config, v string) (_ config, err error) {
		c.preset, err = parsePreset(v)
		return c, err
	}},
}

// fromEnvironment returns c with what the environment says. A variable with a bad value is
// reported and ignored. An empty variable counts as not set, as in OpenTelemetry's
// exporters.
func fromEnvironment(c config) config {
	for _, v := range variables {
		value := strings.TrimSpace(os.Getenv(environmentPrefix + v.name))
		if value == "" {
			continue
		}
		with, err := v.parse(c, value)
		if err != nil {
			otel.Handle(fmt.Errorf("otelgram: %s%s=%q is ignored: %w", environmentPrefix, v.name, value, reasonOf(err)))
			continue
		}
		c = with
	}
	return cardinalityLimitFromEnvironment(flushIntervalFromEnvironment(c))
}

// flushIntervalFromEnvironment reads the variable that sets the interval of the SDK's
// reader. On the direct path the exporter is its own reader.
func flushIntervalFromEnvironment(c config) config {
	const name = "OTEL_METRIC_EXPORT_INTERVAL"
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return c
	}
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms <= 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		otel.Handle(fmt.Errorf("otelgram: %s=%q is ignored: must be a positive number of milliseconds", name, value))
		return c
	}
	c.flushInterval = time.Duration(ms) * time.Millisecond
	return c
}

// cardinalityLimitFromEnvironment reads the variable that sets the SDK's limit. On the
// direct path the exporter aggregates in the SDK's place.
func cardinalityLimitFromEnvironment(c config) config {
	const name = "OTEL_GO_X_CARDINALITY_LIMIT"
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return c
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		otel.Handle(fmt.Errorf("otelgram: %s=%q is ignored: must be a number of attribute sets", name, value))
		return c
	}
	c.cardinalityLimit = max(0, n)
	return c
}

func parseTemporality(s string) (sdkmetric.TemporalitySelector, error) {
	switch strings.ToLower(s) {
	case "cumulative":
		return sdkmetric.CumulativeTemporalitySelector, nil
	case "delta":
		return sdkmetric.DeltaTemporalitySelector, nil
	case "lowmemory":
		return sdkmetric.LowMemoryTemporalitySelector, nil
	}
	return nil, fmt.Errorf("unknown temporality: want cumulative, delta or lowmemory")
}
