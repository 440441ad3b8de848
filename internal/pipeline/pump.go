package pipeline

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/event"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// pump is the goroutine between the lane and the network, and all the state
// that is its own.
type pump struct {
	config   *Config
	counters *counters
	lane     *lane
	sets     *intern.AttributeSets
	notices  *notices
	encoder  Encoder
	link     link

	run    []point // popped, from next on still to be packed
	next   int
	buf    []point // backs run
	handed int64   // when the first of run was handed over, in Unix nanoseconds
	// packing is the point that is being packed. It is a field because a local variable that
	// goes to an interface is allocated.
	packing wire.Point
	// recording is when what is packed at present was handed over; 0: that is of
	// no interest.
	recording int64

	// A packet goes from spare to open to ready and back. One that travels in
	// fragments has a buffer of large instead.
	spare      [][]byte
	large      [][]byte
	open       bool
	wide       bool // the open packet has a buffer of large
	openedAt   time.Time
	recorded   int64 // when the first timed point of the open packet was handed over, see packet
	ready      []packet
	readyBytes int
	finished   uint64 // packets ever closed
	settled    uint64 // packets ever sent or dropped
	ended      uint64 // up to which end of an Export packets have been closed

	events *event.Queue // nil but in event mode
	// eventsFirst says whose turn it is: that of the events or that of the points.
	eventsFirst bool
	flushes     []flush
	timer       *time.Timer
	// gather is until when events that come may gather: a while after the last
	// that came before, so that a flow of them does not wake the pump for each.
	gather time.Time
	// stalled is set when a queue is not empty and yet gave nothing.
	stalled bool
	// unsettled is set when the pump takes points or events, see settle.
	unsettled bool
}

func newPump(c *Config, l *lane, counters *counters, n *notices) (*pump, error) {
	size := c.PacketSize
	if size == 0 {
		size = usualSize
	}
	newEncoder := c.NewEncoder
	if newEncoder == nil {
		newEncoder = NewCompact
	}
	encoder, err := newEncoder(size, l.memory)
	if err != nil {
		return nil, err
	}
	p := &pump{
		config: c, counters: counters, lane: l, notices: n, encoder: encoder,
		sets:  intern.NewAttributeSets(maxSeries, l.memory),
		buf:   make([]point, c.BatchSize),
		large: make([][]byte, maxLarge), // made when first needed
		ready: make([]packet, 0, maxReady),
		timer: time.NewTimer(time.Hour),
	}
	p.link = newLink(c, counters, encoder, size)
	return p, nil
}

// loop runs until stop is closed. Whatever is left then is dropped.
func (p *pump) loop(in *inbox) {
	defer close(in.stopped)
	defer p.timer.Stop()
	for {
		p.measure()
		moved := p.packTurn()
		p.closeEnded()
		p.closeOld()
		p.transmit(time.Now())
		moved = p.advanceFlushes() || moved
		p.settle()
		select {
		case <-in.stop:
			p.discardAll()
			p.link.close()
			return
		case f := <-in.flushes:
			p.accept(f)
			continue
		case s := <-in.senders:
			p.link.adopt(s)
			continue
		case p.events = <-in.events:
			continue
		default:
		}
		if !moved {
			p.sleep(in)
		}
	}
}

// measure notes how much waits.
func (p *pump) measure() {
	n := p.lane.len()
	if p.events != nil {
		n += p.events.Len()
	}
	if int64(n) > p.counters.peak.Load() {
		p.counters.peak.Store(int64(n))
	}
}

// packTurn packs a run of each queue, and reports whether it moved anything. Where there
// is not room for both, they take turns: neither can keep the other from being sent.
func (p *pump) packTurn() bool {
	first, second := p.packRun, p.packEvents
	if p.eventsFirst {
		first, second = second, first
	}
	moved := first()
	if moved {
		p.eventsFirst = !p.eventsFirst
	}
	return second() || moved
}

// packRun packs one run of points from the SDK lane, as far as there is room,
// and reports whether it moved anything.
func (p *pump) packRun() bool {
	if p.next == len(p.run) {
		n := p.lane.popBatch(p.buf)
		p.counters.Take(n)
		p.run, p.next = p.buf[:n], 0
		p.handed = p.lane.handedAt(p.lane.popped() - uint64(n))
		p.lane.makeRoom()
	}
	start := p.next
	p.unsettled = p.unsettled || len(p.run) > start
	p.recording = p.handed
	for ; p.next < len(p.run) && p.room(); p.next++ {
		p.packPoint(&p.run[p.next])
	}
	return p.next > start
}

