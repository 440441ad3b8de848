package direct

import (
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
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

// fate is what happens to all measurements of an instrument or of a meter.
type fate uint8

const (
	recorded fate = iota
	unwanted      // dropped without being counted, as the aggregation selector asks
	noRoom        // dropped as memory
	tooLate       // dropped as shutdown: the instrument was made after Close
)

// core is what all instruments share, whatever the type of their numbers.
type core struct {
	meter   *meter
	fate    fate
	name    string
	created bool // this instrument is the first of its identity
	keys    []attribute.Key
	limited bool
}

// instrument takes the measurements of one instrument.
type instrument[N aggregate.Number] struct {
	core
	stream *aggregate.Stream[N] // nil unless measurements are recorded
	// bare is for measurements without attributes of their own. They have the attributes of
	// set, to which the instrument is bound if bound is set.
	bare  *aggregate.Handle[N]
	set   attribute.Set
	bound bool
	// rising means that negative values are invalid, and gauge that NaN and infinities are
	// valid.
	rising, gauge bool
}

func newInstrument[N aggregate.Number](m *meter, d description) instrument[N] {
	p := m.provider
	i := instrument[N]{core: core{meter: m, fate: m.fate, name: d.name, keys: d.keys, limited: d.limited}}
	i.rising = d.kind == sdkmetric.InstrumentKindCounter
	i.gauge = d.kind == sdkmetric.InstrumentKindGauge || d.kind == sdkmetric.InstrumentKindObservableGauge
	if p.closed.Load() {
		i.fate = tooLate // it is not kept, since nothing would use it
	}
	if i.fate == recorded {
		i.stream, i.created, i.fate = streamOf[N](p, m.scope, d)
	}
	if i.stream != nil {
		i.gauge = i.stream.Config().Kind == aggregate.LastValue
		i.bare = &aggregate.Handle[N]{Stream: i.stream}
		if err := p.namesakes.check(i.stream.Config(), d.name); err != nil {
			otel.Handle(err)
		}
	}
	if i.fate == noRoom && p.saidNoRoom.CompareAndSwap(false, true) {
		otel.Handle(fmt.Errorf("otelgram: scope %q: no room for instrument %q, nor for further ones: their measurements are dropped, their callbacks not called",
			m.scope.Name, d.name))
	}
	return i
}

// mayObserve reports whether the n callbacks with which the instrument was made are to run.
// As in the SDK, only the callbacks of the first instrument of an identity run.
func (i *instrument[N]) mayObserve(n int) bool {
	if i.stream == nil || n == 0 {
		return false
	}
	if !i.created {
		if err := i.meter.provider.namesakes.ignored(i.stream.Config()); err != nil {
			otel.Handle(err)
		}
	}
	return i.created
}

// bind returns the instrument bound to attributes. It does not keep kvs.
func (i *instrument[N]) bind(kvs []attribute.KeyValue) instrument[N] {
	b := *i
	set := attribute.NewSet(append(i.set.ToSlice(), kvs...)...)
	if i.limited {
		set = filtered(set, i.keys)
	}
	set, _ = intern.Dedup(set)
	b.set, b.bound = intern.Own(set), true
	if i.stream != nil {
		b.bare = &aggregate.Handle[N]{Stream: i.stream}
	}
	return b
}

// fits reports whether v is valid, and counts it as invalid if not. v-v is NaN for NaN and
// infinities.
func (i *instrument[N]) fits(v N) bool {
	if v-v == 0 && (v >= 0 || !i.rising) || v-v != 0 && i.gauge {
		return true
	}
	i.refuse()
	return false
}

// record takes a measurement without attributes of its own.
func (i *instrument[N]) record(v N) {
	switch {
	case !i.fits(v):
	case i.bare == nil:
		i.lose()
	default:
		if left, again, _ := i.bare.Record(v); again {
			i.bare.RecordAnew(i.set, left)
		}
	}
}

// recordWith takes a measurement with the attributes of its options.
func (i *instrument[N]) recordWith(v N, set attribute.Set) {
	switch {
	case !i.fits(v):
	case i.stream == nil:
		i.lose()
	case i.bound || i.limited:
		i.stream.Record(i.merged(set), v)
	default:
		i.stream.Record(set, v)
	}
}

// refuse counts an invalid measurement.
func (c *core) refuse() {
	if c.fate != unwanted {
		c.meter.provider.config.Books.Refuse(wire.Invalid)
	}
}

// lose counts a measurement for the reason why the instrument records none.
func (c *core) lose() {
	switch c.fate {
	case noRoom:
		c.meter.provider.config.Books.Refuse(wire.Memory)
	case tooLate:
		c.meter.provider.config.Books.Refuse(wire.Shutdown)
	}
}

// merged puts the attributes of a measurement over those to which the instrument is bound,
// and keeps what is allowed.
func (i *instrument[N]) merged(set attribute.Set) attribute.Set {
	if i.bound {
		set = attribute.NewSet(append(i.set.ToSlice(), set.ToSlice()...)...)
	}
	if i.limited {
		set = filtered(set, i.keys)
	}
	return set
}

// enabled is true even if all measurements are lost, since they have to be counted.
func (c *core) enabled() bool { return c.fate != unwanted }
