package pipeline

// flush is a ForceFlush on its way: it is done when everything that was in the
// queues when it came in has been sent or counted.
type flush struct {
	ticket      uint64 // of the point queue
	eventTicket uint64 // of the event queue
	step        step
	until       uint64 // packets to be settled, once packed
	done        chan struct{}
}

// step is how far a flush has come.
type step uint8

const (
	draining step = iota // the queues
	packing              // the last packet
	sending              // what was packed
	flushed
)

// accept takes a flush in: everything now in the queues is its business.
func (p *pump) accept(f flush) {
	f.ticket = p.lane.pushed()
	if p.events != nil {
		f.eventTicket = p.events.Pushed()
	}
	p.flushes = append(p.flushes, f)
}

// settle counts an Export, a collection or a run of events that is over as a whole: each of
// its points is sent or dropped, and nobody is about to hand over more.
func (p *pump) settle() {
	if p.unsettled && p.atRest() {
		p.unsettled = false
		p.counters.exports.Add(1)
	}
}

// atRest reports whether no point or event is anywhere between its caller and the network,
// and nobody holds the point queue.
func (p *pump) atRest() bool {
	return p.next == len(p.run) && !p.open && len(p.ready) == 0 &&
		len(p.lane.hold) == cap(p.lane.hold) && p.lane.len() == 0 &&
		(p.events == nil || p.events.Pending() == 0 && p.events.Len() == 0)
}

// advanceFlushes moves the flushes on and reports whether any did move.
func (p *pump) advanceFlushes() bool {
	moved := false
	left := p.flushes[:0]
	for _, f := range p.flushes {
		before := f.step
		p.advance(&f)
		moved = moved || f.step != before
		if f.step == flushed {
			close(f.done)
			continue
		}
		left = append(left, f)
	}
	p.flushes = left
	return moved
}

// advance moves one flush on, as far as it goes.
func (p *pump) advance(f *flush) {
	if f.step == draining && p.drained(f) {
		f.step = packing
	}
	if f.step == packing {
		if p.open {
			p.finish()
		}
		f.step, f.until = sending, p.finished
	}
	if f.step == sending && p.settled >= f.until {
		f.step = flushed
	}
}

// drained reports whether what was in the queues when f came in is packed.
func (p *pump) drained(f *flush) bool {
	if int64(p.packed()-f.ticket) < 0 {
		return false
	}
	return p.events == nil || int64(p.events.Popped()-uint64(p.events.Pending())-f.eventTicket) >= 0
}
