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
	// Decoder has read the packet and stands before its first point. It is the
	// receiver's again when the handler returns. Of a Plain packet, too: the Format of
	// its header is [plain.Format] then, Session is the ID in [Stats], and PointsBefore
	// is 0. Its points are gauges and sums of one empty resource and scope, without start
	// times, and their attributes are strings.
	Decoder *wire.Decoder
	// Source is the address the packet came from. It is zero for Unix sockets.
	Source netip.AddrPort
	// Arrived is when it was read from the socket; of a body in several packets, the last.
	Arrived time.Time
}

// PacketHandler is what [ListenPackets] gives packets to. Its methods are called by one
// goroutine at a time.
type PacketHandler interface {
	// HandlePacket is called for each packet. The packet, and all that its decoder
	// returns, is valid until it returns.
	HandlePacket(*Packet)
	// Flush is called after one or several packets when no other waits, at the latest a
	// tenth of a second after the first of them, and at the end. A handler that makes
	// batches hands over what it has. If Flush exits its goroutine, it is called again.
	// [Receiver.Shutdown] waits for Flush as for HandlePacket. Where its context ends
	// before that, Flush is called later: what the handler was given counts as delivered.
	Flush()
}

// maxUnflushed is how long a handler goes without a flush after a packet, while others
// follow without end.
const maxUnflushed = 100 * time.Millisecond

// handler is what a worker calls.
type handler interface {
	// handle takes a packet. It returns false for one whose data cannot be made in
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
	compactor compact.Compactor // of what is Plain
	packet    Packet
	// unflushed is when the handler was given the first packet since its last flush; zero if
	// it was given none.
	unflushed time.Time
}

// run serves the queue until that is closed and empty. Where a handler exits its
// goroutine, another goroutine goes on.
func (w *worker) run() {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p) // it did not exit
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
		w.unflushed = time.Time{} // not where it exits its goroutine
	}
}

// serve decodes a job, which the queue says is in hand, and calls the handler. The job is
// counted also where the handler exits its goroutine.
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

// count counts what is in hand, a body of so many bytes, unless that is done.
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

// buffers are jobs to be used again, each with memory for a body, by size.
type buffers [classes]sync.Pool

// classes is how many sizes of memory there are, each twice the one before.
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
