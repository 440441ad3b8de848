package pipeline

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/clock"
	"github.com/otelgram/otelgram/wire"
)

// Direct is the pipeline's entrance for single measurements. Its lane is made
// when it is first asked for.
type Direct struct {
	pipeline *Pipeline
	lane     *directLane
	registry *registry
	memory   *budget
	clock    *clock.Clock
	rounds   atomic.Uint32
}

// stringShare is the part of the budget that is set aside for strings that series
// share: those of series that were forgotten stay for a while.
const stringShare = 8

// Direct returns the direct entrance, always the same.
func (p *Pipeline) Direct() *Direct {
	p.directMu.Lock()
	defer p.directMu.Unlock()
	if p.direct != nil {
		return p.direct
	}
	lane := newDirectLane(p.config.BufferSize, p.config.Strategy, &p.counters, p.waker)
	d := &Direct{pipeline: p, lane: lane, memory: p.memory, clock: clock.New()}
	d.registry = newRegistry(p.config.Priorities, d.memory)
	p.direct = d
	p.events.Store(lane)
	if p.directClosed {
		d.close()
		return d
	}
	strings := p.memory.left.Load() / stringShare
	p.memory.give(-strings)
	f := &folder{
		lane: lane, registry: d.registry, counters: &p.counters, notices: p.notices,
		sets:   newAttributeSets(maxSeries, newBudget(strings)),
		memory: d.memory, every: p.config.EveryEvent, run: make([]Event, 2*p.config.BatchSize),
	}
	p.inbox.folders <- f // the pump runs until directClosed is set
	return d
}

// Instrument returns the instrument that c describes, nil where there are too
// many, and whether it was made for c. The error says that there is another of
// that name in the scope, once a name, or that nothing of the scope can be sent, once
// as well: the instrument works all the same, as far as it can.
func (d *Direct) Instrument(c InstrumentConfig) (i *Instrument, created bool, err error) {
	return d.registry.instrument(c, d.clock.Now())
}

// CheckResource returns an error if nothing of a resource can be sent, once.
func (d *Direct) CheckResource(r *resource.Resource) error { return d.registry.check(r) }

// Bind binds attributes to an instrument. The result must not be copied once it
// is used.
func (d *Direct) Bind(i *Instrument, set attribute.Set) Bound {
	return Bound{instrument: i, set: &set}
}

// Record hands a measurement over and reports whether it was taken. It never
// waits: what is not taken is counted.
func (d *Direct) Record(e *Event) bool {
	e.Time = d.clock.Now()
	return d.lane.record(e)
}

// RefuseInvalid counts a measurement that no point can hold.
func (d *Direct) RefuseInvalid() { d.lane.refuse(wire.Invalid) }

// RefuseForMemory counts a measurement of an instrument there was no room for.
func (d *Direct) RefuseForMemory() { d.lane.refuse(wire.Memory) }

// RefuseForShutdown counts a measurement of an instrument made after the end.
func (d *Direct) RefuseForShutdown() { d.lane.refuse(wire.Shutdown) }

// Reserve takes bytes from the memory budget, and reports whether there are so
// many left.
func (d *Direct) Reserve(bytes int) bool { return d.memory.take(int64(bytes)) }

// Need is Reserve for what measurements are dropped without.
func (d *Direct) Need(bytes int) bool { return d.memory.need(int64(bytes)) }

// Release gives back what Reserve took.
func (d *Direct) Release(bytes int) { d.memory.give(int64(bytes)) }

// Collect has every series emit its point, and returns when all of them are
// sent or counted, or when ctx ends.
func (d *Direct) Collect(ctx context.Context) error { return d.pipeline.flush(ctx, true) }

// close refuses further measurements.
func (d *Direct) close() {
	d.lane.ring.Close()
	d.clock.Stop()
}
