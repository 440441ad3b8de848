// Package build makes metricdata of decoded packets. It remembers, within a limit of
// memory, the names, attribute sets and resources that packets have in common.
package build

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// Builder makes metricdata of packets. It makes attribute sets and resources that packets
// have in common only once.
//
// What it makes of one packet shares memory: all data points of one type stand in one array,
// and so do all metrics. Each metric has its part of the array and no room behind it, so a
// handler that appends to one does not write into the next. A handler that keeps one point
// keeps the arrays of one packet, and of no other.
type Builder struct {
	cache cache
	// Scratch of distinct, sorted and group.
	seen   map[int]bool
	list   []int
	keys   []keyAt
	places []place // of the packet's scopes, by index
	// arrays is shared by all builders of the process. overflow is set when a packet would
	// need more types of arrays.
	arrays   *arrays
	overflow bool

	sets    []*knownSet // of the packet, by index
	points  points
	bounds  []float64 // the list of the packet that was copied last
	boundAt *float64  // where that list stands in the decoder
	counts  []uint64  // memory for counts that is not used yet
	left    int       // points of the packet after the one at hand
	unit    string    // of the metric before
	// The start time and the time of the point before.
	start, time instant
}

// instant is a time in both forms.
type instant struct {
	nanos int64
	time  time.Time
}

// at returns the time that is ns.
func (i *instant) at(ns int64) time.Time {
	if i.nanos != ns {
		i.nanos, i.time = ns, unixTime(ns)
	}
	return i.time
}

// place is where a scope stands in the data being built.
type place struct {
	resource, scope int
	metrics         int
	taken           bool
}

// New returns a Builder that remembers names, sets and resources in at most cacheSize bytes.
func New(cacheSize int) *Builder {
	return &Builder{
		cache: newCache(cacheSize), arrays: &processArrays, seen: map[int]bool{},
		start: instant{0, unixTime(0)}, time: instant{0, unixTime(0)},
	}
}

// Build returns the points of the packet to which d was reset, grouped by resource, scope
// and metric. It returns false if the packet's data cannot be made in bounded memory.
func (b *Builder) Build(d *wire.Decoder) (data []*metricdata.ResourceMetrics, ok bool) {
	b.overflow = false
	defer b.release()
	b.cache.begin(d.Dictionary())
	sets := d.AttributeSets()
	for i := range sets {
		b.sets = append(b.sets, b.set(&sets[i]))
	}
	metrics := d.Metrics()
	b.points.reset(metrics)
	header := d.Header()
	b.left = int(header.Points)
	for d.Next() {
		b.add(d.Point())
	}
	data = b.group(metrics)
	return data, !b.overflow
}

// release forgets what the packet unfolded to. That belongs to the handler now.
func (b *Builder) release() {
	clear(b.sets)
	clear(b.seen)
	b.sets, b.points.slabs = b.sets[:0], slabs{}
	b.bounds, b.boundAt, b.counts, b.unit = nil, nil, nil, ""
	b.cache.end()
}

// group puts the metrics of a packet under their scopes and resources.
func (b *Builder) group(metrics []wire.MetricView) []*metricdata.ResourceMetrics {
	var out []*metricdata.ResourceMetrics
	b.countMetrics(metrics)
	rest := make([]metricdata.Metrics, len(metrics))
	for i := range metrics {
		m := &metrics[i]
		at := &b.places[m.Scope.Index]
		if !at.taken {
			at.taken = true
			r := m.Scope.Resource.Index
			if r == len(out) { // resources are numbered as they come
				out = addResource(out, b.resource(m.Scope.Resource))
			}
			at.resource, at.scope = r, len(out[r].ScopeMetrics)
			out[r].ScopeMetrics = append(out[r].ScopeMetrics, metricdata.ScopeMetrics{
				Scope: b.scope(m.Scope), Metrics: rest[:0:at.metrics],
			})
			rest = rest[at.metrics:]
		}
		sm := &out[at.resource].ScopeMetrics[at.scope]
		sm.Metrics = append(sm.Metrics, metricdata.Metrics{
			Name: b.cache.name(m.Name), Description: b.cache.name(m.Description), Unit: b.unitOf(m), Data: b.points.data(i, m),
		})
	}
	return out
}

