package exporter

import (
	"fmt"
	"strings"
	"time"

	"github.com/otelgram/otelgram/drop"
)

// Preset is a set of options for one kind of service. Options given besides win over it, in
// whatever order. The drop strategy of a preset rules event mode alone, see
// [WithDropStrategy].
type Preset uint8

// The presets. What a preset does not name has the default of its option.
const (
	// HighThroughput is for services that record far more than 100,000 points a second:
	// queues of 32,768 points, runs of 100, packets after 50 ms at the latest, 50,000
	// packets a second in bursts of 64, drop.ByPriority, 20 MiB.
	HighThroughput Preset = iota + 1
	// LowLatency is for points that should be on the network within 50 ms:
	// queues of 8,192 points, runs of 20, packets after 20 ms at the latest,
	// drop.Newest, no interning, 5 MiB.
	LowLatency
	// Reliable rides out the longest bursts: queues of 65,536 points, runs of
	// 50, packets after 100 ms at the latest, drop.Oldest, 50 MiB.
	Reliable
	// ResourceConstrained is for small processes: queues of 4,096 points,
	// runs of 50, packets after 100 ms at the latest, drop.Sampled, no
	// interning, 2 MiB.
	ResourceConstrained
)

var presetNames = [...]string{
	HighThroughput:      "high_throughput",
	LowLatency:          "low_latency",
	Reliable:            "reliable",
	ResourceConstrained: "resource_constrained",
}

const presetsAllowed = "high_throughput, low_latency, reliable or resource_constrained"

// String returns the preset's name as it stands in the environment.
func (p Preset) String() string {
	if p == 0 || int(p) >= len(presetNames) {
		return fmt.Sprintf("Preset(%d)", uint8(p))
	}
	return presetNames[p]
}

func parsePreset(s string) (Preset, error) {
	for p, name := range presetNames {
		if p > 0 && strings.EqualFold(s, name) {
			return Preset(p), nil
		}
	}
	return 0, fmt.Errorf("unknown preset: want %s", presetsAllowed)
}

// apply returns c with the options of the preset.
func (p Preset) apply(c config) config {
	switch p {
	case HighThroughput:
		c.bufferSize, c.batchSize, c.maxBatchAge = 32768, 100, 50*time.Millisecond
		c.packetsPerSecond, c.burst = 50_000, 64
		c.strategy, c.maxMemory = drop.ByPriority(), 20<<20
	case LowLatency:
		c.bufferSize, c.batchSize, c.maxBatchAge = 8192, 20, 20*time.Millisecond
		c.strategy, c.maxMemory, c.noInterning = drop.Newest(), 5<<20, true
	case Reliable:
		c.bufferSize, c.batchSize, c.maxBatchAge = 65536, 50, 100*time.Millisecond
		c.strategy, c.maxMemory = drop.Oldest(), 50<<20
	case ResourceConstrained:
		c.bufferSize, c.batchSize, c.maxBatchAge = 4096, 50, 100*time.Millisecond
		c.strategy, c.maxMemory, c.noInterning = drop.Sampled(), 2<<20, true
	}
	return c
}
