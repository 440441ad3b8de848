package receiver

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/selfmetrics"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Receiver takes datagrams from one address. Its methods are safe for concurrent use.
type Receiver struct {
	config    config
	listeners []*udp.Listener
	workers   []*worker
	buffers   buffers
	seed      maphash.Seed // chooses the worker of a session; unknown to senders
	self      *selfmetrics.Set
	notices   *notices
	reading   sync.WaitGroup
	working   sync.WaitGroup
	closing   atomic.Bool
	deaf      chan struct{} // closed when nothing is read any more
	closed    chan struct{} // closed when the handler has returned for the last time
	released  chan struct{} // closed when the callback of the self-metrics is gone
	closeErr  error         // set before deaf is closed

	mu         sync.Mutex
	table      table
	reassembly reassembly
	scratch    []byte // a body made of fragments

	causes              [wire.Causes]atomic.Uint64 // packets
	incomplete          atomic.Uint64              // fragments of bodies that were not completed
	foreign             atomic.Uint64              // packets from sources that are not allowed
	tooLong             atomic.Uint64              // packets longer than WithMaxPacketSize
	delivered, rejected atomicTally                // over all sessions
}

// Listen opens a socket at addr and calls handle for what it receives. addr is host:port,
// with an empty host for all addresses of the machine and port 0 for any free port, or the
// path of a Unix datagram socket, such as unixgram:///run/otelgram.sock. A bad address or
// option is an error that names it.
//
// handle is called once for each resource of a packet, or of a body that came in several
// packets, with the points grouped by resource, scope and metric. It is never called
// concurrently for one session. The data is the handler's to keep and to change, except for
// the resource, sets and bounds, which are shared as in the SDK. See the package
// documentation for handlers that panic, exit or block.
//
// [Receiver.Close] ends the receiver.
func Listen(addr string, handle func(*metricdata.ResourceMetrics), opts ...Option) (*Receiver, error) {
	if handle == nil {
		return nil, errors.New("otelgram: Listen: handle is nil: want a function")
	}
	return open("Listen", addr, func(c *config) handler { return newMetricdata(handle, c.cacheSize) }, opts)
}

// ListenPackets is [Listen] for handlers that read decoded packets themselves, without
// metricdata in between. newHandler is called once for each of the goroutines that
// [WithWorkers] asks for, before the first packet. A handler is never called concurrently,
// and may keep what it needs from one packet to the next.
func ListenPackets(addr string, newHandler func() PacketHandler, opts ...Option) (*Receiver, error) {
	if newHandler == nil {
		return nil, errors.New("otelgram: ListenPackets: newHandler is nil: want a function")
	}
	return open("ListenPackets", addr, func(*config) handler {
		if user := newHandler(); user != nil {
			return packetHandler{user}
		}
		return nil
	}, opts)
}

func open(call, addr string, newHandler func(*config) handler, opts []Option) (*Receiver, error) {
	c, err := newConfig(call, opts)
	if err != nil {
		return nil, err
	}
	handlers := make([]handler, c.workers)
	for i := range handlers {
		if handlers[i] = newHandler(&c); handlers[i] == nil {
			return nil, fmt.Errorf("otelgram: %s: newHandler returned nil: want a handler", call)
		}
	}
	begin := time.Now() // before the first packet can come
	listeners, err := c.listen(call, addr)
	if err != nil {
		return nil, err
	}
	c.warn(listeners[0].Addr())
	r := &Receiver{
		config: c, listeners: listeners, table: newTable(c.maxSessions, begin), reassembly: newReassembly(c.reassemblySize), seed: maphash.MakeSeed(), notices: newNotices(),
		deaf: make(chan struct{}), closed: make(chan struct{}), released: make(chan struct{}),
	}
	go r.notices.run(c.logger)
	for _, handle := range handlers {
		w := &worker{receiver: r, handle: handle, queue: newQueue(c.queue)}
		r.workers = append(r.workers, w)
		r.working.Go(w.run)
	}
	for _, l := range listeners {
		r.reading.Go(newReader(r, l).run)
	}
	r.self = r.startSelfMetrics()
	return r, nil
}

