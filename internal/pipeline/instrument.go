package pipeline

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/wire"
)

// Fold is how the measurements of an instrument become points.
type Fold uint8

// The folds.
const (
	FoldSum         Fold = iota + 1 // adds
	FoldLast                        // keeps the last
	FoldAbsolute                    // a sum that is observed, not added up
	FoldExplicit                    // a histogram with given bounds
	FoldExponential                 // a base-2 exponential histogram
)

// InstrumentConfig describes an instrument of the direct path.
type InstrumentConfig struct {
	Resource                *resource.Resource
	Scope                   instrumentation.Scope
	Name, Unit, Description string
	Kind                    string // as people know it
	Fold                    Fold
	Integer                 bool
	Monotonic               bool
	Delta                   bool
	// OnlyObserved says that only what was observed since the last collection is
	// emitted, and the rest forgotten.
	OnlyObserved      bool
	Bounds            []float64 // FoldExplicit
	MaxSize, MaxScale int32     // FoldExponential
	NoMinMax          bool
	// NoSum leaves out a histogram's sum: that of measurements which may be
	// negative is no counter (opentelemetry-specification, metrics/sdk.md,
	// "Histogram Aggregations").
	NoSum bool
	// Untimed says that the latency of its points is not to be measured.
	Untimed bool
}

// Instrument folds measurements into one state per attribute set. All but its
// identity belongs to the pump.
type Instrument struct {
	InstrumentConfig
	metric   *wire.Metric
	unbound  Bound
	priority drop.Priority
	// unsendable says that its resource or scope has no wire form, or is larger than
	// any body: its measurements are dropped for reason.
	unsendable bool
	reason     wire.DropReason
	started    int64

	series map[attribute.Distinct]*Series
	list   []*Series
	// fresh counts the series that were measured since the last collection, for
	// an instrument that emits only those.
	fresh   int
	missing bool // observations are missing in the collection under way
}

// Unbound is what a measurement is bound to that has attributes of its own.
func (i *Instrument) Unbound() *Bound { return &i.unbound }

// onlyMeasured reports whether a series counts, towards the limit and for a
// collection, only while it is measured.
func (i *Instrument) onlyMeasured() bool { return i.OnlyObserved || i.Delta }

// size is how many series count towards the limit.
func (i *Instrument) size() int {
	if i.onlyMeasured() {
		return i.fresh
	}
	return len(i.series)
}

func (f Fold) kind() wire.Kind {
	switch f {
	case FoldLast:
		return wire.Gauge
	case FoldExplicit:
		return wire.Histogram
	case FoldExponential:
		return wire.ExponentialHistogram
	}
	return wire.Sum
}
