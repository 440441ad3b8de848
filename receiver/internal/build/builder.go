// Package build makes metricdata of decoded packets. It remembers, within a limit of
// memory, the attribute sets and resources that packets have in common.
package build

import (
	"bytes"
	"cmp"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// maxRemembered is the largest set worth remembering, in bytes of memory.
const maxRemembered = 16 << 10

const (
	// setCost is what a set, a resource, or an entry of the cache takes in memory besides
	// its attributes and text, in bytes.
	setCost = 256
	// attributeCost is what an attribute takes in memory besides its text. elementCost is
	// the most that each byte of a payload takes: an element of a map has two bytes in a
	// packet and 64 here.
	attributeCost = 72
	elementCost   = 48
)

// Builder makes metricdata of packets. It makes attribute sets and resources that packets
// have in common only once.
type Builder struct {
	known     map[string]attribute.Set
	resources map[string]*resource.Resource
	cached    int // bytes of memory of known and resources
	cacheSize int // the most that cached may be
	key       []byte
	keys      []keyAt // scratch of sorted
	// For distinct and text, by where a text stands in the packet.
	seen  map[*byte]bool
	list  []wire.KeyValue
	texts map[*byte]string
	// arrays is shared by all builders of the process. overflow is set when a packet would
	// need more types of arrays.
	arrays   *arrays
	overflow bool

	sets    []attribute.Set // of the packet, by index
	series  []series        // of the packet, by the index of the metric
	bounds  []float64       // the list of the packet that was copied last
	boundAt *float64        // where that list stands in the decoder
	places  []place         // of the packet's scopes, by index
}

// place is where a scope stands in the data being built.
type place struct {
	resource, scope int
	metrics         int
	taken           bool
}

// New returns a Builder that remembers sets and resources in at most cacheSize bytes.
func New(cacheSize int) *Builder {
	return &Builder{
		known: map[string]attribute.Set{}, resources: map[string]*resource.Resource{}, cacheSize: cacheSize, arrays: &processArrays,
		seen: map[*byte]bool{}, texts: map[*byte]string{},
	}
}

// Build returns the points of the packet to which d was reset, grouped by resource, scope
// and metric. It returns false if the packet's data cannot be made in bounded memory.
func (b *Builder) Build(d *wire.Decoder) (data []*metricdata.ResourceMetrics, ok bool) {
	b.overflow = false
	defer func() {
		// What the packet unfolded to belongs to the handler now.
		clear(b.sets)
		clear(b.series)
		clear(b.seen)
		clear(b.list)
		clear(b.texts)
		b.bounds, b.boundAt = nil, nil
	}()
	b.sets = b.sets[:0]
	for i := range d.AttributeSets() {
		b.sets = append(b.sets, b.set(&d.AttributeSets()[i]))
	}
	b.series = b.series[:0]
	for i := range d.Metrics() {
		b.series = append(b.series, newSeries(&d.Metrics()[i]))
	}
	for d.Next() {
		p := d.Point()
		b.series[p.Metric.Index].add(b, p)
	}
	data = b.group(d.Metrics())
	return data, !b.overflow
}

// group puts the metrics of a packet under their scopes and resources.
func (b *Builder) group(metrics []wire.MetricView) []*metricdata.ResourceMetrics {
	var out []*metricdata.ResourceMetrics
	b.countMetrics(metrics)
	for i := range metrics {
		m := &metrics[i]
		at := &b.places[m.Scope.Index]
		if !at.taken {
			at.taken = true
			r := m.Scope.Resource.Index
			if r == len(out) { // resources are numbered as they come
				out = append(out, &metricdata.ResourceMetrics{Resource: b.resource(m.Scope.Resource)})
			}
			at.resource, at.scope = r, len(out[r].ScopeMetrics)
			out[r].ScopeMetrics = append(out[r].ScopeMetrics, metricdata.ScopeMetrics{
				Scope: b.scope(m.Scope), Metrics: make([]metricdata.Metrics, 0, at.metrics),
			})
		}
		sm := &out[at.resource].ScopeMetrics[at.scope]
		sm.Metrics = append(sm.Metrics, metricdata.Metrics{
			Name: string(m.Name), Description: string(m.Description), Unit: string(m.Unit),
			Data: b.series[i].data(),
		})
	}
	return out
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

func (b *Builder) scope(s *wire.ScopeView) instrumentation.Scope {
	scope := instrumentation.Scope{Name: string(s.Name), Version: string(s.Version), SchemaURL: string(s.SchemaURL)}
	if set := b.sets[s.Attributes.Index]; set.Len() > 0 {
		scope.Attributes = set // without attributes the scope stays equal to a Scope literal
	}
	return scope
}

func (b *Builder) resource(v *wire.ResourceView) *resource.Resource {
	n := 2*len(v.SchemaURL) + cost(v.Attributes)
	remembered := n <= maxRemembered // no key is made for a larger resource
	if remembered {
		b.key = v.Attributes.AppendKey(wire.AppendText(b.key[:0], v.SchemaURL))
		if r, ok := b.resources[string(b.key)]; ok {
			return r
		}
	}
	set := b.sets[v.Attributes.Index]
	r := resource.NewWithAttributes(string(v.SchemaURL), set.ToSlice()...)
	if remembered && b.makeRoom(n) {
		b.resources[string(b.key)] = r
	}
	return r
}

// set returns the attribute set of a view.
func (b *Builder) set(v *wire.AttributesView) attribute.Set {
	if len(v.All) == 0 {
		return *attribute.EmptySet()
	}
	n := cost(v)
	remembered := n <= maxRemembered
	if remembered {
		b.key = v.AppendKey(b.key[:0])
		if s, ok := b.known[string(b.key)]; ok {
			return s
		}
	}
	list, ordered := v.All, inOrder(v.All)
	if !ordered {
		list = b.distinct(list)
	}
	kvs := make([]attribute.KeyValue, 0, len(list))
	for _, kv := range list {
		kvs = append(kvs, attribute.KeyValue{Key: attribute.Key(b.text(kv.Key)), Value: b.value(kv.Value)})
	}
	if !ordered {
		kvs = b.sorted(kvs)
	}
	s := attribute.NewSet(kvs...)
	if remembered && b.makeRoom(n) {
		b.known[string(b.key)] = s
	}
	return s
}

// cost returns about what a set takes in memory, its key included, in bytes. Since a small
// packet may unfold to large sets, neither their number nor the length of their keys says
// how much that is.
func cost(v *wire.AttributesView) int {
	n := setCost
	for _, kv := range v.All {
		n += attributeCost + 2*len(kv.Key)
		switch payload := len(kv.Value.Payload()); kv.Value.Type {
		case wire.StringValue, wire.BytesValue:
			n += 2 * payload
		default:
			n += (1 + elementCost) * payload
		}
	}
	return n
}

// makeRoom makes room in the cache for an entry of that cost, and reports whether there is
// room. When the cache is full, all of it is forgotten and learned again.
func (b *Builder) makeRoom(cost int) bool {
	if b.overflow || cost > b.cacheSize {
		return false
	}
	if b.cached += cost; b.cached > b.cacheSize {
		clear(b.known)
		clear(b.resources)
		b.cached = cost
	}
	return true
}

// value returns a packet's attribute value as OpenTelemetry's.
func (b *Builder) value(v wire.Value) attribute.Value {
	if e := v.Elements(); !b.allows(arrayOf(v.Type), e.Len()) {
		return attribute.Value{}
	}
	switch v.Type {
	case wire.BoolValue:
		return attribute.BoolValue(v.Bool())
	case wire.Int64Value:
		return attribute.Int64Value(v.Int64())
	case wire.Float64Value:
		return attribute.Float64Value(v.Float64())
	case wire.StringValue:
		return attribute.StringValue(b.text(v.Text()))
	case wire.BytesValue:
		return attribute.ByteSliceValue(v.Text())
	case wire.BoolSliceValue:
		return attribute.BoolSliceValue(elements(v, wire.Value.Bool))
	case wire.Int64SliceValue:
		return attribute.Int64SliceValue(elements(v, wire.Value.Int64))
	case wire.Float64SliceValue:
		return attribute.Float64SliceValue(elements(v, wire.Value.Float64))
	case wire.StringSliceValue:
		return attribute.StringSliceValue(elements(v, func(e wire.Value) string { return string(e.Text()) }))
	case wire.SliceValue:
		return attribute.SliceValue(elements(v, b.value)...)
	case wire.MapValue:
		return attribute.MapValue(b.sorted(b.keyValues(v.Elements()))...)
	}
	return attribute.Value{}
}

// inOrder reports whether each key is greater than the one before, as is usual.
func inOrder(list []wire.KeyValue) bool {
	for i := 1; i < len(list); i++ {
		if bytes.Compare(list[i-1].Key, list[i].Key) >= 0 {
			return false
		}
	}
	return true
}

// distinct leaves out an attribute if the packet refers to the same key again further on:
// the last attribute counts.
func (b *Builder) distinct(list []wire.KeyValue) []wire.KeyValue {
	clear(b.seen)
	b.list = b.list[:0]
	for _, kv := range slices.Backward(list) {
		if at := startOf(kv.Key); !b.seen[at] {
			b.seen[at] = true
			b.list = append(b.list, kv)
		}
	}
	slices.Reverse(b.list)
	return b.list
}

// startOf returns where a text of a packet begins, or nil for an empty text.
func startOf(text []byte) *byte {
	if len(text) == 0 {
		return nil
	}
	return &text[0]
}

// longText is the length, in bytes, from which on a text becomes a string once a packet,
// however often the packet refers to it.
const longText = 64

// text returns a text of a packet as a string.
func (b *Builder) text(text []byte) string {
	if len(text) < longText {
		return string(text)
	}
	s, ok := b.texts[startOf(text)]
	if !ok || len(s) != len(text) {
		s = string(text)
		b.texts[startOf(text)] = s
	}
	return s
}

// keyAt is where a key stands in a list of attributes.
type keyAt struct {
	key attribute.Key
	at  int
}

// sorted returns the attributes in the order of their keys, and keeps the order of equal
// keys. OpenTelemetry's own sort takes three times as long if the keys are in no order.
func (b *Builder) sorted(kvs []attribute.KeyValue) []attribute.KeyValue {
	if slices.IsSortedFunc(kvs, func(x, y attribute.KeyValue) int { return cmp.Compare(x.Key, y.Key) }) {
		return kvs
	}
	b.keys = b.keys[:0]
	for i := range kvs {
		b.keys = append(b.keys, keyAt{kvs[i].Key, i})
	}
	slices.SortFunc(b.keys, func(x, y keyAt) int {
		if n := cmp.Compare(x.key, y.key); n != 0 {
			return n
		}
		return x.at - y.at
	})
	out := make([]attribute.KeyValue, len(kvs))
	for i, k := range b.keys {
		out[i] = kvs[k.at]
	}
	clear(b.keys)
	return out
}

func elements[T any](v wire.Value, of func(wire.Value) T) []T {
	e := v.Elements()
	out := make([]T, 0, e.Len())
	for e.Next() {
		out = append(out, of(e.Value))
	}
	return out
}

func (b *Builder) keyValues(e wire.Elements) []attribute.KeyValue {
	if e.Len() == 0 {
		return nil
	}
	out := make([]attribute.KeyValue, 0, e.Len())
	for e.Next() {
		out = append(out, attribute.KeyValue{Key: attribute.Key(e.Key), Value: b.value(e.Value)})
	}
	return out
}
