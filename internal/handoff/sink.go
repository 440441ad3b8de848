package handoff

import (
	"context"

	"github.com/otelgram/otelgram/wire"
)

// Sink is where a collection of the direct path hands its points over. It belongs to one
// goroutine.
type Sink struct {
	queue     *Queue
	underWay  bool     // a collection is
	hadPoints bool     // it has pushed or refused some
	holds     bool     // the queue
	payload   *payload // for the next distribution
}

// Sink returns a new one.
func (q *Queue) Sink() *Sink { return &Sink{queue: q} }

// begin begins a collection, unless one is under way.
func (s *Sink) begin() {
	if !s.underWay {
		s.underWay = true
		s.queue.underWay.Add(1)
	}
}

// Await waits until there is room for one more point. It returns false if ctx ends before, or
// the queue is closed. What needs no waiting is taken under a context that has ended, too.
func (s *Sink) Await(ctx context.Context, distribution bool) bool {
	q := s.queue
	s.begin()
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
	s.hadPoints = true
	q.config.Books.Offer(1)
	q.push(context.Background(), &pt) // there is room, and nobody else may push
}

// Refuse counts a point of the collection as offered and dropped.
func (s *Sink) Refuse(reason wire.DropReason) {
	s.begin()
	s.hadPoints = true
	s.queue.config.Books.Refuse(reason)
}

// Release lets others have the queue for a while. The packet of the points so far does not wait
// for others.
func (s *Sink) Release() {
	s.givePayload()
	if s.holds {
		s.holds = false
		s.queue.release()
		s.queue.config.Waker.Signal()
	}
}

// Done ends the collection.
func (s *Sink) Done() {
	s.givePayload()
	if s.underWay {
		s.queue.leave(s.holds, s.hadPoints)
		s.underWay, s.holds, s.hadPoints = false, false, false
	}
}

func (s *Sink) givePayload() {
	if s.payload != nil {
		s.queue.payloads.give(s.payload)
		s.payload = nil
	}
}
