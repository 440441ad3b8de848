package pipeline

import (
	"context"
	"sync"

	"github.com/otelgram/otelgram/wire"
)

// observationRun is how many observations are handed to the pump at once.
const observationRun = 128

// observations are a run of them on its way to the pump.
type observations struct {
	events []Event
	done   chan struct{} // gets a token when the pump needs events no more
}

// Round takes the observations that belong together, those of one collection. It
// hands them to the pump by a way of their own: who observes may wait, so nothing
// of them is left to a strategy, as a sum that is observed in part, or late, would
// be another sum. It is safe for concurrent use.
type Round struct {
	direct *Direct
	ctx    context.Context
	number uint32

	mu    sync.Mutex
	run   *observations // nil: the pump has the last one
	lost  bool          // since Flush
	ended bool
}

// Round begins a round, which lasts until ctx ends or End is called.
func (d *Direct) Round(ctx context.Context) *Round {
	return &Round{direct: d, ctx: ctx, number: d.rounds.Add(1)}
}

// Observe takes an observation. One that comes when the round is over counts as
// deadline, after the pipeline's close as shutdown.
func (r *Round) Observe(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason, over := r.over(); over {
		r.lose(reason, 1)
		return
	}
	if r.run == nil {
		r.run = &observations{events: make([]Event, 0, observationRun), done: make(chan struct{}, 1)}
	}
	e.Time, e.Round = r.direct.clock.Now(), r.number
	if r.run.events = append(r.run.events, e); len(r.run.events) == observationRun {
		r.handOver()
	}
}

// Flush hands over what was observed, and reports whether nothing was lost since
// it was called last. It waits for the pump until the round is over.
func (r *Round) Flush() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handOver()
	whole := !r.lost
	r.lost = false
	return whole
}

// End ends the round.
func (r *Round) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handOver()
	r.ended = true
}

// over says why nothing is taken any more, if so.
func (r *Round) over() (wire.DropReason, bool) {
	if r.direct.lane.ring.Closed() {
		return wire.Shutdown, true
	}
	return wire.Deadline, r.ended || r.ctx.Err() != nil
}

// lose counts n observations that the pump does not get.
func (r *Round) lose(reason wire.DropReason, n int) {
	r.lost = true
	c := r.direct.lane.counters
	c.offered.Add(uint64(n))
	c.drop(reason, n)
}

// handOver has the pump fold what was observed, and count it. It waits until that
// is done; if the round ends first, the pump keeps the run.
func (r *Round) handOver() {
	run := r.run
	if run == nil || len(run.events) == 0 {
		return
	}
	r.run = nil
	in := &r.direct.pipeline.inbox
	reason, over := r.over()
	if over {
		r.lose(reason, len(run.events))
		return
	}
	select {
	case in.observed <- run:
	case <-r.ctx.Done():
		r.lose(wire.Deadline, len(run.events))
		return
	case <-in.stopped:
		r.lose(wire.Shutdown, len(run.events))
		return
	}
	select {
	case <-run.done:
		clear(run.events)
		run.events = run.events[:0]
		r.run = run
	case <-r.ctx.Done():
	case <-in.stopped:
	}
}

// Missing says of which instruments observations are missing in the round before
// the next collections: what was not observed is then neither sent nor forgotten,
// since nobody knows whether it is gone.
func (d *Direct) Missing(instruments []*Instrument) { d.registry.setMissing(instruments) }
