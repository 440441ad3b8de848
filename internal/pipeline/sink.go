package pipeline

import (
	"context"

	"github.com/otelgram/otelgram/wire"
)

// Sink is where a collection offers its points: the point queue, which Export uses, too. It
// belongs to one goroutine.
type Sink struct {
	pipeline *Pipeline
	holds    bool     // the queue, until Done
	payload  *payload // for the next distribution
}

// Sink returns a new one.
func (p *Pipeline) Sink() *Sink { return &Sink{pipeline: p} }

// Await waits until there is room for one more point, until ctx ends or the pipeline is
// closed. What needs no waiting is taken under a context that has ended, too.
func (s *Sink) Await(ctx context.Context, distribution bool) bool {
	l := s.pipeline.lane
	if !s.holds {
		if l.acquire(ctx) != granted {
			return false
		}
		s.holds = true
		l.open()
		l.mark()
	}
	if distribution && s.payload == nil {
		x, w := l.take(ctx)
		if w != granted {
			return false
		}
		s.payload = x
	}
	hasRoom := func() bool { return l.len() < l.capacity }
	return !l.isClosing() && (hasRoom() || l.await(ctx, hasRoom) == granted)
}

// Push takes a point for which Await has found room.
func (s *Sink) Push(p *wire.Point) {
	l := s.pipeline.lane
	pt := point{metric: p.Metric, compiled: p.Attributes, startTime: p.StartTime, time: p.Time, bits: p.Bits}
	if d := p.Distribution; d != nil {
		pt.payload, s.payload = s.payload, nil
		pt.payload.setDistribution(d)
		l.payloads.charge(pt.payload)
	}
	s.pipeline.counters.Offer(1)
	l.push(context.Background(), &pt) // there is room, and nobody else may push
}

// Done says that no more points of the collection come: the packet they are in need not
// wait for others.
func (s *Sink) Done() {
	if !s.holds {
		return
	}
	s.holds = false
	l := s.pipeline.lane
	if s.payload != nil {
		l.payloads.give(s.payload)
		s.payload = nil
	}
	l.finish()
	l.release()
}
