package wire

import "github.com/otelgram/otelgram/wire/internal/number"

// Kind is the aggregation that a metric's points carry.
type Kind uint8

// The kinds of metrics. They are part of the wire format.
const (
	Gauge Kind = 1 + iota
	Sum
	Histogram
	ExponentialHistogram
	Summary
)

// The flags byte of a metric's definition.
const (
	flagKind      = 0x07
	flagInteger   = 0x08
	flagMonotonic = 0x10
	flagDelta     = 0x20
)

// Resource is an interned resource. It belongs to one Packer.
type Resource struct {
	SchemaURL  *Symbol
	Attributes *AttributeSet
	place      place
}

// EncodedLen returns how many bytes of a packet the resource takes, with each string once.
// It is not for hot paths.
func (r *Resource) EncodedLen() int {
	known := map[string]bool{"": true}
	return 1 + symbolBytes(r.SchemaURL, known) + r.Attributes.encodedLen(known)
}

// Scope is an interned instrumentation scope. It belongs to one Packer.
type Scope struct {
	Resource                 *Resource
	Name, Version, SchemaURL *Symbol
	Attributes               *AttributeSet
	place                    place
}

// Metric is an interned metric identity. It belongs to one Packer.
type Metric struct {
	Scope                   *Scope
	Name, Unit, Description *Symbol
	Kind                    Kind
	Integer                 bool // values are int64, else float64; a Summary's are float64
	Monotonic               bool // of a Sum
	Delta                   bool // temporality of a Sum, Histogram or ExponentialHistogram; else cumulative
	place                   place

	// bounds is the last list of bucket bounds, since the points of one metric usually
	// share it.
	bounds      []float64
	boundsPlace place
}

// Mark returns what SetMark has set, or 0 if it was not called.
func (m *Metric) Mark() uint64 { return uint64(m.place) }

// SetMark makes the metric remember a number, as [AttributeSet.SetMark] does.
func (m *Metric) SetMark(mark uint64) { m.place = place(mark) }

// flags returns the flags, without those that a metric of its kind does not have.
func (m *Metric) flags() byte {
	f := byte(m.Kind)
	if m.Integer {
		f |= flagInteger
	}
	if m.Monotonic {
		f |= flagMonotonic
	}
	if m.Delta {
		f |= flagDelta
	}
	return f & flagsOf(m.Kind)
}

// metric writes a reference to m, and its definition if the packet does not have it yet.
func (p *Packer) metric(b []byte, m *Metric) []byte {
	if at, ok := p.known(m.place); ok {
		return number.AppendUvarint(b, at)
	}
	m.place = p.define(&p.metrics)
	p.items++
	at := len(b)
	b = p.scope(append(b, 0), m.Scope)
	b = append(b, m.flags())
	b = p.symbol(b, m.Name)
	b = p.symbol(b, m.Unit)
	p.expanded += definitionWeight + symbolLen(m.Name) + symbolLen(m.Unit)
	if p.withoutDescription {
		b = append(b, 1)
	} else {
		p.expanded += symbolLen(m.Description)
		b = p.symbol(b, m.Description)
	}
	p.defined += len(b) - at
	return b
}

func (p *Packer) scope(b []byte, s *Scope) []byte {
	if at, ok := p.known(s.place); ok {
		return number.AppendUvarint(b, at)
	}
	s.place = p.define(&p.scopes)
	p.items++
	b = p.resource(append(b, 0), s.Resource)
	b = p.symbol(b, s.Name)
	b = p.symbol(b, s.Version)
	b = p.symbol(b, s.SchemaURL)
	p.expanded += definitionWeight + symbolLen(s.Name) + symbolLen(s.Version) + symbolLen(s.SchemaURL) + setWeight(s.Attributes)
	return p.attributes(b, s.Attributes)
}

func (p *Packer) resource(b []byte, r *Resource) []byte {
	if at, ok := p.known(r.place); ok {
		return number.AppendUvarint(b, at)
	}
	if p.resources == MaxResources {
		p.overflow = true
		return b
	}
	r.place = p.define(&p.resources)
	p.items++
	if s := r.Attributes; s != nil {
		if _, ok := p.known(s.place); ok {
			p.items += s.items() // a receiver makes a resource of them anew
		}
	}
	b = p.symbol(append(b, 0), r.SchemaURL)
	p.expanded += definitionWeight + symbolLen(r.SchemaURL) + resourceFactor*setWeight(r.Attributes)
	return p.attributes(b, r.Attributes)
}

