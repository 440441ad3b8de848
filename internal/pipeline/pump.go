package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/event"
	"github.com/otelgram/otelgram/internal/handoff"
	"github.com/otelgram/otelgram/internal/notice"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

// source is a queue as the pump sees it. It is made of runs: Fill takes a run out of the
// queue, Take takes the points of the run one by one.
type source interface {
	// Fill reports whether there is a run, or what is left of the last one.
	Fill() bool
	// Take returns the next point of the run, valid until the next call, and when it was
	// handed over, in Unix nanoseconds, 0 if that is of no interest. It returns false at the
	// end of the run.
	Take() (p *wire.Point, handedAt int64, ok bool)
	Pending() int // points of the run that are left
	Len() int     // points in the queue
	Pushed() uint64
	Taken() uint64
	Discard() // drops all that is left
}

// pump is the goroutine from the queues to the session, and all its state.
type pump struct {
	config   *Config
	books    *account.Books
	counters *counters
	notices  *notice.Metrics
	waker    *waker.Waker
	encoder  Encoder
	session  *session.Sender

	queue   *handoff.Queue
	points  *handoff.Reader
	sources []source // points and, in event mode, the event queue
	turn    int      // which source is packed first
	packets packets
	flushes []flush
	// restless is set when something was taken out or discarded since the last rest. exports
	// is how many Exports and collections had ended by then.
	restless bool
	exports  uint64

	timer *time.Timer
	// gather is until when events may gather: a while after the last run of them, so that a
	// flow of events does not wake the pump for each.
	gather time.Time
	// stalled is set when a queue is not empty and yet gave nothing.
	stalled bool

	newFlushes chan flush
	newEvents  chan *event.Queue
	stop, done chan struct{} // stop is closed to end the goroutine, done when it has ended
}

func (p *pump) run() {
	defer close(p.done)
	defer p.timer.Stop()
	for {
		p.notePeak()
		moved := p.packTurns()
		p.finishInTime()
		p.packets.settle(p.session.Send(time.Now(), p.packets.ready))
		moved = p.advanceFlushes() || moved
		p.noteRest()
		select {
		case <-p.stop:
			p.discard()
			p.session.End()
			p.countRest() // nobody can hand over more
			return
		case f := <-p.newFlushes:
			p.accept(f)
			continue
		case d := <-p.session.Dialled():
			p.session.Begin(d)
			continue
		case q := <-p.newEvents:
			p.sources = append(p.sources, q)
			continue
		default:
		}
		if !moved {
			p.sleep()
		}
	}
}

// notePeak notes how much waits in the queues.
func (p *pump) notePeak() {
	if n := int64(p.waiting()); n > p.counters.peak.Load() {
		p.counters.peak.Store(n)
	}
}

// waiting returns how many points and events wait in the queues.
func (p *pump) waiting() (n int) {
	for _, q := range p.sources {
		n += q.Len()
	}
	return n
}

// pending returns how many points of the runs are left.
func (p *pump) pending() (n int) {
	for _, q := range p.sources {
		n += q.Pending()
	}
	return n
}

const (
	// enoughBytes is how much is packed before it is sent: 16 packets of 1472 bytes. To hand
	// more to the kernel together saves little, and the other end would have to wait for it.
	enoughBytes = 16 * 1472
	// enoughPoints bounds the points that are packed before the pump looks at anything else:
	// points that are dropped, or of which there is nothing to say, fill no packet.
	enoughPoints = 8192
)

// packTurns packs until there is enough to be sent together or the queues are empty, and
// reports whether it moved anything.
func (p *pump) packTurns() (moved bool) {
	for points := 0; points < enoughPoints; {
		n := p.packTurn()
		if n == 0 {
			break
		}
		points, moved = points+n, true
		if p.packets.readyBytes >= enoughBytes {
			break
		}
	}
	return moved
}

// packTurn packs a run of each queue, and returns how many points it moved. If there is no
// room for both, they take turns: neither can keep the other from being sent.
func (p *pump) packTurn() (moved int) {
	first := p.turn
	for i := range p.sources {
		at := (first + i) % len(p.sources)
		n := p.packRun(p.sources[at])
		if n == 0 {
			continue
		}
		moved += n
		if i == 0 {
			p.turn = (first + 1) % len(p.sources)
		}
		if at > 0 { // events
			p.gather = time.Now().Add(p.config.MaxBatchAge)
		}
	}
	p.restless = p.restless || moved > 0
	return moved
}

