package intern

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

const (
	// minRoom is what a body needs besides the resource, in bytes: a scope, a metric and a
	// number with short names.
	minRoom = 64
	// MaxIdentities bounds the metrics that are kept. Beyond it, or beyond the budget,
	// everything is forgotten and learned again.
	MaxIdentities = 8192
	// identityCost is about what a resource, a scope or a metric takes besides its strings,
	// in bytes.
	identityCost = 512
)

// Identities interns what the points of an export have in common: resources, scopes and
// metrics.
type Identities struct {
	symbols   map[string]*wire.Symbol
	resources map[resourceKey]*Resource
	metrics   int
	bytes     int64 // about what all of it takes
	most      int64 // the most that bytes may be
}

type resourceKey struct {
	set       attribute.Distinct
	schemaURL string
}

// Resource is a resource in wire form.
type Resource struct {
	set    attribute.Set
	Wire   wire.Resource
	size   int
	scopes map[scopeKey]*Scope
	// reported is set once an error about the resource was returned.
	reported bool
	Invalid  bool // an attribute has no wire form
}

// CheckSize returns an error, the first time, for a resource that leaves no room for a
// point.
func (r *Resource) CheckSize() error {
	if r.Fits() || r.reported {
		return nil
	}
	r.reported = true
	return fmt.Errorf("otelgram: resource of %d bytes: more than the %d that can be sent with each point: shorten it", r.size, wire.MaxBody-minRoom)
}

// CheckAttributes returns an error, the first time, if an attribute of the resource has no
// wire form.
func (r *Resource) CheckAttributes() error {
	if !r.Invalid || r.reported {
		return nil
	}
	r.reported = true
	return errors.New("otelgram: an attribute of the resource has no wire form: no point can be sent")
}

// Fits reports whether a body has room for the resource and a point.
func (r *Resource) Fits() bool { return r.size+minRoom <= wire.MaxBody }

type scopeKey struct {
	name, version, schemaURL string
	set                      attribute.Distinct
}

// Scope is an instrumentation scope in wire form.
type Scope struct {
	set     attribute.Set
	Wire    wire.Scope
	Invalid bool // an attribute has no wire form
	// reported is set once an error about the scope was returned.
	reported bool
	metrics  map[MetricKey]*wire.Metric
	// order is the order in which the metrics came last time. The SDK keeps the order, so
	// comparing with it finds most metrics without hashing three strings.
	order []*wire.Metric
}

// CheckAttributes returns an error, the first time, if an attribute of the scope has no wire form.
func (s *Scope) CheckAttributes() error {
	if !s.Invalid || s.reported {
		return nil
	}
	s.reported = true
	return fmt.Errorf("otelgram: scope %q: an attribute has no wire form: its points are dropped", s.Wire.Name.Text())
}

// MetricKey holds all that identifies a metric in its scope. A scope may have several
// metrics of one name, which differ in kind or unit.
type MetricKey struct {
	Name, Unit, Description   string
	Kind                      wire.Kind
	Integer, Monotonic, Delta bool
}

// NewIdentities returns an empty Identities that takes about bytes bytes at most.
func NewIdentities(bytes int64) *Identities {
	return &Identities{symbols: map[string]*wire.Symbol{}, resources: map[resourceKey]*Resource{}, most: bytes}
}

func (t *Identities) symbol(text string) *wire.Symbol {
	if s, ok := t.symbols[text]; ok {
		return s
	}
	text = strings.Clone(text) // text may be a part of something large
	s := wire.NewSymbol(text)
	t.bytes += int64(symbolCost + len(text))
	if len(text) <= maxSymbolLen {
		t.symbols[text] = s
	}
	return s
}

// made counts one more resource, scope or metric.
func (t *Identities) made() {
	t.metrics++
	t.bytes += identityCost
}

// Trim forgets everything if there is too much of it.
func (t *Identities) Trim() {
	if t.metrics > MaxIdentities || len(t.resources) > MaxIdentities || len(t.symbols) > 4*MaxIdentities || t.bytes > t.most {
		*t = *NewIdentities(t.most)
	}
}

func (t *Identities) set(to *wire.AttributeSet, from attribute.Set) bool {
	_, ok := compileSet(to, from, t.symbol, nil)
	return ok
}

// plain returns set in a form that == compares, since there are two empty sets.
func plain(set attribute.Set) attribute.Set {
	if set.Len() == 0 {
		return attribute.Set{}
	}
	return set
}

// Resource returns the identity of a resource.
func (t *Identities) Resource(r *resource.Resource) *Resource {
	key := resourceKey{r.Equivalent(), r.SchemaURL()}
	known, hit := t.resources[key]
	set := plain(*r.Set())
	if hit && known.set == set {
		return known
	}
	id := &Resource{set: Own(set), scopes: map[scopeKey]*Scope{}}
	id.Wire.SchemaURL = t.symbol(r.SchemaURL())
	id.Wire.Attributes = &wire.AttributeSet{}
	id.Invalid = !t.set(id.Wire.Attributes, id.set)
	id.size = id.Wire.EncodedLen()
	if !hit {
		t.resources[key] = id
		t.made()
	}
	return id
}

// Scope returns the identity of a scope.
func (t *Identities) Scope(r *Resource, s *instrumentation.Scope) *Scope {
	key := scopeKey{s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
	known, hit := r.scopes[key]
	set := plain(s.Attributes)
	if hit && known.set == set {
		return known
	}
	id := &Scope{set: Own(set), metrics: map[MetricKey]*wire.Metric{}}
	id.Wire = wire.Scope{
		Resource:   &r.Wire,
		Name:       t.symbol(s.Name),
		Version:    t.symbol(s.Version),
		SchemaURL:  t.symbol(s.SchemaURL),
		Attributes: &wire.AttributeSet{},
	}
	id.Invalid = !t.set(id.Wire.Attributes, set)
	if !hit {
		r.scopes[key] = id
		t.made()
	}
	return id
}

// Metric returns the identity of the metric that is at position i of its scope.
func (t *Identities) Metric(s *Scope, i int, key *MetricKey) *wire.Metric {
	if i < len(s.order) && matches(s.order[i], key) {
		return s.order[i]
	}
	known := t.MetricOf(s, *key)
	if i < len(s.order) {
		s.order[i] = known
	} else if i == len(s.order) {
		s.order = append(s.order, known)
	}
	return known
}

// MetricOf returns the identity of the metric that key describes.
func (t *Identities) MetricOf(s *Scope, key MetricKey) *wire.Metric {
	if known, ok := s.metrics[key]; ok {
		return known
	}
	m := &wire.Metric{
		Scope:       &s.Wire,
		Name:        t.symbol(key.Name),
		Unit:        t.symbol(key.Unit),
		Description: t.symbol(key.Description),
		Kind:        key.Kind, Integer: key.Integer, Monotonic: key.Monotonic, Delta: key.Delta,
	}
	s.metrics[key] = m
	t.made()
	return m
}

func matches(m *wire.Metric, k *MetricKey) bool {
	return m.Kind == k.Kind && m.Integer == k.Integer && m.Monotonic == k.Monotonic && m.Delta == k.Delta &&
		m.Name.Text() == k.Name && m.Unit.Text() == k.Unit && m.Description.Text() == k.Description
}
