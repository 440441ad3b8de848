package otelgramreceiver

import (
	"net/netip"
	"time"

	"github.com/otelgram/otelgram/receiver"
)

const (
	// maxBatchPoints is how many points a batch has at most, but for the rest of a packet.
	maxBatchPoints = 8192
	// maxOpenItems bounds what the batches of a handler hold together, in points, their
	// attributes, buckets and exemplars: some MiB of memory.
	maxOpenItems = 1 << 17
)

// handler makes batches of the packets of one processor, one for each source.
type handler struct {
	delivery *delivery
	senders  *sessionNames
	points   pointWriter

	open  map[netip.AddrPort]*batch
	order []*batch // the open ones, the oldest first
	items int      // of all open ones
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
	}
	before := b.items
	b.add(p, &h.points)
	h.items += b.items - before
	if b.points >= maxBatchPoints || h.items >= maxOpenItems {
		h.Flush()
	}
}

// Flush hands over all batches.
func (h *handler) Flush() {
	batches := h.order
	h.items = 0
	h.order = nil
	clear(h.open)
	for _, b := range batches {
		h.delivery.deliver(b)
	}
}
