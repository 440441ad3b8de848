package pipeline

// flush is a ForceFlush under way: it is done when everything that was in the queues when it
// came in is sent or counted.
type flush struct {
	tickets []uint64 // for each source, how many points had been pushed
	step    step
	until   uint64 // packets to be settled, once packed
	done    chan struct{}
}

// step is how far a flush has come.
type step uint8

const (
	draining step = iota // the queues
	packing              // the last packet
	sending              // what was packed
	flushed
)

// accept takes a flush in: everything that is in the queues now is its business.
func (p *pump) accept(f flush) {
	for _, q := range p.sources {
		f.tickets = append(f.tickets, q.Pushed())
	}
	p.flushes = append(p.flushes, f)
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
		if p.packets.open {
			p.finish()
		}
		f.step, f.until = sending, p.packets.finished
	}
	if f.step == sending && p.packets.settled >= f.until {
		f.step = flushed
	}
}

// drained reports whether what was in the queues when f came in is packed.
func (p *pump) drained(f *flush) bool {
	for i, ticket := range f.tickets {
		if int64(p.sources[i].Taken()-ticket) < 0 {
			return false
		}
	}
	return true
}
