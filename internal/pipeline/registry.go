package pipeline

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/wire"
)

// registry holds the instruments of the direct path.
type registry struct {
	priorities  drop.Priorities
	memory      *budget
	mu          sync.Mutex
	ids         *identities
	byKey       map[instrumentKey]*Instrument
	names       map[nameKey]*namesakes
	instruments []*Instrument
	missing     []*Instrument // of which observations are missing
}

type nameKey struct {
	scope *scopeIdentity
	name  string // in lower case
}

// namesakes are the instruments of one name.
type namesakes struct {
	first    *Instrument
	reported bool // that there are others
}

type instrumentKey struct {
	scope *scopeIdentity
	metricKey
	fold         Fold
	onlyObserved bool
	noSum        bool
}

func newRegistry(p drop.Priorities, memory *budget) *registry {
	return &registry{priorities: p, memory: memory, ids: newIdentities(math.MaxInt64), byKey: map[instrumentKey]*Instrument{}, names: map[nameKey]*namesakes{}}
}

// instrument returns the instrument that c describes, always the same for the
// same identity: measurements of two instruments of one name, kind, unit and
// description are folded together, under the name's first spelling, since upper
// and lower case are one (opentelemetry-specification, metrics/api.md,
// "Instrument name syntax"). See [Direct.Instrument].
func (r *registry) instrument(c InstrumentConfig, now int64) (i *Instrument, created bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := metricKey{
		name: c.Name, unit: c.Unit, description: c.Description,
		kind: c.Fold.kind(), integer: c.Integer, monotonic: c.Monotonic, delta: c.Delta && c.Fold != FoldLast,
	}
	of := r.ids.resource(c.Resource)
	scope := r.ids.scope(of, &c.Scope)
	folded := key
	folded.name = strings.ToLower(c.Name)
	full := instrumentKey{scope, folded, c.Fold, c.OnlyObserved, c.NoSum}
	if i, ok := r.byKey[full]; ok {
		return i, false, r.conflict(nameKey{scope, folded.name}, i, c.Name)
	}
	cost := int64(instrumentCost + len(c.Name) + len(c.Unit) + len(c.Description))
	if len(r.instruments) >= maxIdentities || !r.memory.need(cost) {
		return nil, false, nil
	}
	i = &Instrument{
		InstrumentConfig: c,
		metric:           r.ids.metricOf(scope, key),
		priority:         r.priorities.Of(c.Name),
		started:          now,
		series:           map[attribute.Distinct]*Series{},
		unsendable:       of.invalid || scope.invalid || !of.fits(),
		reason:           wire.Encode,
	}
	if !of.fits() {
		i.reason = wire.Oversize
	}
	i.unbound.instrument = i
	r.byKey[full] = i
	r.instruments = append(r.instruments, i)
	return i, true, errors.Join(r.conflict(nameKey{scope, folded.name}, i, c.Name), scope.trouble())
}

// check says, the first time, that nothing of a resource can be sent.
func (r *registry) check(of *resource.Resource) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.ids.resource(of)
	if !id.invalid || id.reported {
		return id.room()
	}
	id.reported = true
	return errors.New("otelgram: an attribute of the resource has no wire form: no point can be sent")
}

// trouble says, the first time, that nothing of a scope can be sent; what is wrong
// with the resource is for check to say.
func (s *scopeIdentity) trouble() error {
	if !s.invalid || s.reported {
		return nil
	}
	s.reported = true
	return fmt.Errorf("otelgram: scope %q: an attribute has no wire form: its points are dropped", s.wire.Name.Text())
}

// conflict says, the first time, that an instrument found or made by name is not
// the one that has it.
func (r *registry) conflict(key nameKey, i *Instrument, name string) error {
	n := r.names[key]
	if n == nil {
		r.names[key] = &namesakes{first: i}
		return nil
	}
	if n.reported || n.first == i && n.first.Name == name {
		return nil
	}
	n.reported = true
	return fmt.Errorf("otelgram: scope %q: instrument %s: there is already %s",
		i.Scope.Name, i.describe(name), n.first.describe(n.first.Name))
}

func (i *Instrument) describe(name string) string {
	return fmt.Sprintf("%q (%s, unit %q, description %q)", name, i.Kind, i.Unit, i.Description)
}

// snapshot returns the instruments there are, in a slice that is only ever
// appended to, and those of which observations are missing.
func (r *registry) snapshot() (all, missing []*Instrument) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.instruments, r.missing
}

func (r *registry) setMissing(instruments []*Instrument) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing = instruments
}
