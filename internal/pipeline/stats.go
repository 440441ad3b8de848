package pipeline

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/wire"
)

// counters are what the pump counts besides the books. Each only grows.
type counters struct {
	exports atomic.Uint64
	peak    atomic.Int64 // the most points that the pump found in the queues

	exemplarsCut, descriptionsCut, downscaled atomic.Uint64
}

// reduce counts what a point was sent without.
func (c *counters) reduce(r wire.Reduction) {
	if r.Exemplars > 0 {
		c.exemplarsCut.Add(1)
	}
	if r.Description {
		c.descriptionsCut.Add(1)
	}
	if r.Downscales > 0 {
		c.downscaled.Add(1)
	}
}

// Stats is a snapshot of the pipeline's counters.
type Stats struct {
	Offered, Queued uint64
	InFlight        uint64 // of Queued, what is not in the event queue
	account.Settled
	session.Stats

	// Exports counts how often the pump came to rest after something was handed over: every
	// point is sent or dropped, and no Export or collection is under way. Between two counts
	// there are whole Exports, collections and runs of events. Exports and collections without
	// points do not count.
	Exports uint64

	Address   string // where packets go; empty: nobody knows yet
	DialError string // why the endpoint could not be dialled when it was tried last; empty: it could

	// Waiting is how many points and events are in the queues, Peak the most that the pump
	// ever found there, Capacity the room in those that are in use.
	Waiting, Peak, Capacity int
	// Use and EventUse are how full the two queues are, from 0 to 1.
	Use, EventUse float64
	// BudgetReached says that something was dropped, at some time, because the memory budget
	// was used up.
	BudgetReached                             bool
	ExemplarsCut, DescriptionsCut, Downscaled uint64
	LeftOut                                   wire.LeftOut
}

// maxSnapshots bounds the attempts at a consistent snapshot. The pump settles a packet in
// some microseconds; reading the counters takes some nanoseconds.
const maxSnapshots = 16

// snapshot reads the books so that offered - sent - dropped is not negative and, unless the
// reader is held up again and again, no more than the pipeline can hold. It reads what is
// settled before and after what is offered, and all again if that has moved meanwhile.
func (p *Pipeline) snapshot() (offered uint64, settled account.Settled) {
	settled = p.books.Settled()
	for attempt := 1; ; attempt++ {
		offered = p.books.Offered()
		if q := p.events.Load(); q != nil {
			offered += q.Pushed()
		}
		again := p.books.Settled()
		if again == settled || attempt == maxSnapshots {
			return offered, settled
		}
		settled = again
	}
}

// Stats returns a snapshot of the counters. Any goroutine may call it.
func (p *Pipeline) Stats() (s Stats) {
	c := &p.counters
	s.Exports = c.exports.Load() // before the books, which then have all of these Exports
	s.Offered, s.Settled = p.snapshot()
	s.Stats = p.session.Stats()
	s.Peak = int(c.peak.Load())
	s.ExemplarsCut, s.DescriptionsCut, s.Downscaled = c.exemplarsCut.Load(), c.descriptionsCut.Load(), c.downscaled.Load()
	s.InFlight = uint64(p.points.Len()) + p.books.InPump()
	s.Queued = s.InFlight
	if p.points.InUse() {
		s.Waiting, s.Capacity = p.points.Len(), p.points.Cap()
		s.Use = float64(s.Waiting) / float64(s.Capacity)
	}
	if q := p.events.Load(); q != nil {
		n := q.Len()
		s.Queued += uint64(n)
		s.Waiting, s.Capacity = s.Waiting+n, s.Capacity+q.Cap()
		s.EventUse = float64(n) / float64(q.Cap())
	}
	to, cause := p.dialer.Address()
	s.Address, s.DialError = to.String(), cause
	s.BudgetReached = p.memory.Reached()
	s.LeftOut = p.encoder.LeftOut()
	return s
}