func (p *pump) packPoint(pt *point) {
	if !p.open {
		p.begin() // which may forget what is interned
	}
	w := &p.packing
	*w = wire.Point{Metric: pt.metric, Attributes: pt.compiled, StartTime: pt.startTime, Time: pt.time, Bits: pt.bits}
	ok := true
	var interned *attribute.Set
	if pt.compiled == nil {
		interned = &pt.attributes
		w.Attributes, ok = p.sets.Intern(pt.attributes)
	}
	if l := pt.payload; l != nil {
		ok = ok && !l.invalid
		w.Exemplars = l.exemplars
		if l.distributed {
			w.Distribution = &l.distribution
		}
	}
	if ok {
		p.pack(w, interned)
	} else {
		p.notices.unsendable(pt.metric, &pt.attributes)
		p.counters.Lose(wire.Encode, 1)
	}
	p.release(pt)
}

// pack puts a point into the open packet, or into the next one. The caller has
// made sure that there is room. interned is what its attributes were interned
// from; nil: a series has them.
func (p *pump) pack(w *wire.Point, interned *attribute.Set) {
	if !p.open {
		p.begin()
	}
	result := p.encoder.Append(w)
	if result == wire.Full {
		p.finish()
		p.begin()
		if interned != nil {
			w.Attributes, _ = p.sets.Intern(*interned) // as the points that follow have it
		}
		result = p.encoder.Append(w)
	}
	if result == wire.Large {
		p.enlarge()
		result = p.encoder.Append(w)
	}
	if p.recorded == 0 {
		p.recorded = p.recording
	}
	switch result {
	case wire.Added:
	case wire.Unsayable:
		p.notices.unsayable(w.Metric)
		p.lose(wire.Encode)
	case wire.NoMemory:
		p.lose(wire.Memory)
	default:
		p.reduce(w)
	}
}

// lose drops the point at hand, which is not in the open packet.
func (p *pump) lose(reason wire.DropReason) {
	p.counters.Lose(reason, 1)
	if p.wide && p.encoder.Points() == 0 {
		p.finish() // it was enlarged for nothing: what follows fits a packet
	}
}

// packEvents makes points of one run of events, as far as there is room, and reports
// whether it moved anything.
func (p *pump) packEvents() bool {
	q := p.events
	if q == nil || !q.Fill() {
		return false
	}
	moved := false
	for p.room() {
		t, ok := q.Take()
		if !ok {
			break
		}
		moved = true
		p.recording = t.Recorded
		p.packing = t.Point
		p.pack(&p.packing, nil)
	}
	if moved {
		p.unsettled = true
		p.gather = time.Now().Add(p.config.MaxBatchAge)
	}
	return moved
}

// reduce packs a point that does not fit any body without leaving something out,
// or drops it, and says so.
func (p *pump) reduce(w *wire.Point) {
	n, size := p.notices, 0
	open := n.open(w.Metric)
	if open {
		size = p.encoder.Size(w)
	}
	r, ok := p.encoder.AppendReduced(w)
	if !ok {
		if open {
			n.oversize(w.Metric, size, p.encoder.Session())
		}
		p.lose(wire.Oversize)
		return
	}
	p.counters.reduce(r)
	if open {
		n.reduced(w.Metric, size, r)
	}
}

// release gives back what pt holds.
func (p *pump) release(pt *point) {
	if pt.payload != nil {
		p.lane.payloads.give(pt.payload)
		pt.payload = nil
		p.lane.makeRoom()
	}
}

// transmit sends of the ready packets what may leave now.
func (p *pump) transmit(now time.Time) {
	n := p.link.send(now, p.ready)
	for i := range p.ready[:n] {
		p.readyBytes -= len(p.ready[i].bytes)
		p.keep(p.ready[i].bytes, p.ready[i].wide)
	}
	p.ready = p.ready[:copy(p.ready, p.ready[n:])]
	p.settled += uint64(n)
}

// discardAll drops everything the pump and the lane still hold.
func (p *pump) discardAll() {
	for ; p.next < len(p.run); p.next++ {
		p.counters.Lose(wire.Shutdown, 1)
		p.release(&p.run[p.next])
	}
	if p.open {
		p.finish()
	}
	for i := range p.ready {
		p.link.drop(&p.ready[i], wire.Shutdown)
	}
	p.ready, p.readyBytes = p.ready[:0], 0
	for {
		n := p.lane.popBatch(p.buf)
		if n == 0 {
			break
		}
		p.counters.Take(n)
		for i := range p.buf[:n] {
			p.counters.Lose(wire.Shutdown, 1)
			p.release(&p.buf[i])
		}
	}
	if p.events != nil {
		p.events.Discard()
	}
	for _, f := range p.flushes {
		close(f.done)
	}
	p.flushes = nil
}
