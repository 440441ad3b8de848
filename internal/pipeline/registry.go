package pipeline

import (
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/drop"
)

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
	fold         Fold
	onlyObserved bool
	noSum        bool
}

func newRegistry(p drop.Priorities, memory *budget) *registry {
	return &registry{priorities: p, memory: memory, ids: newIdentities(), byKey: map[instrumentKey]*Instrument{}}
}

// instrument returns the instrument that c describes, always the same for the
// same identity: measurements of two instruments of one name, kind, unit and
// description are folded together, under the name's first spelling, since upper
// and lower case are one (opentelemetry-specification, metrics/api.md,
// "Instrument name syntax"). It returns nil where there are too many.
func (r *registry) instrument(c InstrumentConfig, now int64) *Instrument {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := metricKey{
		name: c.Name, unit: c.Unit, description: c.Description,
		kind: c.Fold.kind(), integer: c.Integer, monotonic: c.Monotonic, delta: c.Delta && c.Fold != FoldLast,
	}
	scope := r.ids.scope(r.ids.resource(c.Resource), &c.Scope)
	folded := key
	folded.name = strings.ToLower(c.Name)
	full := instrumentKey{scope, folded, c.Fold, c.OnlyObserved, c.NoSum}
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
