package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// packet is a finished packet that waits to be sent. One that is larger than the
// path takes leaves in fragments.
type packet struct {
	bytes  []byte
	points int
	wide   bool // its buffer is one of large
	// When the first of its points was handed over, in Unix nanoseconds, 0 where
	// that is not measured, and when the pump took it: on the direct path, where
	// points are made of series, both are when they were.
	recorded int64
	openedAt time.Time
}

const (
	// maxReady and maxReadyBytes bound the packets that wait to be sent: another
	// is begun below both.
	maxReady      = 32
	maxReadyBytes = 64 << 10
	// maxLarge is how many buffers there are for packets that leave in fragments. One
	// waits to be sent, one is open.
	maxLarge = 2
)

// room reports whether there are buffers for one more packet than the open one,
// so that one more point is sure to find a place, whatever its size.
func (p *pump) room() bool {
	return len(p.ready)+1 < maxReady && p.readyBytes < maxReadyBytes && len(p.large) > 0
}

// begin opens a packet.
func (p *pump) begin() {
	if p.config.NoInterning {
		p.sets.Forget()
	}
	var b []byte
	if last := len(p.spare) - 1; last >= 0 {
		b, p.spare = p.spare[last], p.spare[:last]
	}
	p.encoder.SetLimit(p.link.limit)
	p.encoder.Start(b)
	p.open, p.wide, p.openedAt, p.recorded = true, false, time.Now(), 0
}

// enlarge gives the open packet, which is empty, a buffer for the largest body.
func (p *pump) enlarge() {
	last := len(p.large) - 1
	if p.large[last] == nil {
		// The buffer is made whether or not the budget has enough left, since without
		// it the point would never be sent. Half of the scratch is charged with it.
		p.lane.memory.Take(wire.LargeBufferSize + maxScratch/maxLarge)
	}
	p.keep(p.encoder.Enlarge(p.large[last]), false)
	p.large = p.large[:last]
	p.wide = true
}

// keep takes back the buffer of a packet.
func (p *pump) keep(b []byte, wide bool) {
	switch {
	case wide:
		p.large = append(p.large, b[:0])
	case cap(b) >= p.encoder.BufferSize(): // one that is too small by now is not kept
		p.spare = append(p.spare, b[:0])
	}
}

// closeEnded closes the open packet when all points of an Export are packed: it
// does not wait for points that will not come.
func (p *pump) closeEnded() {
	end := p.lane.end.Load()
	if end == p.ended || int64(p.packed()-end) < 0 {
		return
	}
	p.ended = end
	if p.open {
		p.finish()
	}
}

// packed is how many points of the lane have been packed or dropped.
func (p *pump) packed() uint64 { return p.lane.popped() - uint64(len(p.run)-p.next) }

// closeOld closes the open packet once it is too old to wait for more points.
func (p *pump) closeOld() {
	if p.open && time.Since(p.openedAt) >= p.config.MaxBatchAge {
		p.finish()
	}
}

// finish closes the open packet. An empty one gives its buffer back.
func (p *pump) finish() {
	points := p.encoder.Points()
	b := p.encoder.Finish()
	p.open = false
	if points == 0 || len(b) == 0 {
		p.counters.Send(points) // nothing is to be said of them
		p.keep(b, p.wide)
		return
	}
	p.ready = append(p.ready, packet{bytes: b, points: points, wide: p.wide, recorded: p.recorded, openedAt: p.openedAt})
	p.readyBytes += len(b)
	p.finished++
}
