// Package metadata holds what metadata.yaml says, in the shape that mdatagen gives it. It
// is written by hand.
package metadata

import "go.opentelemetry.io/collector/component"

var (
	// Type is the type of the component.
	Type = component.MustNewType("otelgram")
	// ScopeName is the instrumentation scope of the component's own telemetry.
	ScopeName = "github.com/otelgram/otelgram/collector/otelgramreceiver"
)

// MetricsStability is how stable the component is for metrics.
const MetricsStability = component.StabilityLevelAlpha
