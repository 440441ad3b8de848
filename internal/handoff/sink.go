package handoff

import (
	"context"

	"github.com/otelgram/otelgram/wire"
)

// Sink is where a collection of the direct path hands its points over. It belongs to one
// goroutine.
type Sink struct {
	queue     *Queue
	hasPoints bool     // there were some since Done
	holds     bool     // the queue, until Done
	payload   *payload // for the next distribution
}

// Sink returns a new one.
func (q *Queue) Sink() *Sink { return &Sink{queue: q} }

// Await waits until there is room for one more point. It returns false if ctx ends before, or
// the queue is closed. What needs no waiting is taken under a context that has ended, too.
func (s *Sink) Await(ctx context.Context, distribution bool) bool {
	q := s.queue
	s.hasPoints = true
	if !s.holds {
		if q.acquire(ctx) != granted {
			return false
		}
		s.holds = true
		q.open()
	}
	if distribution && s.payload == nil {
		x, w := q.takePayload(ctx)
		if w != granted {
			return false
		}
		s.payload = x
	}
	hasRoom := func() bool { return q.Len() < q.config.Capacity }
	return !q.isClosing() && (hasRoom() || q.await(ctx, hasRoom) == granted)
}

// Push takes a point for which Await has found room, and copies what it needs of p but the
// metric and the attributes. It never waits.
func (s *Sink) Push(p *wire.Point) {
	q := s.queue
	pt := point{metric: p.Metric, compiled: p.Attributes, startTime: p.StartTime, time: p.Time, bits: p.Bits}
	if d := p.Distribution; d != nil {
		pt.payload, s.payload = s.payload, nil
		pt.payload.setDistribution(d)
		q.payloads.charge(pt.payload)
	}
	q.config.Books.Offer(1)
	q.push(context.Background(), &pt) // there is room, and nobody else may push
}

// Done says that no more points of the collection come: the packet they are in need not wait
// for others.
func (s *Sink) Done() {
	if s.hasPoints {
		s.hasPoints = false
		s.queue.noteExport()
	}
	if !s.holds {
		return
	}
	s.holds = false
	if s.payload != nil {
		s.queue.payloads.give(s.payload)
		s.payload = nil
	}
	s.queue.release()
}
