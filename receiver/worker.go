package receiver

import (
	"errors"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/otelgram/otelgram/receiver/internal/compact"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// Packet is what a handler of [ListenPackets] gets: the points of one packet, or of one
// body that came in several packets.
type Packet struct {
	// Decoder has read the packet and stands before its first point. It is the receiver's
	// again when the handler returns.
	//
	// The decoder of a Plain packet is of the same kind: the Format of its header is
	// [plain.Format], Session is the ID in [Stats], and PointsBefore is 0. Its points are
	// gauges and sums of one empty resource and scope, without start times, and their
	// attributes are strings.
	Decoder *wire.Decoder
	// Source is the address from which the packet came. It is zero for Unix sockets.
	Source netip.AddrPort
	// Arrived is when the packet was read from the socket. If a body came in several
	// packets, it is when the last of them was read.
	Arrived time.Time
}

// PacketHandler is what [ListenPackets] gives packets to. One goroutine at a time calls its
// methods.
type PacketHandler interface {
	// HandlePacket is called for each packet. The packet, and all that its decoder returns,
	// is valid until HandlePacket returns.
	HandlePacket(*Packet)
	// Flush is called when no packet waits after one or several packets, at the latest a
	// tenth of a second after the first of them, and at the end. A handler that makes
	// batches hands over what it has. If Flush exits its goroutine, it is called again.
	// [Receiver.Shutdown] waits for Flush as for HandlePacket. If its context ends before,
	// Flush is called later; what the handler was given counts as delivered.
	Flush()
}

// maxUnflushed is how long a handler goes without a flush after a packet, while others
// follow without end.
const maxUnflushed = 100 * time.Millisecond

// handler is what a worker calls.
type handler interface {
	// handle takes a packet. It returns false if the packet's data cannot be made in
	// bounded memory.
	handle(*Packet) bool
	flush()
}

// packetHandler is the handler behind [ListenPackets].
type packetHandler struct{ user PacketHandler }

func (h packetHandler) handle(p *Packet) bool {
	h.user.HandlePacket(p)
	return true
}

func (h packetHandler) flush() { h.user.Flush() }

// worker decodes the packets of the sessions it serves and calls the handler.
type worker struct {
	receiver  *Receiver
	handle    handler
	queue     *queue
	decoder   wire.Decoder
	compactor compact.Compactor // for Plain packets
	packet    Packet
	// unflushed is when the handler was given the first packet since its last flush. It is
	// zero if the handler was given none.
	unflushed time.Time
}

// run serves the queue until that is closed and empty. If a handler exits its goroutine,
// run goes on in another goroutine.
func (w *worker) run() {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p) // the handler panicked and did not exit
		}
		w.receiver.working.Go(w.run)
	}()
	for {
		j := w.queue.poll()
		if j == nil {
			w.flush()
			if j = w.queue.pop(); j == nil {
				break
			}
		}
		w.serve(j)
		if !w.unflushed.IsZero() && time.Since(w.unflushed) >= maxUnflushed {
			w.flush()
		}
	}
	returned = true
}

// flush flushes the handler, if it was given a packet since the last time.
func (w *worker) flush() {
	if !w.unflushed.IsZero() {
		w.handle.flush()
		w.unflushed = time.Time{} // not reached if flush exits its goroutine
	}
}

// serve decodes a job, which is in hand, and calls the handler. The job is counted even if
// the handler exits its goroutine.
func (w *worker) serve(j *job) {
	defer w.receiver.buffers.put(j)
	if err := w.decode(j); err != nil {
		w.count(causeOf(err), len(j.data))
		return
	}
	if !w.queue.begin() {
		w.receiver.overrun(&j.body)
		w.queue.finish()
		return
	}
	cause := wire.Accepted
	defer func() { w.count(cause, len(j.data)) }()
	w.packet = Packet{Decoder: &w.decoder, Source: j.source, Arrived: j.arrived}
	if w.unflushed.IsZero() {
		w.unflushed = time.Now()
	}
	if !w.handle.handle(&w.packet) {
		cause = wire.OverBudget
	}
}

// decode reads a job into the decoder.
func (w *worker) decode(j *job) error {
	data := j.data
	if j.header.Format == plain.Format {
		var err error
		if data, err = w.compactor.Compact(&j.header, data); err != nil {
			return err
		}
	}
	return w.decoder.ResetBody(&j.header, data)
}

// count counts the job in hand, unless giveUp has counted it. bytes is the size of the
// body, for the log.
func (w *worker) count(cause wire.Cause, bytes int) {
	b, ok := w.queue.returned()
	defer w.queue.finish()
	switch {
	case !ok:
	case cause == wire.Accepted:
		w.receiver.deliver(b.session, b.tally())
	default:
		w.receiver.reject(&b, cause, bytes)
	}
}

func causeOf(err error) wire.Cause {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return wire.Malformed
}

// buffers are jobs for reuse, each with memory for a body, by size.
type buffers [classes]sync.Pool

// classes is how many sizes of memory there are. Each is twice the one before.
const classes = 4

// get returns a job with a copy of data.
func (b *buffers) get(data []byte) *job {
	class := bits.Len(uint(max(len(data)-1, 0)) / placeSize)
	if class >= classes {
		return &job{data: slices.Clone(data)}
	}
	j, _ := b[class].Get().(*job)
	if j == nil {
		j = &job{data: make([]byte, 0, placeSize<<class)}
	}
	j.data = append(j.data[:0], data...)
	return j
}

func (b *buffers) put(j *job) {
	for class := range b {
		if cap(j.data) == placeSize<<class {
			j.body = body{}
			b[class].Put(j)
			return
		}
	}
}