// Addr returns the address of the socket: a *net.UDPAddr or a *net.UnixAddr.
func (r *Receiver) Addr() net.Addr { return r.listeners[0].Addr() }

// Close is [Receiver.Shutdown] without a limit of time: it waits for a handler that blocks.
func (r *Receiver) Close() error { return r.Shutdown(context.Background()) }

// Shutdown takes what the socket holds, closes it, delivers what is queued and returns when
// the handler has returned for the last time. If ctx ends before that, Shutdown counts what
// is left in the queues as overrun and a packet that a handler has as delivered, and
// returns an error that wraps the error of ctx. The goroutine of a handler that blocks
// stays until the handler returns. Shutdown waits for a tenth of a second at most until the
// meter provider lets go of the self-metrics. It must not be called from the handler. Later
// calls, and [Receiver.Close], wait for the same, each until its own ctx ends.
func (r *Receiver) Shutdown(ctx context.Context) error {
	done := r.closed
	if r.closing.CompareAndSwap(false, true) {
		done = r.released
		go r.stop()
	}
	select {
	case <-done:
		return r.closeErr
	case <-ctx.Done():
	}
	select {
	case <-r.closed:
		return r.closeErr
	default:
	}
	<-r.deaf // soon: the readers never wait for a handler
	if left := r.giveUp(); left > 0 {
		return fmt.Errorf("otelgram: Shutdown: the handler was too slow for %d packets, which are counted as overrun: %w", left, ctx.Err())
	}
	return fmt.Errorf("otelgram: Shutdown: the handler has not returned: %w", ctx.Err())
}

// stop takes what the sockets hold, closes them and ends all goroutines.
func (r *Receiver) stop() {
	for _, l := range r.listeners {
		l.Drain()
	}
	r.reading.Wait()
	var errs []error
	for _, l := range r.listeners {
		errs = append(errs, l.Close())
	}
	r.closeErr = errors.Join(errs...)
	r.mu.Lock()
	for len(r.reassembly.partials) > 0 {
		r.abandon(r.reassembly.expire(time.Time{})) // what is missing will not come
	}
	r.mu.Unlock()
	for _, w := range r.workers {
		w.queue.close()
	}
	close(r.deaf)
	r.working.Wait()
	r.self.Silence()
	close(r.notices.waiting)
	close(r.closed)
	r.self.Stop(context.Background()) // a callback that holds it up may wait for closed
	close(r.released)
}

// giveUp counts what the handler has not been given, and returns how many packets that is.
func (r *Receiver) giveUp() (left int) {
	for _, w := range r.workers {
		jobs, hand, held := w.queue.giveUp()
		for _, j := range jobs {
			r.overrun(&j.body)
			left += j.packets
		}
		if held {
			r.deliver(hand.session, hand.tally())
		}
	}
	return left
}

// overrun counts a body that the handler is not given because Shutdown's context ended.
func (r *Receiver) overrun(b *body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table.overrun(b)
}

// workerOf returns the worker of a session, which is always the same.
func (r *Receiver) workerOf(session uint64) *worker {
	return r.workers[maphash.Comparable(r.seed, session)%uint64(len(r.workers))]
}

// deliver counts packets and their points as delivered.
func (r *Receiver) deliver(s *session, n tally) {
	s.delivered.add(n)
	r.delivered.add(n)
}

// reject counts the packets of a body, and their points, as rejected. bytes is the size of
// the body, for the log.
func (r *Receiver) reject(b *body, cause wire.Cause, bytes int) {
	n := b.tally()
	r.causes[cause].Add(n.packets)
	b.session.rejected.add(n)
	r.rejected.add(n)
	r.notices.refused(int(cause), b.source, bytes)
}
