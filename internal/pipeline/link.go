package pipeline

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Sender is what the pump needs of a socket; [udp.Sender] is one, and says
// where Send may block for a moment after all.
type Sender interface {
	// Send reports how many packets the kernel took and, if not all, what it
	// said to the next.
	Send(packets [][]byte) (int, udp.Outcome)
	// Pending takes the report on an earlier packet, if there is one.
	Pending() udp.Outcome
	// PayloadLimit is the most the path takes in a packet, in bytes, 0 if unknown.
	PayloadLimit() int
	Close() error
}

const (
	reportActive = time.Second
	reportIdle   = 10 * time.Second
	goodbyes     = 3
	// measureEvery is how often the path's limit is looked up. It is also when
	// a packet proves too large.
	measureEvery = time.Minute
	// redialAfter is the least time between two new sockets because of refusals.
	redialAfter = 5 * time.Second
)

// link is the pump's end of a session: it stamps packets, sends them at the
// pace and keeps the session's books. Only what the kernel took is counted and
// takes a sequence number, so that a drop at the sender never looks like a
// loss on the network.
type link struct {
	config   *Config
	counters *counters
	encoder  Encoder
	pacer    pacer
	breaker  *breaker
	redial   chan struct{} // asks the dialer for a new socket

	sender  Sender // nil until there is an address
	address string // where it sends to
	header  wire.Header
	// stamped is the header of the datagram at hand. It is a field because a local variable
	// that goes to an interface is allocated.
	stamped  wire.Header
	sequence uint64
	points   uint64 // sent in the session
	started  time.Time
	limit    int // bytes of a packet on this path
	retry    retry
	// place is where the next datagram begins in the first packet that waits. Those
	// before it have left in this session.
	place int

	nextReport  time.Time
	nextMeasure time.Time
	lastRedial  time.Time
	batch       batch
	report      []byte
	latencies   *Latencies
}

func newLink(c *Config, counters *counters, e Encoder, size int) link {
	l := link{
		config: c, counters: counters, encoder: e, pacer: newPacer(c.PacketsPerSecond, c.Burst),
		redial:     make(chan struct{}, 1),
		limit:      size,
		nextReport: time.Now().Add(reportIdle),
		latencies:  &Latencies{},
	}
	redial := l.redial
	l.breaker = newBreaker(c.Breaker, counters, func(from, to Circuit) {
		if to == CircuitOpen {
			waker.Signal(redial)
		}
		c.OnCircuit(from, to)
	})
	counters.packetSize.Store(int64(size))
	return l
}