// packRun packs a run of one queue, as far as there is room, and returns how many points it
// moved, those that Take has dropped included.
func (p *pump) packRun(q source) (moved int) {
	if !q.Fill() {
		return 0
	}
	before := q.Pending()
	for p.packets.room() {
		pt, handedAt, ok := q.Take()
		if !ok {
			break
		}
		p.pack(pt, handedAt)
	}
	return before - q.Pending()
}

// pack puts a point into the open packet, or into the next one. The caller has made sure that
// there is room.
func (p *pump) pack(pt *wire.Point, handedAt int64) {
	if !p.packets.open {
		p.begin()
	}
	result := p.encoder.Append(pt)
	if result == wire.Full {
		p.packets.finish()
		p.begin()
		result = p.encoder.Append(pt)
	}
	if result == wire.Large {
		p.packets.enlarge()
		result = p.encoder.Append(pt)
	}
	p.packets.note(handedAt)
	switch result {
	case wire.Added:
	case wire.Unsayable:
		p.notices.Unsayable(pt.Metric)
		p.lose(wire.Encode)
	case wire.NoMemory:
		p.lose(wire.Memory)
	default:
		p.reduce(pt)
	}
}

// begin opens a packet.
func (p *pump) begin() {
	p.points.NewPacket()
	p.packets.begin(p.session.Limit())
}

// reduce packs a point that fits no body without leaving something out, or drops it, and says
// so.
func (p *pump) reduce(pt *wire.Point) {
	size := 0
	say := p.notices.Open(pt.Metric)
	if say {
		size = p.encoder.Size(pt)
	}
	r, ok := p.encoder.AppendReduced(pt)
	if !ok {
		if say {
			p.notices.Oversize(pt.Metric, size, p.encoder.Session())
		}
		p.lose(wire.Oversize)
		return
	}
	p.counters.reduce(r)
	if say {
		p.notices.Reduced(pt.Metric, size, r)
	}
}

// lose drops the point at hand, which is not in the open packet.
func (p *pump) lose(reason wire.DropReason) {
	p.books.Lose(reason, 1)
	if p.packets.wide && p.encoder.Points() == 0 {
		p.packets.finish() // it was enlarged for nothing: what follows fits a packet
	}
}

// finishInTime closes the open packet when all points of an Export or a collection are
// packed, since no others will come, and once it is too old to wait for others.
func (p *pump) finishInTime() {
	if p.points.Ended() || p.packets.open && time.Since(p.packets.openedAt) >= p.config.MaxBatchAge {
		p.packets.finish()
	}
}

// accept takes a flush in.
func (p *pump) accept(f flush) {
	f.begin(p.sources)
	p.flushes = append(p.flushes, f)
}

// advanceFlushes moves the flushes on and reports whether any did move.
func (p *pump) advanceFlushes() (moved bool) {
	left := p.flushes[:0]
	for _, f := range p.flushes {
		moved = f.advance(p.sources, &p.packets) || moved
		if f.step != flushed {
			left = append(left, f)
		}
	}
	p.flushes = left
	return moved
}

// noteRest counts when everything that was handed over is sent or dropped, and nobody is about
// to hand over more.
//
// Whether an Export is under way is asked first. Otherwise one that ends in between would count
// once for its points and once more for its end.
func (p *pump) noteRest() {
	if !p.queue.UnderWay() {
		p.countRest()
	}
}

// countRest counts a rest if there was something since the last one, and all of it is sent or
// dropped. An Export of which nothing reached the queue is something, too.
func (p *pump) countRest() {
	exports := p.queue.Exports()
	if !p.restless && exports == p.exports {
		return
	}
	if !p.packets.open && len(p.packets.ready) == 0 && p.pending()+p.waiting() == 0 {
		p.restless, p.exports = false, exports
		p.counters.exports.Add(1)
	}
}

// discard drops everything that the queues and the pump still hold.
func (p *pump) discard() {
	p.packets.finish()
	for i := range p.packets.ready {
		p.session.Drop(&p.packets.ready[i], wire.Shutdown)
	}
	p.packets.ready = nil
	p.restless = p.restless || p.pending()+p.waiting() > 0
	for _, q := range p.sources {
		q.Discard()
	}
	for _, f := range p.flushes {
		close(f.done)
	}
	p.flushes = nil
}
