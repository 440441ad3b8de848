package receiver

import (
	"errors"
	"net"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

const (
	readBatch = 64
	readPause = 10 * time.Millisecond
)

// reader empties one socket. It does nothing but keep the books and queue packets.
type reader struct {
	receiver *Receiver
	listener *udp.Listener
	batch    [readBatch]udp.Datagram
	headers  [readBatch]wire.Header
	taken    [readBatch]bool // the packet is otelgram and comes from a source that is allowed
}

func newReader(r *Receiver, l *udp.Listener) *reader {
	return &reader{receiver: r, listener: l}
}

// run reads until the socket is closed.
func (in *reader) run() {
	for {
		n, err := in.listener.ReadBatch(in.batch[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(readPause) // if the error lasts, do not spin
		default:
			in.take(n)
		}
	}
}

// take enters the first n packets of the batch in the books and queues them.
func (in *reader) take(n int) {
	r := in.receiver
	for i := range n {
		in.headers[i], in.taken[i] = r.check(&in.batch[i])
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	for i := range n {
		if in.taken[i] {
			r.take(&in.headers[i], &in.batch[i], now)
		}
	}
}

// check returns the header of a packet, and whether the packet is taken. It counts a packet
// that is not. The checksum is computed here, and nowhere else.
func (r *Receiver) check(d *udp.Datagram) (wire.Header, bool) {
	if !r.config.allowed(d.Source) {
		r.foreign.Add(1)
		r.notices.refused(foreignSource, d.Source, len(d.Data))
		return wire.Header{}, false
	}
	if d.Truncated {
		r.tooLong.Add(1)
		r.notices.refused(tooLong, d.Source, len(d.Data))
		return wire.Header{}, false
	}
	h, cause := r.checkHeader(d)
	if cause != wire.Accepted {
		r.causes[cause].Add(1)
		r.notices.refused(int(cause), d.Source, len(d.Data))
		return h, false
	}
	return h, true
}

// take enters one packet in the books and queues it.
func (r *Receiver) take(h *wire.Header, d *udp.Datagram, now time.Time) {
	s, v := r.table.see(h, d.Source, now)
	if v != window.Fresh {
		return
	}
	b := body{session: s, source: d.Source, header: *h, packets: 1, arrived: now}
	switch h.Format {
	case wire.SenderReport:
		r.report(&b, d.Data, now)
	case wire.FragmentFormat:
		r.fragment(&b, d.Data, now)
	case plain.Format:
		r.plain(&b, d.Data)
	default:
		r.queue(&b, d.Data[wire.HeaderSize:len(d.Data)-wire.TrailerSize])
	}
}

// queue gives a body to its session's worker, or counts it as overrun.
func (r *Receiver) queue(b *body, data []byte) {
	if !r.workerOf(b.session.id).queue.offer(b, data, &r.buffers) {
		r.table.overrun(b)
	}
}

// fragment keeps a fragment until its body is whole.
func (r *Receiver) fragment(b *body, packet []byte, now time.Time) {
	f, ok := wire.ReadFragment(packet, &b.header)
	whole, evicted := (*partial)(nil), []*partial(nil)
	if ok {
		whole, evicted, ok = r.reassembly.add(b, f, now)
	}
	if !ok {
		r.reject(b, wire.Malformed, len(packet))
	}
	r.abandon(evicted)
	if whole != nil {
		r.scratch = whole.assembly.AppendBody(r.scratch[:0])
		r.queue(&whole.body, r.scratch)
	}
}

// abandon counts the fragments of bodies that will not be whole.
func (r *Receiver) abandon(partials []*partial) {
	for _, p := range partials {
		r.incomplete.Add(uint64(p.packets))
		p.session.rejected.add(p.tally())
		r.rejected.add(p.tally())
	}
}

// expire forgets what has been silent for too long, a bounded number at a time.
func (r *Receiver) expire(now time.Time) {
	r.table.expire(now)
	r.abandon(r.reassembly.expire(now.Add(-reassemblyAge)))
}

// report enters what the sender says about itself. A report has no points of its own; its
// header says how many points were sent. A report that comes after a newer packet has
// nothing new to say about drops.
func (r *Receiver) report(b *body, packet []byte, now time.Time) {
	s := b.session
	report, ok := wire.ReadReport(packet, &b.header)
	if !ok {
		r.reject(b, wire.Malformed, len(packet))
		return
	}
	s.learn(report.Age, now, r.table.known)
	r.table.enter(s)
	if b.header.Sequence+1 == s.newest.packets {
		s.setDropped((*drops)(&report.Dropped))
	}
	r.deliver(s, b.tally())
}
