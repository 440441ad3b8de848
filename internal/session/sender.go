package session

import (
	"cmp"
	"context"
	"time"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	// limitEvery is how often the path's limit is looked up. It is looked up, too, when a
	// packet proves too large.
	limitEvery = time.Minute
	// redialAfter is the least time between two new sockets because of refusals.
	redialAfter = 5 * time.Second
)

// Sender stamps packets, sends them at the pace, and keeps the books of the session. It
// counts, and gives a sequence number to, only what the kernel took: a drop here never looks
// like a loss on the network.
type Sender struct {
	config    *Config
	books     *account.Books
	counters  counters
	latencies Latencies
	pacer     pacer
	breaker   *breaker
	sockets   chan Dialled  // offered
	redial    chan struct{} // asks the dialer for a new socket

	socket  Socket // nil until there is an address
	address udp.Address
	session session // on the socket
	retry   retry

	nextReport time.Time
	nextLimit  time.Time
	lastRedial time.Time
	report     []byte // a buffer
}

// New returns a Sender without a session: packets are dropped as unresolved until a [Dialer]
// has made a socket.
func New(c *Config, books *account.Books, e Encoding) *Sender {
	s := &Sender{
		config: c, books: books, pacer: newPacer(c.PacketsPerSecond, c.Burst),
		sockets: make(chan Dialled), redial: make(chan struct{}, 1),
		session:    session{encoding: e, limit: cmp.Or(c.PacketSize, UsualSize)},
		nextReport: time.Now().Add(reportIdle),
	}
	s.counters.packetSize.Store(int64(s.session.limit))
	s.breaker = newBreaker(c.Breaker, &s.counters, func(from, to Circuit) {
		if to == CircuitOpen {
			waker.Signal(s.redial)
		}
		c.OnCircuit(from, to)
	})
	return s
}

// Stats returns what was sent so far. Any goroutine may call it.
func (s *Sender) Stats() Stats { return s.counters.stats() }

// Latencies returns how long packets were under way. Any goroutine may read them.
func (s *Sender) Latencies() *Latencies { return &s.latencies }

// Limit returns how large a packet may be on the path, in bytes.
func (s *Sender) Limit() int { return s.session.limit }

// Dialled is a socket and where it sends to.
type Dialled struct {
	socket  Socket
	address udp.Address
}

