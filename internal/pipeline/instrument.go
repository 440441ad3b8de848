package pipeline

import (
	"sync"

	"github.com/lightstep/go-expohisto/structure"
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
	Fold                    Fold
	Integer                 bool
	Monotonic               bool
	Delta                   bool
	// Stale says that only what was observed since the last collection is
	// emitted, as for observables.
	Stale             bool
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
	priority drop.Priority
	started  int64

	series map[attribute.Distinct]*Series
	list   []*Series
	// fresh counts the series that were measured since the last collection, for
	// an instrument that emits only those.
	fresh int
}

// passing reports whether a series counts only while it is measured.
func (i *Instrument) passing() bool { return i.Stale || i.Delta }

// size is how many series count towards the limit.
func (i *Instrument) size() int {
	if i.passing() {
		return i.fresh
	}
	return len(i.series)
}

// registry holds the instruments of the direct path.
type registry struct {
	priorities  drop.Priorities
	memory      *budget
	mu          sync.Mutex
	ids         *identities
	byKey       map[instrumentKey]*Instrument
	instruments []*Instrument
}

type instrumentKey struct {
	scope *scopeIdentity
	metricKey
	fold  Fold
	stale bool
	noSum bool
}

func newRegistry(p drop.Priorities, memory *budget) *registry {
	return &registry{priorities: p, memory: memory, ids: newIdentities(), byKey: map[instrumentKey]*Instrument{}}
}

// instrument returns the instrument that c describes, always the same for the
// same identity: measurements of two instruments of one name, kind, unit and
// description are folded together. It returns nil where there are too many.
func (r *registry) instrument(c InstrumentConfig, now int64) *Instrument {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := metricKey{
		name: c.Name, unit: c.Unit, description: c.Description,
		kind: c.Fold.kind(), integer: c.Integer, monotonic: c.Monotonic, delta: c.Delta && c.Fold != FoldLast,
	}
	scope := r.ids.scope(r.ids.resource(c.Resource), &c.Scope)
	full := instrumentKey{scope, key, c.Fold, c.Stale, c.NoSum}
	if i, ok := r.byKey[full]; ok {
		return i
	}
	cost := int64(instrumentCost + len(c.Name) + len(c.Unit) + len(c.Description))
	if len(r.instruments) >= maxIdentities || !r.memory.take(cost) {
		return nil
	}
	i := &Instrument{
		InstrumentConfig: c,
		metric:           r.ids.metricOf(scope, key),
		priority:         r.priorities.Of(c.Name),
		started:          now,
		series:           map[attribute.Distinct]*Series{},
	}
	r.byKey[full] = i
	r.instruments = append(r.instruments, i)
	return i
}

// all returns the instruments there are; the slice is only ever appended to.
func (r *registry) all() []*Instrument {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.instruments
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

// Series is the state of one attribute set of an instrument. It belongs to the
// pump.
type Series struct {
	instrument *Instrument
	key        attribute.Distinct
	set        *attribute.Set // where series are forgotten, for a Bound of one
	wire       wire.AttributeSet
	start      int64
	bits       uint64 // sum or last value
	emitted    uint64 // what was emitted last, of an observed sum under delta
	// touched is set by a measurement and cleared when its effect is emitted.
	touched bool
	gone    bool  // forgotten: a Bound that refers to it looks it up again
	idle    uint8 // collections without a measurement, under delta

	explicit *explicit
	floats   *structure.Float64
	ints     *structure.Int64
}

// explicit is the state of a histogram with given bounds.
type explicit struct {
	counts   []uint64
	count    uint64
	min, max uint64 // bits, valid if count > 0
}
