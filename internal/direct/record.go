package direct

import (
	"math"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/pipeline"
)

// Scope is the instrumentation scope of metrics recorded by name.
const Scope = "otelgram"

// Recorder records by name and tags, without an instrument to create first.
type Recorder struct {
	provider *Provider
	interned *interned
	// anyGauge says that a gauge may be NaN or infinite: it is not folded with
	// others.
	anyGauge bool

	mu          sync.Mutex
	instruments map[named]*pipeline.Instrument
}

type named struct {
	kind sdkmetric.InstrumentKind
	name string
}

// NewRecorder returns a recorder on p.
func NewRecorder(p *Provider) *Recorder {
	_, last := p.aggregations[sdkmetric.InstrumentKindGauge].(sdkmetric.AggregationLastValue)
	return &Recorder{provider: p, interned: newInterned(), anyGauge: last, instruments: map[named]*pipeline.Instrument{}}
}

// Record records value for the instrument of the given kind and name, and
// reports whether it was taken. What cannot be, an empty or overlong name, a
// value that is no number, a negative one for a counter, is counted as invalid.
func (r *Recorder) Record(kind sdkmetric.InstrumentKind, name string, value float64, tags []Tag) bool {
	anything := r.anyGauge && kind == sdkmetric.InstrumentKindGauge
	if name == "" || len(name) > maxNameLen || value-value != 0 && !anything ||
		kind == sdkmetric.InstrumentKindCounter && value < 0 {
		r.provider.config.Direct.RefuseInvalid()
		return false
	}
	h := r.interned.hash(uint8(kind), name, tags)
	e := r.interned.find(h, uint8(kind), name, tags)
	if e == nil {
		return r.first(h, kind, name, value, tags)
	}
	event := pipeline.Event{Bound: &e.bound, Bits: math.Float64bits(value)}
	return r.provider.config.Direct.Record(&event)
}

// first records what is not interned yet, and interns it if there is room.
func (r *Recorder) first(h uint64, kind sdkmetric.InstrumentKind, name string, value float64, tags []Tag) bool {
	d := r.provider.config.Direct
	if r.provider.closed.Load() {
		d.RefuseForShutdown() // it is not kept: nothing would ever be done with it
		return false
	}
	i, ok := r.instrument(kind, name)
	if !ok {
		d.RefuseForMemory()
		return false
	}
	if i == nil {
		return true // dropped as asked for, by the aggregation selector
	}
	text, own := keep(uint8(kind), name, tags)
	set := attributes(own)
	event := pipeline.Event{Bound: i.Unbound(), Attributes: set, Bits: math.Float64bits(value)}
	cost := entryCost + entryTagCost*len(tags) + len(text)
	if !d.Reserve(cost) {
		return d.Record(&event)
	}
	e, added := r.interned.add(h, uint8(kind), name, tags, text, func() pipeline.Bound { return d.Bind(i, set) })
	if !added {
		d.Release(cost)
	}
	if e != nil {
		event = pipeline.Event{Bound: &e.bound, Bits: event.Bits}
	}
	return d.Record(&event)
}

// instrument returns the instrument of a name, nil if its measurements are dropped
// as asked for, and false if there is no room for it. That a counter, a gauge and a
// histogram share a name is no mistake here, and not reported.
func (r *Recorder) instrument(kind sdkmetric.InstrumentKind, name string) (*pipeline.Instrument, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.instruments[named{kind, name}]
	if ok {
		return i, true
	}
	name = strings.Clone(name)
	a := r.provider.instrument(instrumentation.Scope{Name: Scope}, description{kind: kind, name: name})
	if a.fate == noRoom {
		return nil, false
	}
	if len(r.instruments) < maxInterned {
		r.instruments[named{kind, name}] = a.instrument
	}
	return a.instrument, true
}
