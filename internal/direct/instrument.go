package direct

import (
	"fmt"
	"math"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/pipeline"
)

// description is what an instrument is created with.
type description struct {
	kind             sdkmetric.InstrumentKind
	name, unit, text string
	integer          bool
	bounds           []float64 // advised, if advised is set
	advised          bool
	keys             []attribute.Key // the only ones kept, if limited is set
	limited          bool
}

// String names the kind as the API does.
func (d description) String() string {
	if d.integer {
		return "Int64" + d.kind.String()
	}
	return "Float64" + d.kind.String()
}

// fate is what becomes of all measurements of an instrument, or of a meter's.
type fate uint8

const (
	recorded fate = iota
	unwanted      // dropped without being counted, as the aggregation selector asks for
	noRoom        // dropped, for memory
	tooLate       // dropped: it was made after the end
)

// core is what all instruments share: it turns a measurement into an event.
type core struct {
	direct     *pipeline.Direct
	meter      *meter
	fate       fate
	instrument *pipeline.Instrument // nil unless measurements are recorded
	created    bool                 // there was no other of its identity before
	bound      *pipeline.Bound      // set in a bound instrument
	set        attribute.Set        // what it is bound to
	// rising refuses negative values; gauge accepts NaN and infinities.
	rising, gauge bool
	keys          []attribute.Key
	limited       bool
}

func newCore(m *meter, d description) core {
	p := m.provider
	a := admission{fate: m.fate}
	if p.closed.Load() {
		a.fate = tooLate // it is not kept: nothing would ever be done with it
	}
	if a.fate == recorded {
		a = p.instrument(m.scope, d)
	}
	if a.conflict != nil {
		otel.Handle(a.conflict)
	}
	if a.fate == noRoom && p.saidNoRoom.CompareAndSwap(false, true) {
		otel.Handle(fmt.Errorf("otelgram: scope %q: no room for instrument %q, nor for further ones: their measurements are dropped, their callbacks not called",
			m.scope.Name, d.name))
	}
	gauge := d.kind == sdkmetric.InstrumentKindGauge || d.kind == sdkmetric.InstrumentKindObservableGauge
	if a.instrument != nil {
		gauge = a.instrument.Fold == pipeline.FoldLast
	}
	return core{
		direct: p.config.Direct, meter: m, fate: a.fate, instrument: a.instrument, created: a.created,
		rising: d.kind == sdkmetric.InstrumentKindCounter,
		gauge:  gauge,
		keys:   d.keys, limited: d.limited,
	}
}

// bind returns the core bound to attributes. It does not keep kvs.
func (c *core) bind(kvs []attribute.KeyValue) core {
	b := *c
	own := append(c.set.ToSlice(), kvs...)
	b.set = attribute.NewSet(own...)
	if c.limited {
		b.set = filtered(b.set, c.keys)
	}
	if c.instrument != nil {
		bound := c.direct.Bind(c.instrument, b.set)
		b.bound = &bound
	}
	return b
}

func (c *core) int64(v int64, set attribute.Set, given bool) {
	if c.rising && v < 0 {
		c.refuse()
		return
	}
	c.record(uint64(v), set, given)
}

func (c *core) float64(v float64, set attribute.Set, given bool) {
	if v-v != 0 && !c.gauge || c.rising && v < 0 { // v-v is NaN for NaN and infinities
		c.refuse()
		return
	}
	c.record(math.Float64bits(v), set, given)
}

// refuse counts a measurement that cannot be.
func (c *core) refuse() {
	if c.fate != unwanted {
		c.direct.RefuseInvalid()
	}
}

// lose counts a measurement for the reason why none is recorded.
func (c *core) lose() {
	switch c.fate {
	case noRoom:
		c.direct.RefuseForMemory()
	case tooLate:
		c.direct.RefuseForShutdown()
	}
}

// record hands a measurement over; given says that attributes came with it.
func (c *core) record(bits uint64, set attribute.Set, given bool) {
	if c.instrument == nil {
		c.lose()
		return
	}
	e := pipeline.Event{Bound: c.instrument.Unbound(), Bits: bits}
	switch {
	case c.bound == nil && !c.limited:
		e.Attributes = set
	case c.bound != nil && !given:
		e.Bound = c.bound
	default:
		e.Attributes = c.merged(set)
	}
	c.direct.Record(&e)
}

// merged puts the attributes of a measurement over those the instrument is
// bound to, and keeps what is allowed.
func (c *core) merged(set attribute.Set) attribute.Set {
	if c.set.Len() > 0 {
		set = attribute.NewSet(append(c.set.ToSlice(), set.ToSlice()...)...)
	}
	if c.limited {
		set = filtered(set, c.keys)
	}
	return set
}

// enabled is true also where all measurements are lost: they have to be counted.
func (c *core) enabled() bool { return c.fate != unwanted }
