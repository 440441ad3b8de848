package aggregate

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// Round takes the observations that callbacks make for one collection. It is safe for
// concurrent use. There is one at a time.
type Round struct {
	registry *Registry
	ctx      context.Context
	number   uint32

	mu    sync.Mutex // held for an observation, and never while foreign code runs
	lost  bool       // an observation was lost since the last call of Whole
	ended bool
}

// Round begins a round, which lasts until ctx ends or End is called.
func (r *Registry) Round(ctx context.Context) *Round {
	return &Round{registry: r, ctx: ctx, number: r.rounds.Add(1)}
}

// Observe takes an observation of a stream. An observation that comes when the round is
// over counts as deadline, and one that comes after the registry was closed as shutdown.
func Observe[N Number](r *Round, s *Stream[N], set attribute.Set, v N) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason, over := r.over(); over {
		r.registry.books.Refuse(reason)
		r.lost = true
		return
	}
	s.round = r.number
	if !s.Record(set, v) {
		r.lost = true
	}
}

// over says why no observation is taken any more, if so.
func (r *Round) over() (wire.DropReason, bool) {
	if r.registry.closed.Load() {
		return wire.Shutdown, true
	}
	return wire.Deadline, r.ended || r.ctx.Err() != nil
}

// Whole reports whether every observation since the last call was taken in time.
func (r *Round) Whole() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, over := r.over()
	whole := !r.lost && !over
	r.lost = false
	return whole
}

// End ends the round.
func (r *Round) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
