package otelgramreceiver

import (
	"bytes"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// batch is what becomes one call of the next consumer: the points of packets from one
// source, in the order in which they came. If a packet begins with the resource, scope or
// metric with which the packet before it ended, its points go on there.
type batch struct {
	metrics   pmetric.Metrics
	source    netip.AddrPort
	arrived   time.Time // when the first packet arrived
	points    int
	invalid   int // points that are left out, since nobody can have measured them
	bytes     int // of memory, about
	corrected int // points whose time was corrected

	// resource and scope are those with which the packet before ended. The keys tell them
	// from others, and are nil before the first packet.
	resource              pmetric.ResourceMetrics
	scope                 pmetric.ScopeMetrics
	resourceKey, scopeKey []byte
}

// batchSize is about what an empty batch takes in memory, in bytes. Packets without points
// leave an empty batch for each source.
const batchSize = 512

func newBatch(source netip.AddrPort, arrived time.Time) *batch {
	return &batch{metrics: pmetric.NewMetrics(), source: source, arrived: arrived, bytes: batchSize}
}

// layout says where the resources, scopes and metrics of a packet are in a batch, by their
// index in the packet.
type layout struct {
	resources []pmetric.ResourceMetrics
	scopes    []pmetric.ScopeMetrics
	places    []place
	scratch   []byte // for a key
}

func (l *layout) reset() {
	clear(l.resources)
	clear(l.scopes)
	clear(l.places)
	l.resources, l.scopes, l.places = l.resources[:0], l.scopes[:0], l.places[:0]
}

// add appends the points of a packet.
func (b *batch) add(p *receiver.Packet, w *pointWriter) {
	w.begin(p)
	metrics := p.Decoder.Metrics()
	for i := range metrics {
		m := &metrics[i]
		goesOn := false
		if m.Scope.Index == len(w.scopes) { // scopes are numbered as they come
			goesOn = b.enterScope(m.Scope, w)
		}
		w.places = append(w.places, b.enterMetric(w.scopes[m.Scope.Index], m, goesOn, w.names))
	}
	for p.Decoder.Next() {
		v := p.Decoder.Point()
		if v.Metric.Kind == wire.ExponentialHistogram && !plausible(v) {
			b.invalid++
			continue
		}
		b.bytes += w.write(&w.places[v.Metric.Index], v)
		b.points++
	}
	b.corrected += w.corrected
	w.end()
}

// enterScope makes a place for a scope that the packet has not named before. It reports
// whether the packet before ended with that scope.
func (b *batch) enterScope(s *wire.ScopeView, w *pointWriter) (goesOn bool) {
	if s.Resource.Index == len(w.resources) { // so are resources
		b.enterResource(s.Resource, w)
	}
	r := w.resources[s.Resource.Index]
	w.scratch = wire.AppendText(w.scratch[:0], s.Name)
	w.scratch = wire.AppendText(w.scratch, s.Version)
	w.scratch = wire.AppendText(w.scratch, s.SchemaURL)
	w.scratch = s.Attributes.AppendKey(w.scratch)
	goesOn = b.scopeKey != nil && r == b.resource && bytes.Equal(w.scratch, b.scopeKey)
	if !goesOn {
		b.scopeKey = append(b.scopeKey[:0], w.scratch...)
		b.scope = r.ScopeMetrics().AppendEmpty()
		b.scope.SetSchemaUrl(valid(s.SchemaURL))
		b.bytes += metricSize + len(s.Name) + len(s.Version) + len(s.SchemaURL)
		b.scope.Scope().SetName(w.names.text(s.Name))
		b.scope.Scope().SetVersion(w.names.text(s.Version))
		b.bytes += w.attributes(b.scope.Scope().Attributes(), s.Attributes)
	}
	if r != b.resource { // the packet has come back to r, whose key was overwritten
		b.resource, b.resourceKey = r, nil
	}
	w.scopes = append(w.scopes, b.scope)
	return goesOn
}

// enterResource makes a place for a resource that the packet has not named before: the
// resource with which the packet before ended, or a new one.
func (b *batch) enterResource(v *wire.ResourceView, w *pointWriter) {
	w.scratch = wire.AppendText(w.scratch[:0], v.SchemaURL)
	w.scratch = v.Attributes.AppendKey(w.scratch)
	if b.resourceKey == nil || !bytes.Equal(w.scratch, b.resourceKey) {
		b.resourceKey, b.scopeKey = append(b.resourceKey[:0], w.scratch...), nil
		b.resource = b.metrics.ResourceMetrics().AppendEmpty()
		b.resource.SetSchemaUrl(valid(v.SchemaURL))
		b.bytes += metricSize + len(v.SchemaURL)
		b.bytes += w.attributes(b.resource.Resource().Attributes(), v.Attributes)
	}
	w.resources = append(w.resources, b.resource)
}

// enterMetric returns where the points of a metric go. If the scope goes on, that may be
// the last metric of the scope.
func (b *batch) enterMetric(scope pmetric.ScopeMetrics, m *wire.MetricView, goesOn bool, names texts) place {
	if n := scope.Metrics().Len(); goesOn && n > 0 {
		if last := scope.Metrics().At(n - 1); sameMetric(last, m, names) {
			return placeIn(last, m)
		}
	}
	metric := scope.Metrics().AppendEmpty()
	metric.SetName(names.text(m.Name))
	metric.SetUnit(names.text(m.Unit))
	metric.SetDescription(names.text(m.Description))
	b.bytes += metricSize + len(m.Name) + len(m.Unit) + len(m.Description)
	return newPlace(metric, m)
}

// sameMetric reports whether two metrics of one scope are the same.
func sameMetric(have pmetric.Metric, m *wire.MetricView, names texts) bool {
	if have.Name() != names.text(m.Name) || have.Unit() != names.text(m.Unit) || have.Description() != names.text(m.Description) {
		return false
	}
	switch have.Type() {
	case pmetric.MetricTypeGauge:
		return m.Kind == wire.Gauge
	case pmetric.MetricTypeSum:
		return m.Kind == wire.Sum && have.Sum().IsMonotonic() == m.Monotonic && have.Sum().AggregationTemporality() == temporality(m)
	case pmetric.MetricTypeHistogram:
		return m.Kind == wire.Histogram && have.Histogram().AggregationTemporality() == temporality(m)
	case pmetric.MetricTypeExponentialHistogram:
		return m.Kind == wire.ExponentialHistogram && have.ExponentialHistogram().AggregationTemporality() == temporality(m)
	case pmetric.MetricTypeSummary:
		return m.Kind == wire.Summary
	}
	return false
}

func temporality(m *wire.MetricView) pmetric.AggregationTemporality {
	if m.Delta {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}
