package pipeline

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// maxIdentities bounds the metrics that are kept; past it everything is
// forgotten and learned again.
const maxIdentities = 8192

// identities interns what the points of an export have in common: resources,
// scopes and metrics. It belongs to whoever holds the lane.
type identities struct {
	symbols   map[string]*wire.Symbol
	resources map[resourceKey]*resourceIdentity
	metrics   int
}

type resourceKey struct {
	set       attribute.Distinct
	schemaURL string
}

type resourceIdentity struct {
	set    attribute.Set
	wire   wire.Resource
	size   int
	scopes map[scopeKey]*scopeIdentity
	// reported is set once the caller was told that the resource is too large.
	reported bool
	invalid  bool // an attribute has no wire form
}

type scopeKey struct {
	name, version, schemaURL string
	set                      attribute.Distinct
}

type scopeIdentity struct {
	set     attribute.Set
	wire    wire.Scope
	invalid bool
	metrics map[metricKey]*wire.Metric
	// order is how the metrics came last time. The SDK keeps the order, so
	// that comparing with it finds most of them without hashing three strings.
	order []*wire.Metric
}

// metricKey holds all that identifies a metric in its scope. Names repeat
// within one: the kind and unit tell them apart.
type metricKey struct {
	name, unit, description   string
	kind                      wire.Kind
	integer, monotonic, delta bool
}

func newIdentities() *identities {
	return &identities{symbols: map[string]*wire.Symbol{}, resources: map[resourceKey]*resourceIdentity{}}
}

func (t *identities) symbol(text string) *wire.Symbol {
	if s, ok := t.symbols[text]; ok {
		return s
	}
	s := wire.NewSymbol(text)
	if len(text) <= maxSymbolLen {
		t.symbols[text] = s
	}
	return s
}

// trim forgets everything once there is too much of it.
func (t *identities) trim() {
	if t.metrics > maxIdentities || len(t.resources) > maxIdentities || len(t.symbols) > 4*maxIdentities {
		*t = *newIdentities()
	}
}

func (t *identities) set(to *wire.AttributeSet, from attribute.Set) bool {
	_, ok := compileSet(to, from, t.symbol, nil)
	return ok
}

// plain returns set in a form that == compares: the empty set has two.
func plain(set attribute.Set) attribute.Set {
	if set.Len() == 0 {
		return attribute.Set{}
	}
	return set
}

func (t *identities) resource(r *resource.Resource) *resourceIdentity {
	key := resourceKey{r.Equivalent(), r.SchemaURL()}
	known, hit := t.resources[key]
	set := plain(*r.Set())
	if hit && known.set == set {
		return known
	}
	id := &resourceIdentity{set: set, scopes: map[scopeKey]*scopeIdentity{}}
	id.wire.SchemaURL = t.symbol(r.SchemaURL())
	id.wire.Attributes = &wire.AttributeSet{}
	id.invalid = !t.set(id.wire.Attributes, id.set)
	id.size = id.wire.EncodedLen()
	if !hit {
		t.resources[key] = id
		t.metrics++
	}
	return id
}

func (t *identities) scope(r *resourceIdentity, s *instrumentation.Scope) *scopeIdentity {
	key := scopeKey{s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
	known, hit := r.scopes[key]
	set := plain(s.Attributes)
	if hit && known.set == set {
		return known
	}
	id := &scopeIdentity{set: set, metrics: map[metricKey]*wire.Metric{}}
	id.wire = wire.Scope{
		Resource:   &r.wire,
		Name:       t.symbol(s.Name),
		Version:    t.symbol(s.Version),
		SchemaURL:  t.symbol(s.SchemaURL),
		Attributes: &wire.AttributeSet{},
	}
	id.invalid = !t.set(id.wire.Attributes, set)
	if !hit {
		r.scopes[key] = id
		t.metrics++
	}
	return id
}

// metric returns the identity of the metric that is at position i of its scope.
func (t *identities) metric(s *scopeIdentity, i int, key metricKey) *wire.Metric {
	if i < len(s.order) && matches(s.order[i], &key) {
		return s.order[i]
	}
	known := t.metricOf(s, key)
	if i < len(s.order) {
		s.order[i] = known
	} else if i == len(s.order) {
		s.order = append(s.order, known)
	}
	return known
}

// metricOf returns the identity of the metric that key describes.
func (t *identities) metricOf(s *scopeIdentity, key metricKey) *wire.Metric {
	if known, ok := s.metrics[key]; ok {
		return known
	}
	m := &wire.Metric{
		Scope:       &s.wire,
		Name:        t.symbol(key.name),
		Unit:        t.symbol(key.unit),
		Description: t.symbol(key.description),
		Kind:        key.kind, Integer: key.integer, Monotonic: key.monotonic, Delta: key.delta,
	}
	s.metrics[key] = m
	t.metrics++
	return m
}

func matches(m *wire.Metric, k *metricKey) bool {
	return m.Kind == k.kind && m.Integer == k.integer && m.Monotonic == k.monotonic && m.Delta == k.delta &&
		m.Name.Text() == k.name && m.Unit.Text() == k.unit && m.Description.Text() == k.description
}
