package pipeline

import "time"

// flush is a ForceFlush on its way: it is done when everything that was in the
// lane when it came in has been sent or counted.
type flush struct {
	collect     bool   // also emit a point of every series
	ticket      uint64 // of the SDK lane
	eventTicket uint64 // of the direct lane
	step        step
	until       uint64 // packets to be settled, once packed
	done        chan struct{}
}

// step is how far a flush has come.
type step uint8

const (
	draining   step = iota // the lanes
	collecting             // next
	emitting               // the points of the collection
	packing                // the last packet
	sending                // what was packed
	flushed
)

// drains reports whether f still waits for something in the lanes.
func (f flush) drains() bool { return f.step == draining }

// accept takes a flush in: everything now in the lanes is its business.
func (p *pump) accept(f flush) {
	f.ticket = p.lane.pushed()
	if p.folder != nil {
		f.eventTicket = p.folder.lane.ring.Pushed()
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
		if f.collect && p.folder != nil {
			f.step = collecting
		}
	}
	if f.step == collecting && !p.folder.emission.active {
		p.folder.begin(time.Now())
		f.step = emitting
		return // the points follow in the next rounds
	}
	if f.step == emitting && !p.folder.emission.active {
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

// drained reports whether what was in the lanes when f came in is packed or
// folded.
func (p *pump) drained(f *flush) bool {
	if int64(p.packed()-f.ticket) < 0 {
		return false
	}
	return p.folder == nil || p.folder.observed == nil && int64(p.folder.lane.ring.Popped()-f.eventTicket) >= 0
}
