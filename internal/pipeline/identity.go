package pipeline

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

const (
	// maxIdentities bounds the metrics that are kept; past it, and past the budget,
	// everything is forgotten and learned again.
	maxIdentities = 8192
	// identityCost is about what a resource, a scope or a metric takes beside its
	// strings, in bytes.
	identityCost = 512
)

// identities interns what the points of an export have in common: resources,
// scopes and metrics. It belongs to whoever holds the lane.
type identities struct {
	symbols   map[string]*wire.Symbol
	resources map[resourceKey]*resourceIdentity
	metrics   int
	bytes     int64 // that they take, about
	most      int64 // that they may
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

// room returns an error, the first time, for a resource that leaves no room for a
// point.
func (r *resourceIdentity) room() error {
	if r.fits() || r.reported {
		return nil
	}
	r.reported = true
	return fmt.Errorf("otelgram: resource of %d bytes: more than the %d that can be sent with each point: shorten it", r.size, wire.MaxBody-minRoom)
}

func (r *resourceIdentity) fits() bool { return r.size+minRoom <= wire.MaxBody }

type scopeKey struct {
	name, version, schemaURL string
	set                      attribute.Distinct
}

type scopeIdentity struct {
	set     attribute.Set
	wire    wire.Scope
	invalid bool
	// reported is set once somebody was told that nothing of it can be sent.
	reported bool
	metrics  map[metricKey]*wire.Metric
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

func newIdentities(bytes int64) *identities {
	return &identities{symbols: map[string]*wire.Symbol{}, resources: map[resourceKey]*resourceIdentity{}, most: bytes}
}

func (t *identities) symbol(text string) *wire.Symbol {
	if s, ok := t.symbols[text]; ok {
		return s
	}
	s := wire.NewSymbol(text)
	t.bytes += int64(symbolCost + len(text))
	if len(text) <= maxSymbolLen {
		t.symbols[text] = s
	}
	return s
}

// made counts one more resource, scope or metric.
func (t *identities) made() {
	t.metrics++
	t.bytes += identityCost
}

// trim forgets everything once there is too much of it.
func (t *identities) trim() {
	if t.metrics > maxIdentities || len(t.resources) > maxIdentities || len(t.symbols) > 4*maxIdentities || t.bytes > t.most {
		*t = *newIdentities(t.most)
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
		t.made()
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
		t.made()
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
	t.made()
	return m
}

func matches(m *wire.Metric, k *metricKey) bool {
	return m.Kind == k.kind && m.Integer == k.integer && m.Monotonic == k.monotonic && m.Delta == k.delta &&
		m.Name.Text() == k.name && m.Unit.Text() == k.unit && m.Description.Text() == k.description
}