// addResource adds data of a resource, which has room for one scope. A packet seldom has
// more of either.
func addResource(out []*metricdata.ResourceMetrics, r *resource.Resource) []*metricdata.ResourceMetrics {
	one := &struct {
		out    [1]*metricdata.ResourceMetrics
		data   metricdata.ResourceMetrics
		scopes [1]metricdata.ScopeMetrics
	}{}
	one.data.Resource, one.data.ScopeMetrics = r, one.scopes[:0]
	if out == nil {
		out = one.out[:0]
	}
	return append(out, &one.data)
}

// countMetrics makes a place for each scope, with the number of its metrics.
func (b *Builder) countMetrics(metrics []wire.MetricView) {
	b.places = b.places[:0]
	for i := range metrics {
		n := metrics[i].Scope.Index
		if n == len(b.places) { // scopes are numbered as they come
			b.places = append(b.places, place{})
		}
		b.places[n].metrics++
	}
}

// unitOf returns the unit of a metric, which is often that of the metric before.
func (b *Builder) unitOf(m *wire.MetricView) string {
	if b.unit != string(m.Unit) {
		b.unit = b.cache.name(m.Unit)
	}
	return b.unit
}

func (b *Builder) scope(s *wire.ScopeView) instrumentation.Scope {
	scope := instrumentation.Scope{Name: b.cache.name(s.Name), Version: b.cache.name(s.Version), SchemaURL: b.cache.name(s.SchemaURL)}
	if s.Attributes.Len() > 0 {
		scope.Attributes = b.sets[s.Attributes.Index].set // without attributes the scope stays equal to a Scope literal
	}
	return scope
}

// resource returns the resource of a view. A set that is remembered remembers the last
// resource that was made of it.
func (b *Builder) resource(v *wire.ResourceView) *resource.Resource {
	known := b.sets[v.Attributes.Index]
	if r := known.resource; r != nil && r.SchemaURL() == string(v.SchemaURL) {
		return r
	}
	r := resource.NewWithAttributes(string(v.SchemaURL), known.set.ToSlice()...)
	if n := 2*len(v.SchemaURL) + cost(v.Attributes); n <= maxRemembered && b.cache.holds(known) && b.cache.makeRoom(max(0, n-known.charged)) && b.cache.holds(known) {
		known.resource, known.charged = r, max(n, known.charged)
	}
	return r
}

// set returns the attribute set of a view.
func (b *Builder) set(v *wire.AttributesView) *knownSet {
	if v.Len() == 0 {
		return &b.cache.empty
	}
	if known := b.cache.find(v); known != nil {
		return known
	}
	ordered := inOrder(v)
	kvs := make([]attribute.KeyValue, 0, v.Len())
	if ordered {
		for i := range v.Len() {
			kvs = append(kvs, b.keyValue(v, i))
		}
	} else {
		for _, i := range b.distinct(v) {
			kvs = append(kvs, b.keyValue(v, i))
		}
	}
	if !ordered {
		kvs = b.sorted(kvs)
	}
	s := &knownSet{set: attribute.NewSet(kvs...)}
	if !b.overflow {
		b.cache.remember(v, s)
	}
	return s
}

// keyValue returns an attribute of a packet as OpenTelemetry's. Strings of the dictionary
// become strings only once a packet.
func (b *Builder) keyValue(v *wire.AttributesView, i int) attribute.KeyValue {
	kind, key, value := v.Numbers(i)
	out := attribute.KeyValue{Key: attribute.Key(b.cache.text(key))}
	if kind == wire.StringValue {
		out.Value = attribute.StringValue(b.cache.text(value))
	} else {
		out.Value = b.value(v.Value(i))
	}
	return out
}