// Offer hands a socket over, for a session of its own, and reports whether it was taken
// before ctx ended. A goroutine other than the Sender's calls it.
func (s *Sender) Offer(ctx context.Context, socket Socket, to udp.Address) (taken bool) {
	select {
	case s.sockets <- Dialled{socket, to}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Dialled receives the sockets that are offered, for Begin.
func (s *Sender) Dialled() <-chan Dialled { return s.sockets }

// Begin ends the session and begins another one on a new socket.
func (s *Sender) Begin(d Dialled) {
	s.End()
	if moved := s.address != (udp.Address{}) && s.address != d.address; moved {
		s.breaker.reset(time.Now())
		select {
		case <-s.redial: // it was about the address before
		default:
		}
	}
	now := time.Now()
	s.socket, s.address, s.retry = d.socket, d.address, retry{}
	s.session.begin(now)
	s.nextReport = now.Add(reportIdle)
	s.counters.sessions.Add(1)
	s.counters.offload.Store(uint32(d.socket.Offload()))
	s.updateLimit(now)
	if _, ok := s.breaker.waiting(); ok {
		s.probe(now) // the answer would come to the socket before
	}
}

// End says goodbye and closes the socket, if there is one.
func (s *Sender) End() {
	if s.socket == nil {
		return
	}
	if s.session.encoding.Session() {
		s.sendGoodbye()
	}
	_ = s.socket.Close() // there is nothing left to lose
	s.socket = nil
}

// Send does what is due, sends of packets what the pace allows, and returns how many are
// settled: the kernel took them as a whole, or they were dropped and counted.
func (s *Sender) Send(now time.Time, packets []Packet) (settled int) {
	s.doDue(now)
	for {
		if reason, blocked := s.blocked(); blocked {
			for i := range packets[settled:] {
				s.Drop(&packets[settled+i], reason)
			}
			s.retry = retry{}
			return len(packets)
		}
		if settled == len(packets) || now.Before(s.retry.until) || now.Before(s.ready(packets[settled:])) {
			return settled
		}
		n, wait := s.sendBatch(now, packets[settled:])
		settled += n
		if wait {
			return settled
		}
	}
}

// blocked says why nothing can be sent, if so.
func (s *Sender) blocked() (reason wire.DropReason, blocked bool) {
	switch {
	case s.socket == nil:
		return wire.Unresolved, true
	case !s.breaker.closed():
		return wire.BreakerOpen, true
	}
	return 0, false
}

// sendBatch sends the datagrams that may leave now in one call, and returns how many packets
// are settled by it. A packet that the kernel refuses is sent again, kept for later or
// dropped; those behind it are stamped anew. wait says that the pace allows none.
func (s *Sender) sendBatch(now time.Time, packets []Packet) (settled int, wait bool) {
	datagrams, tooLong := s.session.fill(now, packets, &s.pacer)
	switch {
	case tooLong:
		s.Drop(&packets[0], wire.Oversize)
		return 1, false
	case len(datagrams) == 0:
		return 0, true
	}
	s.nextReport = earlier(s.nextReport, now.Add(reportActive))
	took, outcome := s.socket.Send(datagrams)
	s.counters.offload.Store(uint32(s.socket.Offload()))
	for i := range took {
		settled += s.sent(&packets[settled], len(datagrams[i]), s.session.batch.next[i])
	}
	for _, untaken := range datagrams[took:] {
		s.pacer.giveBack(len(untaken))
	}
	if took > 0 {
		s.counters.batches.Add(1)
		s.retry = retry{}
		s.breaker.took(now)
		s.counters.lastSend.Store(now.UnixNano())
	}
	if took < len(datagrams) && s.notTaken(now, &packets[settled], len(datagrams[took]), outcome) {
		s.retry.nextPacket()
		settled++
	}
	return settled, false
}

// sent enters a datagram that the kernel took, of so many bytes, in the books, and returns 1
// if with it the whole packet has left. next is where the packet's next datagram begins.
func (s *Sender) sent(p *Packet, size, next int) int {
	s.session.sequence++
	s.counters.packets.Add(1)
	s.counters.bytes.Add(uint64(size))
	if s.session.place = next; next != 0 {
		return 0
	}
	s.session.encoding.Settled(len(p.Bytes))
	s.session.points += uint64(p.Points)
	s.books.Send(p.Points)
	s.latencies.add(p)
	return 1
}

// Drop drops the first packet that waits. Points that have left before count as sent.
func (s *Sender) Drop(p *Packet, reason wire.DropReason) {
	sent := s.session.encoding.Settled(s.session.place)
	s.session.place = 0
	s.books.Send(sent)
	s.books.Lose(reason, p.Points-sent)
}

// doDue does what is due without packets: it takes the answer to a probe or sends a new one,
// sends a report, and looks at the path.
func (s *Sender) doDue(now time.Time) {
	if s.socket == nil {
		return
	}
	if until, ok := s.breaker.waiting(); ok && !now.Before(until) {
		s.takeAnswer(now)
	} else if s.breaker.due(now) {
		s.probe(now)
	}
	if !now.Before(s.nextReport) && s.mayReport() {
		s.nextReport = now.Add(reportIdle)
		if s.breaker.closed() {
			s.sendReport()
		}
	}
	if !now.Before(s.nextLimit) {
		s.updateLimit(now)
	}
}

// updateLimit looks how large a packet the path takes.
func (s *Sender) updateLimit(now time.Time) {
	s.nextLimit = now.Add(limitEvery)
	limit := packetSize(s.config, s.address, s.socket.PayloadLimit())
	s.session.setLimit(limit)
	s.counters.packetSize.Store(int64(limit))
}

// ready returns from when on the pace lets packets leave, of which there is at least one.
func (s *Sender) ready(packets []Packet) time.Time {
	bytes := 0
	for i := range packets {
		bytes += len(packets[i].Bytes)
	}
	return s.pacer.ready(s.session.nextSize(&packets[0], &s.pacer), bytes)
}

// Deadline returns when Send has something to do by itself, given the packets that wait.
func (s *Sender) Deadline(now time.Time, packets []Packet) time.Time {
	until := now.Add(reportIdle)
	if s.socket != nil {
		until = s.nextLimit
		if s.mayReport() {
			until = earlier(until, s.nextReport)
		}
		if at, ok := s.breaker.next(); ok {
			until = earlier(until, at)
		}
	}
	if len(packets) == 0 {
		return until
	}
	at := s.ready(packets)
	if s.retry.until.After(at) {
		at = s.retry.until
	}
	return earlier(until, at)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
