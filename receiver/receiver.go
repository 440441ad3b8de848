package receiver

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	readBatch = 32
	readPause = 10 * time.Millisecond
	// maxDatagram is more than any UDP datagram holds, in bytes: none is cut.
	maxDatagram = 65535
)

// Receiver takes datagrams from one socket. Its methods are safe for
// concurrent use.
type Receiver struct {
	config   config
	listener *udp.Listener
	workers  []*worker
	self     selfMetrics
	reading  sync.WaitGroup
	working  sync.WaitGroup
	closing  atomic.Bool
	closed   chan struct{} // closed when the socket is, and the handler has returned
	closeErr error         // set before closed is closed
	scratch  []byte        // of the goroutine that reads

	mu         sync.Mutex
	table      table
	reassembly reassembly

	causes     [wire.Causes]atomic.Uint64 // packets
	incomplete atomic.Uint64              // fragments of bodies that were not completed
	foreign    atomic.Uint64              // packets from sources that are not allowed
	// What became of the packets in the queues, over all sessions.
	handedPackets, handedPoints     atomic.Uint64
	rejectedPackets, rejectedPoints atomic.Uint64
}

// Listen opens a socket at addr, as host:port; an empty host means all of the
// host's addresses, port 0 any free port. Or addr is the path of a Unix datagram
// socket, as unixgram:///run/otelgram.sock. It calls handle
// once for each resource of a packet, or of a body that came in several packets, with
// the points grouped by resource, scope and metric. handle is never called concurrently
// for one session; the data is its to keep and to change, but for the
// resource, sets and bounds, which are shared as in the SDK. A bad address or
// option is an error that names it. [Receiver.Close] ends it.
func Listen(addr string, handle func(*metricdata.ResourceMetrics), opts ...Option) (*Receiver, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if handle == nil {
		return nil, errors.New("otelgram: Listen: handle is nil: want a function")
	}
	begin := time.Now() // before the first packet can come
	l, err := udp.Listen(addr, udp.WithReceiveBuffer(c.receiveBuffer))
	if err != nil {
		return nil, fmt.Errorf("otelgram: Listen(%q): %w", addr, err)
	}
	c.warn(l.Addr())
	r := &Receiver{config: c, listener: l, table: newTable(begin), reassembly: newReassembly(), closed: make(chan struct{})}
	for range c.workers {
		w := newWorker(r, handle, c.queue)
		r.workers = append(r.workers, w)
		r.working.Go(w.run)
	}
	r.reading.Go(r.read)
	r.self.start(r)
	return r, nil
}

// Addr returns the address of the socket: a *net.UDPAddr or a *net.UnixAddr.
func (r *Receiver) Addr() net.Addr { return r.listener.Addr() }

// Close closes the socket, hands over what is queued and returns when the
// handler has returned for the last time. It must not be called from the
// handler. Later calls wait for that, too, and return the same.
func (r *Receiver) Close() error {
	if !r.closing.CompareAndSwap(false, true) {
		<-r.closed
		return r.closeErr
	}
	r.closeErr = r.listener.Close()
	r.reading.Wait()
	for _, w := range r.workers {
		close(w.queue)
	}
	r.working.Wait()
	r.self.gone.Store(true)
	close(r.closed)
	r.self.stop() // the provider is not ours: it may call Close
	return r.closeErr
}

// read is the goroutine that empties the socket.
func (r *Receiver) read() {
	batch := make([]udp.Datagram, readBatch)
	for i := range batch {
		batch[i].Data = make([]byte, 0, maxDatagram)
	}
	for {
		n, err := r.listener.ReadBatch(batch)
		if errors.Is(err, net.ErrClosed) {
			r.mu.Lock()
			r.abandon(r.reassembly.expire(time.Time{})) // what is missing will not come
			r.mu.Unlock()
			return
		}
		if err != nil {
			time.Sleep(readPause) // should it last, do not spin
			continue
		}
		now := time.Now()
		r.mu.Lock()
		r.expire(now)
		for i := range batch[:n] {
			r.take(&batch[i], now)
		}
		r.mu.Unlock()
	}
}

// take enters one packet in the books and queues it.
func (r *Receiver) take(d *udp.Datagram, now time.Time) {
	if !r.config.allowed(d.Source) {
		r.foreign.Add(1)
		return
	}
	h, cause := wire.CheckHeader(d.Data)
	if cause != wire.Accepted {
		r.causes[cause].Add(1)
		return
	}
	s := r.table.session(&h, d.Source, now)
	if !s.see(&h, d.Source, now) {
		return
	}
	switch h.Format {
	case wire.SenderReport:
		r.report(s, &h, d.Data, now)
	case wire.FragmentFormat:
		r.fragment(s, &h, d.Data, now)
	default:
		r.queue(body{session: s, header: h, packets: 1}, d.Data[wire.HeaderSize:len(d.Data)-wire.TrailerSize])
	}
}

// queue hands a body to its session's worker, or counts it.
func (r *Receiver) queue(b body, data []byte) {
	w := r.workers[b.header.Session%uint64(len(r.workers))]
	if !w.offer(b, data) {
		b.session.overrunPackets += uint64(b.packets)
		b.session.overrunPoints += uint64(b.header.Points)
	}
}

// fragment keeps a fragment until its body is whole.
func (r *Receiver) fragment(s *session, h *wire.Header, packet []byte, now time.Time) {
	f, ok := wire.ReadFragment(packet, h)
	whole, evicted := (*partial)(nil), []*partial(nil)
	if ok {
		whole, evicted, ok = r.reassembly.add(s, h, f, now)
	}
	if !ok {
		r.causes[wire.Malformed].Add(1)
		r.reject(s, 1, int(h.Points))
	}
	r.abandon(evicted)
	if whole != nil {
		r.scratch = whole.assembly.AppendBody(r.scratch[:0])
		r.queue(whole.body, r.scratch)
	}
}

// abandon counts the fragments of bodies that will not be whole.
func (r *Receiver) abandon(partials []*partial) {
	for _, p := range partials {
		r.incomplete.Add(uint64(p.packets))
		r.reject(p.session, p.packets, int(p.header.Points))
	}
}

// expire forgets what has been silent for too long, with the lock held.
func (r *Receiver) expire(now time.Time) {
	r.table.expire(now)
	r.abandon(r.reassembly.expire(now.Add(-reassemblyAge)))
}

// report enters what the sender says about itself. A report has no points of
// its own; its header says how many were sent. One that was overtaken has nothing
// to say any more.
func (r *Receiver) report(s *session, h *wire.Header, packet []byte, now time.Time) {
	report, err := wire.ParseReport(packet)
	if err != nil {
		r.causes[causeOf(err)].Add(1)
		r.reject(s, 1, int(h.Points))
		return
	}
	s.learn(report.Age, now, r.table.known)
	if h.Sequence+1 == s.newest.packets {
		s.dropped = report.Dropped
	}
	r.hand(s, 1, 0)
}

// hand counts packets and their points as handed over.
func (r *Receiver) hand(s *session, packets, points int) {
	r.handedPackets.Add(uint64(packets))
	r.handedPoints.Add(uint64(points))
	s.handedPackets.Add(uint64(packets))
	s.handedPoints.Add(uint64(points))
}

// reject counts packets and their points as rejected.
func (r *Receiver) reject(s *session, packets, points int) {
	r.rejectedPackets.Add(uint64(packets))
	r.rejectedPoints.Add(uint64(points))
	s.rejectedPackets.Add(uint64(packets))
	s.rejectedPoints.Add(uint64(points))
}