// ResourceView is a resource inside a packet. Like ScopeView and MetricView it is valid
// until the Decoder's next Reset.
type ResourceView struct {
	Index      int // numbers the resources of one packet from 0
	SchemaURL  []byte
	Attributes *AttributesView
}

// ScopeView is an instrumentation scope inside a packet.
type ScopeView struct {
	Index                    int // numbers the scopes of one packet from 0
	Resource                 *ResourceView
	Name, Version, SchemaURL []byte
	Attributes               *AttributesView
}

// MetricView is a metric identity inside a packet.
type MetricView struct {
	Index                   int // numbers the metrics of one packet from 0
	Points                  int // points of this metric in this packet
	Scope                   *ScopeView
	Name, Unit, Description []byte
	Kind                    Kind
	Integer                 bool
	Monotonic               bool
	Delta                   bool
}

// metric reads what Packer.metric wrote.
func (d *Decoder) metric() *MetricView {
	n, ok := d.r.Short()
	if !ok {
		n = d.r.LongUvarint("metric")
	}
	if n == 0 {
		return d.nextMetricView()
	}
	if n > uint64(len(d.metrics)) {
		d.r.Fail("metric reference")
		return &d.none
	}
	return &d.metrics[n-1]
}

func (d *Decoder) nextMetricView() *MetricView {
	m := MetricView{Index: len(d.metrics), Scope: d.scope()}
	flags := d.r.Byte("metric flags")
	m.Kind = Kind(flags & flagKind)
	m.Integer = flags&flagInteger != 0
	m.Monotonic = flags&flagMonotonic != 0
	m.Delta = flags&flagDelta != 0
	if !validFlags(flags) {
		d.r.Fail("metric flags")
	}
	m.Name = d.symbol("metric name")
	m.Unit = d.symbol("metric unit")
	m.Description = d.symbol("metric description")
	d.expanded += definitionWeight + len(m.Name) + len(m.Unit) + len(m.Description)
	d.r.take(1, "metrics")
	d.metrics = append(d.metrics, m)
	return &d.metrics[len(d.metrics)-1]
}

// validFlags reports whether flags name a kind, and nothing that the kind does not have.
func validFlags(flags byte) bool {
	allowed := flagsOf(Kind(flags & flagKind))
	return allowed != 0 && flags&^allowed == 0
}

// flagsOf returns the flags that a metric of kind k may have, and 0 for an unknown kind.
func flagsOf(k Kind) byte {
	switch k {
	case Gauge:
		return flagKind | flagInteger
	case Sum:
		return flagKind | flagInteger | flagMonotonic | flagDelta
	case Histogram, ExponentialHistogram:
		return flagKind | flagInteger | flagDelta
	case Summary:
		return flagKind
	}
	return 0
}

func (d *Decoder) scope() *ScopeView {
	n := d.r.Uvarint("scope")
	if n > uint64(len(d.scopes)) {
		d.r.Fail("scope reference")
		return nil
	}
	if n > 0 {
		return &d.scopes[n-1]
	}
	s := ScopeView{Index: len(d.scopes), Resource: d.resource()}
	s.Name = d.symbol("scope name")
	s.Version = d.symbol("scope version")
	s.SchemaURL = d.symbol("scope schema URL")
	s.Attributes = d.attributes()
	d.expanded += definitionWeight + len(s.Name) + len(s.Version) + len(s.SchemaURL) + s.Attributes.weight
	d.r.take(1, "scopes")
	d.scopes = append(d.scopes, s)
	return &d.scopes[len(d.scopes)-1]
}

func (d *Decoder) resource() *ResourceView {
	n := d.r.Uvarint("resource")
	if n > uint64(len(d.resources)) {
		d.r.Fail("resource reference")
		return nil
	}
	if n > 0 {
		return &d.resources[n-1]
	}
	if len(d.resources) == MaxResources {
		d.r.failAs(OverBudget, "resources")
		return nil
	}
	r := ResourceView{Index: len(d.resources), SchemaURL: d.symbol("resource schema URL")}
	defined := len(d.sets)
	r.Attributes = d.attributes()
	d.expanded += definitionWeight + len(r.SchemaURL) + resourceFactor*r.Attributes.weight
	again := 0
	if r.Attributes.Index < defined {
		again = r.Attributes.items
	}
	d.r.take(1+again, "resources")
	d.resources = append(d.resources, r)
	return &d.resources[len(d.resources)-1]
}
