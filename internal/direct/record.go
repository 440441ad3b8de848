package direct

import (
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/wire"
)

// Scope is the instrumentation scope of metrics recorded by name.
const Scope = "otelgram"

// Recorder records by name and tags, without an instrument that must be made first. It is
// safe for concurrent use. No call waits.
type Recorder struct {
	provider *Provider
	interned *interned // the provider's
	// anyGauge says that a gauge may be NaN or infinite, since its values are not
	// aggregated with others.
	anyGauge bool
}

// NewRecorder returns a recorder on p.
func NewRecorder(p *Provider) *Recorder {
	_, last := p.aggregations[sdkmetric.InstrumentKindGauge].(sdkmetric.AggregationLastValue)
	return &Recorder{provider: p, interned: p.interned, anyGauge: last}
}

// Record records value for the instrument of the given kind and name, and reports whether
// it was taken. An empty or overlong name, a value that is no number and a negative value
// for a counter are counted as invalid.
func (r *Recorder) Record(kind sdkmetric.InstrumentKind, name string, value float64, tags []Tag) bool {
	anything := r.anyGauge && kind == sdkmetric.InstrumentKindGauge
	if name == "" || len(name) > maxNameLen || value-value != 0 && !anything ||
		kind == sdkmetric.InstrumentKindCounter && value < 0 {
		return r.refuse(wire.Invalid)
	}
	h := r.interned.hash(uint8(kind), name, tags)
	if e := r.interned.find(h, uint8(kind), name, tags); e != nil {
		left, again, ok := e.series.Record(value)
		if again {
			return e.series.RecordAnew(attributes(tags), left)
		}
		return ok
	}
	return r.first(h, kind, name, value, tags)
}

// first records what is not interned yet, and interns it if there is room. A counter, a
// gauge and a histogram may share a name here, and that is not reported.
func (r *Recorder) first(h uint64, kind sdkmetric.InstrumentKind, name string, value float64, tags []Tag) bool {
	p := r.provider
	if p.closed.Load() {
		return r.refuse(wire.Shutdown) // it is not kept, since nothing would use it
	}
	s, _, f := streamOf[float64](p, instrumentation.Scope{Name: Scope}, description{kind: kind, name: name})
	switch f {
	case noRoom:
		return r.refuse(wire.Memory)
	case unwanted:
		return true // dropped, as the aggregation selector asks
	}
	set := attributes(tags)
	e := &entry{hash: h}
	e.series.Stream = s
	if !e.series.RecordAnew(set, value) {
		return false
	}
	if e.series.Alive() { // false if the measurement went to the overflow series
		e.text = keep(uint8(kind), name, tags)
		r.interned.remember(e, p.config.Memory)
	}
	return true
}

// refuse counts what is not taken.
func (r *Recorder) refuse(reason wire.DropReason) bool {
	r.provider.config.Books.Refuse(reason)
	return false
}
