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

const (
	// packetBudget is what a packet in the queue may take on average, in bytes: the
	// queue holds as many of usual size as it has places, and fewer larger ones.
	packetBudget = 2048
	// maxPooled is how large a buffer is at most that is used again, in bytes.
	maxPooled = 16 << 10
)

// body is what a packet carries, or several together.
type body struct {
	session *session
	header  wire.Header // of the packet with the points
	packets int
}

// job is a body on its way from the socket to a worker. The bytes are the
// worker's.
type job struct {
	body
	data *[]byte
}

func newWorker(r *Receiver, handle func(*metricdata.ResourceMetrics), queue int) *worker {
	return &worker{
		receiver: r, handle: handle, queue: make(chan job, queue), builder: newBuilder(),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// offer queues a body with a copy of data and reports whether there was a place.
func (w *worker) offer(b body, data []byte) bool {
	// Only one goroutine offers, so that room cannot vanish in between.
	if len(w.queue) == cap(w.queue) || w.waiting.Load() > int64(cap(w.queue))*packetBudget {
		return false
	}
	w.waiting.Add(int64(len(data)))
	own := w.buffers.Get().(*[]byte)
	*own = append((*own)[:0], data...)
	w.queue <- job{b, own}
	return true
}

func (w *worker) run() {
	for j := range w.queue {
		w.serve(&j)
		w.waiting.Add(-int64(len(*j.data)))
		if cap(*j.data) <= maxPooled {
			w.buffers.Put(j.data)
		}
	}
}

func (w *worker) serve(j *job) {
	if err := w.decoder.ResetBody(&j.header, *j.data); err != nil {
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
	w.receiver.hand(j.session, j.packets, int(j.header.Points))
}

func (w *worker) reject(j *job, cause wire.Cause) {
	w.receiver.causes[cause].Add(uint64(j.packets))
	w.receiver.reject(j.session, j.packets, int(j.header.Points))
}

func causeOf(err error) wire.Cause {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return wire.Malformed
}