// adopt begins a session on a new socket and ends the one before.
func (l *link) adopt(d dialled) {
	l.close()
	if moved := l.address != "" && l.address != d.address; moved {
		l.breaker.forgive(time.Now())
		select {
		case <-l.redial: // it was about the address before
		default:
		}
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	l.sender, l.address = d.sender, d.address
	l.header = wire.Header{Session: binary.BigEndian.Uint64(id[:])}
	l.sequence, l.points = 0, 0
	l.restart()
	l.retry = retry{}
	l.started = time.Now()
	l.nextReport = l.started.Add(reportIdle)
	l.counters.sessions.Add(1)
	l.measure(l.started)
	if _, ok := l.breaker.waiting(); ok {
		l.probe(l.started) // the answer would come to the socket before
	}
}

// close says goodbye and closes the socket.
func (l *link) close() {
	if l.sender == nil {
		return
	}
	if l.encoder.Session() {
		l.sendReport(goodbyes)
	}
	_ = l.sender.Close() // there is nothing left to lose
	l.sender = nil
}

// send sends of ready what the pace allows, and returns how many packets are
// settled: taken by the kernel as a whole, or refused and counted.
func (l *link) send(now time.Time, ready []packet) (done int) {
	l.tend(now)
	if _, blocked := l.blocked(); !blocked {
		done = l.transmit(now, ready)
	}
	if reason, blocked := l.blocked(); blocked {
		for i := range ready[done:] {
			l.drop(&ready[done+i], reason)
		}
		l.retry = retry{}
		return len(ready)
	}
	return done
}

// blocked says why nothing can be sent, if so.
func (l *link) blocked() (reason wire.DropReason, blocked bool) {
	switch {
	case l.sender == nil:
		return wire.Unresolved, true
	case !l.breaker.closed():
		return wire.BreakerOpen, true
	}
	return 0, false
}

// transmit sends packets until something stops it, the pace among others, and
// returns how many are settled. A packet that the kernel refuses is tried again,
// kept for later or dropped; those behind it are stamped anew.
func (l *link) transmit(now time.Time, packets []packet) (done int) {
	for done < len(packets) && l.breaker.closed() && !now.Before(l.retry.until) {
		datagrams, long := l.fill(now, packets[done:])
		if long {
			l.drop(&packets[done], wire.Oversize)
			done++
			continue
		}
		if len(datagrams) == 0 {
			return done
		}
		l.nextReport = earlier(l.nextReport, now.Add(reportActive))
		took, outcome := l.sender.Send(datagrams)
		for i := range took {
			done += l.sent(&packets[done], len(datagrams[i]), l.batch.next[i])
		}
		for _, refused := range datagrams[took:] {
			l.pacer.giveBack(len(refused))
		}
		if took > 0 {
			l.counters.batches.Add(1)
			l.retry = retry{}
			l.breaker.took(now)
			l.counters.lastSend.Store(now.UnixNano())
		}
		if took < len(datagrams) && l.refusal(now, &packets[done], len(datagrams[took]), outcome) {
			l.retry.tries, l.retry.since = 0, time.Time{}
			done++
		}
	}
	return done
}

// tend does what is due without packets: the answer to a probe or a new one, a
// report, a look at the path.
func (l *link) tend(now time.Time) {
	if l.sender == nil {
		return
	}
	if until, ok := l.breaker.waiting(); ok && !now.Before(until) {
		l.hear(now)
	} else if l.breaker.due(now) {
		l.probe(now)
	}
	if !now.Before(l.nextReport) && l.mayReport() { // the fragments of a body follow each other
		l.nextReport = now.Add(reportIdle)
		if l.breaker.closed() {
			l.sendReport(1)
		}
	}
	if !now.Before(l.nextMeasure) {
		l.measure(now)
	}
}

// measure looks how large a packet the path takes.
func (l *link) measure(now time.Time) {
	l.nextMeasure = now.Add(measureEvery)
	limit := packetSize(l.config, l.address, l.sender.PayloadLimit())
	if limit != l.limit {
		l.limit = limit
		l.restart()
	}
	l.counters.packetSize.Store(int64(limit))
}

// mayReport reports whether a report may be sent: fragments follow each other.
func (l *link) mayReport() bool { return l.encoder.Session() && l.place == 0 }

// restart has a packet of fragments sent from its begin again, after something has changed:
// the others are of no use. What is of use by itself is not said twice.
func (l *link) restart() {
	if l.encoder.Session() {
		l.place = 0
	}
}

// probe sends a report, since a packet is what it takes to be refused. That the
// kernel takes it says nothing yet: a closed port answers a moment later.
func (l *link) probe(now time.Time) {
	l.breaker.probed = now
	if l.sendReport(1) == 0 {
		l.breaker.answered(errFailed)
	}
}

// hear takes the answer to a probe: none means that the port is open.
func (l *link) hear(now time.Time) {
	var err error
	if o := l.sender.Pending(); o != udp.Sent {
		l.count(o)
		l.blame(now, o)
		err = errFailed
	}
	l.breaker.answered(err)
}

// deadline returns when the link has something to do by itself, given the packets
// that wait to be sent, of so many bytes together.
func (l *link) deadline(now time.Time, ready []packet, bytes int) time.Time {
	until := now.Add(reportIdle)
	if l.sender != nil {
		until = l.nextMeasure
		if l.mayReport() {
			until = earlier(until, l.nextReport)
		}
		if at, ok := l.breaker.next(); ok {
			until = earlier(until, at)
		}
	}
	if len(ready) == 0 {
		return until
	}
	at := l.pacer.ready(l.nextSize(&ready[0]), bytes)
	if l.retry.until.After(at) {
		at = l.retry.until
	}
	return earlier(until, at)
}

// sent enters a datagram that the kernel took, of so many bytes, in the books,
// and returns 1 if with it the whole packet p has left. next is where the next one begins.
func (l *link) sent(p *packet, size, next int) int {
	l.sequence++
	l.counters.packets.Add(1)
	l.counters.bytes.Add(uint64(size))
	if l.place = next; next != 0 {
		return 0
	}
	l.encoder.Settled(len(p.bytes))
	l.points += uint64(p.points)
	l.counters.Send(p.points)
	if p.recorded > 0 {
		// The wall clock, by which points are handed over, may jump.
		buffer := max(0, time.Duration(p.openedAt.UnixNano()-p.recorded))
		send := time.Since(p.openedAt)
		l.latencies.Buffer.Add(buffer)
		l.latencies.Send.Add(send)
		l.latencies.EndToEnd.Add(buffer + send)
	}
	return 1
}

// drop drops the first packet that waits. The points that have left before are sent.
func (l *link) drop(p *packet, reason wire.DropReason) {
	sent := l.encoder.Settled(l.place)
	l.place = 0
	l.counters.Send(sent)
	l.counters.Lose(reason, p.points-sent)
}

// sendReport sends one report, or the goodbye so many times under the same
// sequence number, and returns how many of them the kernel took.
func (l *link) sendReport(times int) int {
	r := &wire.Report{
		Age:         uint64(max(1, time.Since(l.started))), // 0 says that nobody knows
		PacketsSent: l.sequence,
		PointsSent:  l.points,
		PacketLimit: uint64(l.limit),
	}
	r.Dropped = l.counters.Settled().Dropped
	l.report = l.encoder.AppendReport(l.report[:0], r)
	now := time.Now()
	h := &l.stamped
	*h = l.header
	h.Time = now.UnixNano()
	h.Sequence = l.sequence
	h.PointsBefore = uint32(l.points)
	h.Goodbye = times > 1
	l.encoder.Stamp(l.report, h)
	taken := 0
	for range times {
		n, outcome := l.sendOne(l.report)
		if outcome != udp.Sent {
			l.count(outcome)
			if !h.Goodbye { // of a socket that is given up nothing is held against anybody
				l.blame(now, outcome)
			}
		}
		if outcome == udp.WouldBlock && h.Goodbye {
			time.Sleep(blockedPause) // it is the last chance to close the books
		}
		taken += n
	}
	if taken > 0 {
		l.sequence++
		if !h.Goodbye {
			l.breaker.took(now)
		}
	}
	l.counters.packets.Add(uint64(taken))
	l.counters.bytes.Add(uint64(taken * len(l.report)))
	return taken
}

// sendOne sends one packet, and once more where the first outcome may be about an
// earlier one. It returns whether the kernel took it, and the first outcome.
func (l *link) sendOne(b []byte) (taken int, first udp.Outcome) {
	one := l.batch.only(b)
	n, first := l.sender.Send(one)
	if mayBeEarlier(first) {
		n, _ = l.sender.Send(one)
	}
	return n, first
}
