package relay

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// part is what a batch has for one resource: one call of Export.
type part struct {
	data   *metricdata.ResourceMetrics
	points int
}

// strip takes out of rm what has no points and returns how many points there are. What
// waits in the queue is then in proportion to them, whatever a packet defines.
func strip(rm *metricdata.ResourceMetrics) (points int) {
	scopes := rm.ScopeMetrics[:0]
	for _, sm := range rm.ScopeMetrics {
		metrics := sm.Metrics[:0]
		for _, m := range sm.Metrics {
			if _, n, _, _ := kindOf(m.Data); n > 0 {
				points += n
				metrics = append(metrics, m)
			}
		}
		if sm.Metrics = fitted(metrics, len(sm.Metrics)); len(sm.Metrics) > 0 {
			scopes = append(scopes, sm)
		}
	}
	rm.ScopeMetrics = fitted(scopes, len(rm.ScopeMetrics))
	return points
}

// fitted returns kept in an array of its own if the one it is in held more.
func fitted[T any](kept []T, held int) []T {
	if len(kept) == held {
		return kept
	}
	return slices.Clone(kept)
}

// merge returns one part for each resource of the data, in the order in which they came
// first, and in each one entry for each scope and metric. The points of a metric are in
// the order in which they came.
func merge(data []*metricdata.ResourceMetrics) []part {
	m := merger{known: map[resourceKey]*resourceParts{}}
	for _, rm := range data {
		r := m.resource(rm.Resource)
		for i := range rm.ScopeMetrics {
			s := r.scope(rm.ScopeMetrics[i].Scope)
			for _, metrics := range rm.ScopeMetrics[i].Metrics {
				s.add(metrics)
			}
		}
	}
	parts := make([]part, 0, len(m.resources))
	for _, r := range m.resources {
		parts = append(parts, r.part())
	}
	return parts
}

// merger has the resources of a batch. Sets of attributes are found by their hash and
// then compared: a stranger can make two that have the same.
type merger struct {
	resources []*resourceParts
	known     map[resourceKey]*resourceParts
}

type resourceKey struct {
	schemaURL  string
	attributes attribute.Distinct
}

// resourceParts are the scopes of a resource.
type resourceParts struct {
	resource *resource.Resource
	scopes   []*scopeParts
	known    map[scopeKey]*scopeParts
}

type scopeKey struct {
	name, version, schemaURL string
	attributes               attribute.Distinct
}

// scopeParts are the metrics of a scope.
type scopeParts struct {
	scope   instrumentation.Scope
	metrics []*metricParts
	known   map[metricKey]*metricParts
}

type metricKey struct {
	name, description, unit string
	kind                    int
	traits                  traits
}

// metricParts are the data of metrics that are the same.
type metricParts struct {
	key  metricKey
	data []metricdata.Aggregation
}

func (m *merger) resource(r *resource.Resource) *resourceParts {
	key := resourceKey{r.SchemaURL(), r.Equivalent()}
	found := m.known[key]
	if found == nil || found.resource != r && !found.resource.Set().Equals(r.Set()) {
		found = &resourceParts{resource: r, known: map[scopeKey]*scopeParts{}}
		m.known[key] = found
		m.resources = append(m.resources, found)
	}
	return found
}

func (r *resourceParts) scope(s instrumentation.Scope) *scopeParts {
	key := scopeKey{s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
	found := r.known[key]
	if found == nil || !found.scope.Attributes.Equals(&s.Attributes) {
		found = &scopeParts{scope: s, known: map[metricKey]*metricParts{}}
		r.known[key] = found
		r.scopes = append(r.scopes, found)
	}
	return found
}

func (s *scopeParts) add(m metricdata.Metrics) {
	kind, _, traits, _ := kindOf(m.Data)
	key := metricKey{m.Name, m.Description, m.Unit, kind, traits}
	found := s.known[key]
	if found == nil {
		found = &metricParts{key: key}
		s.known[key] = found
		s.metrics = append(s.metrics, found)
	}
	found.data = append(found.data, m.Data)
}

// part joins what was found.
func (r *resourceParts) part() part {
	p := part{data: &metricdata.ResourceMetrics{Resource: r.resource, ScopeMetrics: make([]metricdata.ScopeMetrics, 0, len(r.scopes))}}
	for _, s := range r.scopes {
		sm := metricdata.ScopeMetrics{Scope: s.scope, Metrics: make([]metricdata.Metrics, 0, len(s.metrics))}
		for _, m := range s.metrics {
			data := kinds[m.key.kind].join(m.data)
			_, points, _, _ := kindOf(data)
			p.points += points
			sm.Metrics = append(sm.Metrics, metricdata.Metrics{
				Name: m.key.name, Description: m.key.description, Unit: m.key.unit, Data: data,
			})
		}
		p.data.ScopeMetrics = append(p.data.ScopeMetrics, sm)
	}
	return p
}
