package relay

import (
	"reflect"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	// itemSize is what the relay itself needs for what Handle is given at once: a place
	// in the queue, the data's own structs, and later the request made of it.
	itemSize = 256
	// resourceSize is a resource without its attributes.
	resourceSize = 64
	// keptSets is how many sets a sizer has places for while it is not used.
	keptSets = 1024
)

var (
	scopeMetricsSize = sizeOf[metricdata.ScopeMetrics]()
	metricsSize      = sizeOf[metricdata.Metrics]()
	keyValueSize     = sizeOf[attribute.KeyValue]()
)

func sizeOf[T any]() int64 { return int64(reflect.TypeFor[T]().Size()) }

// sizer estimates how much memory data takes, in bytes. What the data has several times,
// such as a set that many points have, it counts once.
type sizer struct {
	bytes int64
	// sets are the first attributes of those that were counted. They are told apart by
	// where they are, not by what they have: that takes the same time however large a set
	// is, and a stranger cannot make two that are taken for one.
	sets   map[*attribute.KeyValue]struct{}
	bounds []float64 // those counted last
}

var sizers = sync.Pool{New: func() any { return &sizer{sets: map[*attribute.KeyValue]struct{}{}} }}

// sizeOfData returns about how many bytes of memory rm takes.
func sizeOfData(rm *metricdata.ResourceMetrics) int64 {
	s := sizers.Get().(*sizer)
	s.bytes = itemSize
	s.resource(rm.Resource)
	s.bytes += int64(cap(rm.ScopeMetrics)) * scopeMetricsSize
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		s.scope(&sm.Scope)
		s.bytes += int64(cap(sm.Metrics)) * metricsSize
		for k := range sm.Metrics {
			s.metric(&sm.Metrics[k])
		}
	}
	bytes := s.bytes
	s.bounds = nil
	if len(s.sets) <= keptSets {
		clear(s.sets)
		sizers.Put(s)
	}
	return bytes
}

func (s *sizer) resource(r *resource.Resource) {
	if r != nil {
		s.bytes += resourceSize
		s.text(r.SchemaURL())
		s.set(r.Set())
	}
}

func (s *sizer) scope(scope *instrumentation.Scope) {
	s.text(scope.Name)
	s.text(scope.Version)
	s.text(scope.SchemaURL)
	s.set(&scope.Attributes)
}

func (s *sizer) metric(m *metricdata.Metrics) {
	s.text(m.Name)
	s.text(m.Description)
	s.text(m.Unit)
	if kind, _, _, ok := kindOf(m.Data); ok {
		kinds[kind].size(s, m.Data)
	}
}

// allocated returns what an allocation of n bytes takes: the small ones are in steps of
// 16 bytes.
func allocated(n int64) int64 { return (n + 15) &^ 15 }

func (s *sizer) text(t string) { s.bytes += allocated(int64(len(t))) }

// set counts a set unless it was counted before.
func (s *sizer) set(set *attribute.Set) {
	kvs, shared := attributesOf(set)
	if len(kvs) == 0 {
		return
	}
	if shared {
		if _, counted := s.sets[&kvs[0]]; counted {
			return
		}
		s.sets[&kvs[0]] = struct{}{}
	}
	s.bytes += int64(len(kvs)) * keyValueSize
	for i := range kvs {
		s.keyValue(&kvs[i])
	}
}

// keyValue counts what an attribute refers to.
func (s *sizer) keyValue(kv *attribute.KeyValue) {
	s.text(string(kv.Key))
	switch kv.Value.Type() {
	case attribute.EMPTY, attribute.BOOL, attribute.INT64, attribute.FLOAT64:
	case attribute.STRING:
		s.text(kv.Value.AsString())
	default:
		s.bytes += referred(reflect.ValueOf(kv.Value))
	}
}

// referred returns what v refers to, without a copy of it: the API has only copies of
// lists and maps.
func referred(v reflect.Value) (bytes int64) {
	switch v.Kind() {
	case reflect.String:
		return allocated(int64(v.Len()))
	case reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return allocated(int64(v.Elem().Type().Size())) + referred(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			bytes += referred(v.Field(i))
		}
	case reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.String, reflect.Struct:
			for i := range v.Len() {
				bytes += referred(v.Index(i))
			}
		}
	}
	return bytes
}

// boundaries counts the bounds of a histogram unless the point before had the same list.
func (s *sizer) boundaries(bounds []float64) {
	if len(bounds) > 0 && len(s.bounds) > 0 && &bounds[0] == &s.bounds[0] && cap(bounds) <= cap(s.bounds) {
		return
	}
	s.bounds = bounds
	s.bytes += allocated(int64(cap(bounds)) * 8)
}

func (s *sizer) counts(counts []uint64) { s.bytes += allocated(int64(cap(counts)) * 8) }

func exemplars[N int64 | float64](s *sizer, list []metricdata.Exemplar[N]) {
	if cap(list) == 0 {
		return
	}
	s.bytes += int64(cap(list)) * sizeOf[metricdata.Exemplar[N]]()
	for i := range list {
		e := &list[i]
		s.bytes += int64(cap(e.FilteredAttributes))*keyValueSize + allocated(int64(cap(e.SpanID))) + allocated(int64(cap(e.TraceID)))
		for k := range e.FilteredAttributes {
			s.keyValue(&e.FilteredAttributes[k])
		}
	}
}
