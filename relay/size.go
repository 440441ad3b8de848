package relay

import (
	"reflect"
	"sync"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	// itemSize is what the relay needs for the data of one call of Handle, in bytes: a
	// place in the queue, the structs of the data, and later the request that is made of
	// it.
	itemSize = 256
	// resourceSize is the size of a resource without its attributes, in bytes.
	resourceSize = 64
	// longText is the length, in bytes, from which on a text that occurs several times
	// counts once. The receiver makes such texts once a packet.
	longText = 64
	// keptPlaces is how many entries of counted an unused sizer may keep.
	keptPlaces = 1024
)

var (
	scopeMetricsSize = sizeOf[metricdata.ScopeMetrics]()
	metricsSize      = sizeOf[metricdata.Metrics]()
	keyValueSize     = sizeOf[attribute.KeyValue]()
)

func sizeOf[T any]() int64 { return int64(reflect.TypeFor[T]().Size()) }

// sizer estimates how much memory data takes, in bytes. What the data has several times,
// such as a set that many points have or a long text, it counts once.
type sizer struct {
	bytes int64
	// counted holds the addresses of the sets and the long texts that were counted, with
	// the sizes counted. It tells them apart by address, not by content. That takes the
	// same time however large they are, and a stranger cannot make two that are taken for
	// one.
	counted map[unsafe.Pointer]int64
	bounds  []float64 // the bounds that were counted last
}

var sizers = sync.Pool{New: func() any { return &sizer{counted: map[unsafe.Pointer]int64{}} }}

// sizeOfData returns about how much memory rm takes, in bytes.
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
	if len(s.counted) <= keptPlaces {
		clear(s.counted)
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

// allocated returns what an allocation of n bytes takes: small allocations come in steps of
// 16 bytes.
func allocated(n int64) int64 { return (n + 15) &^ 15 }

// text counts a text, unless it is long and was counted before.
func (s *sizer) text(t string) {
	size := allocated(int64(len(t)))
	if len(t) < longText {
		s.bytes += size
	} else {
		s.once(unsafe.Pointer(unsafe.StringData(t)), size)
	}
}

// once counts what is at an address, or the part of it that exceeds what was counted there
// before. It reports whether it counted anything.
func (s *sizer) once(place unsafe.Pointer, size int64) bool {
	before := s.counted[place]
	if size <= before {
		return false
	}
	s.bytes += size - before
	s.counted[place] = size
	return true
}

// set counts a set unless it was counted before.
func (s *sizer) set(set *attribute.Set) {
	kvs, shared := attributesOf(set)
	if len(kvs) == 0 {
		return
	}
	size := int64(len(kvs)) * keyValueSize
	if !shared {
		s.bytes += size
	} else if !s.once(unsafe.Pointer(&kvs[0]), size) {
		return
	}
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
		s.referred(reflect.ValueOf(kv.Value))
	}
}

// referred counts what v refers to, without making a copy: the API gives only copies of
// lists and maps.
func (s *sizer) referred(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		s.text(v.String())
	case reflect.Interface:
		if !v.IsNil() {
			s.bytes += allocated(int64(v.Elem().Type().Size()))
			s.referred(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.referred(v.Field(i))
		}
	case reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.String, reflect.Struct:
			for i := range v.Len() {
				s.referred(v.Index(i))
			}
		}
	}
}

// boundaries counts the bounds of a histogram, unless the point before had the same list.
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
