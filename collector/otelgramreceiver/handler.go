package otelgramreceiver

import (
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/receiver"
)

const (
	// maxBatchPoints is how many points make a batch full.
	maxBatchPoints = 8192
	// maxOpenBytes bounds the memory of all batches that a processor has open. They may
	// exceed it by what one packet unfolds to, 8 MiB at most.
	maxOpenBytes = 16 << 20
)

// handler makes batches of the packets of one processor, one for each source.
type handler struct {
	delivery *delivery
	senders  *sessionNames
	points   pointWriter

	open  map[netip.AddrPort]*batch
	order []*batch // the open ones, the oldest first
	bytes int      // of memory of all open ones, about
}

var _ receiver.PacketHandler = (*handler)(nil)

func newHandler(d *delivery, s *sessionNames, maxSkew time.Duration) *handler {
	return &handler{delivery: d, senders: s, points: newPointWriter(maxSkew), open: map[netip.AddrPort]*batch{}}
}

// HandlePacket adds a packet to the batch of its source.
func (h *handler) HandlePacket(p *receiver.Packet) {
	h.senders.note(p.Decoder)
	b := h.open[p.Source]
	if b == nil {
		b = newBatch(p.Source, p.Arrived)
		h.open[p.Source] = b
		h.order = append(h.order, b)
		h.bytes += b.bytes
	}
	before := b.bytes
	b.add(p, &h.points)
	h.bytes += b.bytes - before
	if b.points >= maxBatchPoints || h.bytes >= maxOpenBytes {
		h.Flush()
	}
}

// Flush hands over all batches. If a consumer exits the goroutine, Flush ends there, and
// the next call goes on with the batch behind.
func (h *handler) Flush() {
	for len(h.order) > 0 {
		b := h.order[0]
		h.order[0] = nil
		h.order = h.order[1:]
		delete(h.open, b.source)
		h.bytes -= b.bytes
		h.delivery.deliver(b)
	}
}
