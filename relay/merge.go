package relay

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// part is what a batch has for one resource.
type part struct {
	data   *metricdata.ResourceMetrics
	points int
	bytes  int64 // as counted in the queue
	batch  *batch
}

// strip takes out of rm what has no points, and returns how many points there are. So what
// waits in the queue is in proportion to the points, whatever a packet defines.
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

// fitted returns kept, in an array of its own if the array of kept held more.
func fitted[T any](kept []T, held int) []T {
	if len(kept) == held {
		return kept
	}
	return slices.Clone(kept)
}

// merge returns one part for each resource of the items, in the order in which the
// resources first came. A part has one entry for each scope and metric. The points of a
// metric are in the order in which they came.
func merge(items []item) []part {
	m := merger{resources: map[resourceKey]*resourceParts{}, scopes: map[scopeKey]*scopeParts{}, metrics: map[metricKey]*metricParts{}}
	for _, it := range items {
		r := m.resource(it.data.Resource)
		r.bytes += it.bytes
		for i := range it.data.ScopeMetrics {
			s := m.scope(r, &it.data.ScopeMetrics[i].Scope)
			for _, metrics := range it.data.ScopeMetrics[i].Metrics {
				m.add(s, &metrics)
			}
		}
	}
	parts := make([]part, 0, len(m.all))
	for _, r := range m.all {
		parts = append(parts, r.part())
	}
	return parts
}

// merger collects the resources of a batch. It finds sets of attributes by their hash and
// then compares them, since a stranger can make two sets with one hash.
type merger struct {
	all       []*resourceParts
	resources map[resourceKey]*resourceParts
	scopes    map[scopeKey]*scopeParts
	metrics   map[metricKey]*metricParts
}

type resourceKey struct {
	schemaURL  string
	attributes attribute.Distinct
}

// resourceParts are the scopes of a resource.
type resourceParts struct {
	resource *resource.Resource
	scopes   []*scopeParts
	bytes    int64
}

type scopeKey struct {
	resource                 *resourceParts
	name, version, schemaURL string
	attributes               attribute.Distinct
}

// scopeParts are the metrics of a scope.
type scopeParts struct {
	scope   instrumentation.Scope
	metrics []*metricParts
}

type metricKey struct {
	scope                   *scopeParts
	name, description, unit string
	kind                    int
	traits                  traits
}

// metricParts are the data of all entries of one metric.
type metricParts struct {
	key  metricKey
	data []metricdata.Aggregation
}

func (m *merger) resource(r *resource.Resource) *resourceParts {
	key := resourceKey{r.SchemaURL(), r.Equivalent()}
	found := m.resources[key]
	if found == nil || !same(found.resource, r) {
		found = &resourceParts{resource: r}
		m.resources[key] = found
		m.all = append(m.all, found)
	}
	return found
}

// same reports whether two resources are equal.
func same(a, b *resource.Resource) bool {
	return a == b || a.SchemaURL() == b.SchemaURL() && a.Set().Equals(b.Set())
}

func (m *merger) scope(r *resourceParts, s *instrumentation.Scope) *scopeParts {
	key := scopeKey{r, s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
	found := m.scopes[key]
	if found == nil || !found.scope.Attributes.Equals(&s.Attributes) {
		found = &scopeParts{scope: *s}
		m.scopes[key] = found
		r.scopes = append(r.scopes, found)
	}
	return found
}

func (m *merger) add(s *scopeParts, metrics *metricdata.Metrics) {
	kind, _, traits, _ := kindOf(metrics.Data)
	key := metricKey{s, metrics.Name, metrics.Description, metrics.Unit, kind, traits}
	found := m.metrics[key]
	if found == nil {
		found = &metricParts{key: key}
		m.metrics[key] = found
		s.metrics = append(s.metrics, found)
	}
	found.data = append(found.data, metrics.Data)
}

// part joins the scopes and metrics of a resource into one part.
func (r *resourceParts) part() part {
	p := part{bytes: r.bytes, data: &metricdata.ResourceMetrics{Resource: r.resource, ScopeMetrics: make([]metricdata.ScopeMetrics, 0, len(r.scopes))}}
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
