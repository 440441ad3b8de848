package receiver

import (
	"errors"
	"net/netip"
	"sync"

	"github.com/otelgram/otelgram/wire"
)

// Packet is what a handler of [ListenPackets] gets: the points of one packet, or of one
// body that came in several packets.
type Packet struct {
	// Decoder has read the packet and stands before its first point. It is the
	// receiver's again when the handler returns.
	Decoder *wire.Decoder
	// Source is the address the packet came from. It is zero for Unix sockets.
	Source netip.AddrPort
	// More says that other packets wait for the same handler already. A handler that
	// makes batches may wait for them.
	More bool
}

// handler takes a packet. It returns false for one whose data cannot be made in bounded
// memory.
type handler func(*Packet) bool

// worker decodes the packets of the sessions it serves and calls the handler.
type worker struct {
	receiver *Receiver
	handle   handler
	queue    *queue
	decoder  wire.Decoder
	packet   Packet

	mu      sync.Mutex
	serving body // what is in the hands of the handler; without session: nothing, or counted
	bytes   int  // of that
}

// run serves the queue until that is closed and empty. A handler that exits its
// goroutine has been given its packet; another goroutine goes on.
func (w *worker) run() {
	exited := true
	defer func() {
		if exited {
			w.receiver.working.Go(w.run)
		}
	}()
	for {
		j, more := w.queue.pop()
		if j == nil {
			break
		}
		w.serve(j, more)
	}
	exited = false
}

func (w *worker) serve(j *job, more bool) {
	defer w.receiver.buffers.put(j)
	if err := w.decoder.ResetBody(&j.header, j.data); err != nil {
		w.receiver.reject(&j.body, causeOf(err), len(j.data))
		return
	}
	w.mu.Lock()
	w.serving, w.bytes = j.body, len(j.data)
	w.mu.Unlock()
	ok := true
	defer func() { w.finish(ok) }() // also where the handler exits its goroutine
	w.packet = Packet{Decoder: &w.decoder, Source: j.source, More: more}
	ok = w.handle(&w.packet)
}

// finish counts the packet in the hands of the handler, unless that is done.
func (w *worker) finish(delivered bool) {
	w.mu.Lock()
	b, bytes := w.serving, w.bytes
	w.serving = body{}
	w.mu.Unlock()
	switch {
	case b.session == nil:
	case delivered:
		w.receiver.deliver(b.session, b.tally())
	default:
		w.receiver.reject(&b, wire.OverBudget, bytes)
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
type buffers struct{ small, medium sync.Pool }

// mediumSize is the largest memory of a job that is used again, in bytes.
const mediumSize = 16 << 10

// get returns a job with a copy of data.
func (b *buffers) get(data []byte) *job {
	j, _ := b.pool(len(data)).Get().(*job)
	if j == nil {
		j = &job{}
	}
	j.data = append(j.data[:0], data...)
	return j
}

func (b *buffers) put(j *job) {
	if cap(j.data) > mediumSize {
		return
	}
	j.body = body{}
	b.pool(cap(j.data)).Put(j)
}

func (b *buffers) pool(size int) *sync.Pool {
	if size <= placeSize {
		return &b.small
	}
	return &b.medium
}
