package pipeline

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Sender is what the pump needs of a socket; [udp.Sender] is one, and says
// where Send may block for a moment after all. Send reports how many packets the kernel took and, if not all, what
// it said to the next.
type Sender interface {
	Send(packets [][]byte) (int, udp.Outcome)
	Close() error
}

const (
	reportActive = time.Second
	reportIdle   = 10 * time.Second
	goodbyes     = 3
)

// link is the pump's end of a session: it stamps packets, sends them at the
// pace and keeps the session's books. Only what the kernel took is counted and
// takes a sequence number, so that a drop at the sender never looks like a
// loss on the network.
type link struct {
	config   *Config
	counters *counters
	pacer    pacer

	sender   Sender // nil until there is an address
	header   wire.Header
	sequence uint64
	points   uint64 // sent in the session
	started  time.Time

	nextReport time.Time
	batch      [][]byte
	report     []byte
}

func newLink(c *Config, counters *counters, batch int) link {
	return link{
		config: c, counters: counters, pacer: newPacer(c.PacketsPerSecond, c.Burst),
		nextReport: time.Now().Add(reportIdle),
		batch:      make([][]byte, 0, batch),
	}
}

// adopt begins a session on s and ends the one before.
func (l *link) adopt(s Sender) {
	l.close()
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	l.sender = s
	l.header = wire.Header{Session: binary.BigEndian.Uint64(id[:])}
	l.sequence, l.points = 0, 0
	l.started = time.Now()
	l.nextReport = l.started.Add(reportIdle)
}

// close says goodbye and closes the socket.
func (l *link) close() {
	if l.sender == nil {
		return
	}
	l.sendReport(goodbyes)
	_ = l.sender.Close() // there is nothing left to lose
	l.sender = nil
}

// send sends of ready what the pace allows, and returns how many packets are
// settled: taken by the kernel, or refused and counted.
func (l *link) send(now time.Time, ready []packet) int {
	if !now.Before(l.nextReport) {
		l.nextReport = now.Add(reportIdle)
		l.sendReport(1)
	}
	if len(ready) == 0 {
		return 0
	}
	if l.sender == nil {
		for i := range ready {
			l.drop(&ready[i], wire.Unresolved)
		}
		return len(ready)
	}
	n := l.pacer.take(now, len(ready))
	for done := 0; done < n; {
		took, outcome := l.sender.Send(l.stamp(now, ready[done:n]))
		for i := range ready[done : done+took] {
			l.sent(&ready[done+i])
		}
		done += took
		if done < n {
			l.counters.refused.Add(1)
			l.drop(&ready[done], reasonFor(outcome))
			done++
		}
	}
	if n > 0 {
		l.nextReport = earlier(l.nextReport, now.Add(reportActive))
	}
	return n
}

// stamp writes into packets the numbers under which they would leave now.
func (l *link) stamp(now time.Time, packets []packet) [][]byte {
	l.batch = l.batch[:0]
	h := l.header
	h.Format = wire.Compact
	h.Time = now.UnixNano()
	before := l.points
	for i := range packets {
		h.Sequence = l.sequence + uint64(i)
		h.Points = uint16(packets[i].points)
		h.PointsBefore = uint32(before)
		before += uint64(packets[i].points)
		wire.Stamp(packets[i].bytes, &h)
		l.batch = append(l.batch, packets[i].bytes)
	}
	return l.batch
}

func (l *link) sent(p *packet) {
	l.sequence++
	l.points += uint64(p.points)
	l.counters.sent.Add(uint64(p.points))
	l.counters.packets.Add(1)
	l.counters.bytes.Add(uint64(len(p.bytes)))
	l.counters.inPump.Add(-int64(p.points))
}

func (l *link) drop(p *packet, reason wire.DropReason) {
	l.counters.drop(reason, p.points)
	l.counters.inPump.Add(-int64(p.points))
}

// reasonFor says under which reason the points of a refused packet count.
func reasonFor(o udp.Outcome) wire.DropReason {
	if o == udp.WouldBlock {
		return wire.WouldBlock
	}
	return wire.SendError
}

// sendReport sends one report, or the goodbye so many times under the same
// sequence number.
func (l *link) sendReport(times int) {
	if l.sender == nil {
		return
	}
	r := wire.Report{
		SessionStart: l.started.UnixNano(),
		PacketsSent:  l.sequence,
		PointsSent:   l.points,
		PacketLimit:  uint64(l.config.PacketSize),
	}
	for i := range r.Dropped {
		r.Dropped[i] = l.counters.dropped[i].Load()
	}
	l.report = wire.AppendReport(l.report[:0], &r)
	h := l.header
	h.Format = wire.SenderReport
	h.Time = time.Now().UnixNano()
	h.Sequence = l.sequence
	h.PointsBefore = uint32(l.points)
	h.Goodbye = times > 1
	wire.Stamp(l.report, &h)
	taken := 0
	for range times {
		n, _ := l.sender.Send(append(l.batch[:0], l.report))
		taken += n
	}
	if taken > 0 {
		l.sequence++
	}
	l.counters.packets.Add(uint64(taken))
	l.counters.bytes.Add(uint64(taken * len(l.report)))
	l.counters.refused.Add(uint64(times - taken))
}
