package receiver

import (
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// worker decodes the packets of the sessions it serves and calls the handler.
type worker struct {
	receiver *Receiver
	handle   func(*metricdata.ResourceMetrics)
	queue    chan job
	waiting  atomic.Int64 // bytes in the queue
	buffers  sync.Pool    // of *[]byte
	decoder  wire.Decoder
	builder  builder
}

// packetBudget is what a packet in the queue may take on average, in bytes: the
// queue holds as many of usual size as it has places, and fewer jumbo ones.
const packetBudget = 2048

// job is a packet on its way from the socket to a worker. The bytes are the
// worker's.
type job struct {
	session *session
	packet  *[]byte
	points  int
}

func newWorker(r *Receiver, handle func(*metricdata.ResourceMetrics), queue int) *worker {
	return &worker{
		receiver: r, handle: handle, queue: make(chan job, queue), builder: newBuilder(),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// offer queues a copy of packet and reports whether there was a place.
func (w *worker) offer(s *session, h *wire.Header, packet []byte) bool {
	// Only one goroutine offers, so that room cannot vanish in between.
	if len(w.queue) == cap(w.queue) || w.waiting.Load() > int64(cap(w.queue))*packetBudget {
		return false
	}
	w.waiting.Add(int64(len(packet)))
	b := w.buffers.Get().(*[]byte)
	*b = append((*b)[:0], packet...)
	w.queue <- job{session: s, packet: b, points: int(h.Points)}
	return true
}

func (w *worker) run() {
	for j := range w.queue {
		w.serve(&j)
		w.waiting.Add(-int64(len(*j.packet)))
		if cap(*j.packet) <= packetBudget {
			w.buffers.Put(j.packet)
		}
	}
}

func (w *worker) serve(j *job) {
	if err := w.decoder.Reset(*j.packet); err != nil {
		w.reject(j, causeOf(err))
		return
	}
	data, ok := w.builder.build(&w.decoder)
	if !ok {
		w.reject(j, wire.OverBudget)
		return
	}
	for _, rm := range data {
		w.handle(rm)
	}
	w.receiver.hand(j.session, j.points)
}

func (w *worker) reject(j *job, cause wire.Cause) {
	w.receiver.causes[cause].Add(1)
	w.receiver.reject(j.session, j.points)
}

func causeOf(err error) wire.Cause {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return wire.Malformed
}
