package faultproxy

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// Count is a number of datagrams and of the points in them.
type Count struct{ Packets, Points uint64 }

func (c *Count) add(points int) {
	c.Packets++
	c.Points += uint64(points)
}

// Books are what a Proxy did so far. At any moment
//
//	Received = Forwarded + Lost + Held
type Books struct {
	Received  Count
	Forwarded Count // the first copies of those that were not lost
	Held      Count // not forwarded yet
	Lost      Count // the sum of:

	LostByChance, LostByPattern, LostByRate, LostBySize, LostByHole, LostByClose, LostBySend Count

	Duplicated, Damaged Count // among those forwarded
}

// Proxy forwards datagrams from its address to a target, through one socket for each
// source, so that the target can tell the sources apart. All methods are safe for
// concurrent use.
type Proxy struct {
	addr    string
	reading sync.WaitGroup

	mu      sync.Mutex
	in      *udp.Listener // nil while the proxy is down
	target  netip.AddrPort
	faults  Faults
	dice    dice
	books   Books
	outs    map[netip.AddrPort]*net.UDPConn
	queue   queue // by the time when they are due
	held    []*datagram
	order   uint64
	closed  bool
	dropped uint64 // by the kernel, at sockets that are closed by now
	changed chan struct{}
}

// datagram is a datagram that the proxy holds.
type datagram struct {
	bytes  []byte
	points int
	source netip.AddrPort
	fate   fate
	due    time.Time
	order  uint64
	gone   bool
}

// readPause is the pause after a read error.
const readPause = time.Millisecond

// maxOuts bounds the sockets towards the target.
const maxOuts = 64

// Listen starts a proxy on a free port of 127.0.0.1 that forwards to target. The same seed
// does the same to the same datagrams.
func Listen(target string, seed uint64, f Faults) (*Proxy, error) {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return nil, fmt.Errorf("faultproxy: target %q: %w", target, err)
	}
	p := &Proxy{
		addr: "127.0.0.1:0", target: to, faults: f, dice: newDice(seed),
		outs: map[netip.AddrPort]*net.UDPConn{}, changed: make(chan struct{}, 1),
	}
	if err := p.Up(); err != nil {
		return nil, err
	}
	p.addr = p.in.Addr().String()
	p.reading.Go(p.schedule)
	return p, nil
}

// Addr returns the address to send to, as host:port.
func (p *Proxy) Addr() string { return p.addr }

// Set changes the faults for the datagrams to come.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// SetTarget changes where datagrams go.
func (p *Proxy) SetTarget(target string) error {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return fmt.Errorf("faultproxy: target %q: %w", target, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = to
	return nil
}

// Rebind takes new source ports towards the target, as a NAT does that has forgotten its
// ports.
func (p *Proxy) Rebind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeOuts()
}

func (p *Proxy) closeOuts() {
	for _, c := range p.outs {
		_ = c.Close() // nothing is lost by this
	}
	clear(p.outs)
}

// Down closes the port: senders get connection refused, as from a receiver that died.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down()
}

func (p *Proxy) down() {
	if p.in != nil {
		p.dropped += drops(p.in)
		_ = p.in.Close()
		p.in = nil
	}
}

func drops(l *udp.Listener) uint64 {
	n, _ := l.Drops()
	return n
}

// KernelDrops returns how many datagrams the kernel dropped before the proxy had read them.
// They are in none of its books.
func (p *Proxy) KernelDrops() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in == nil {
		return p.dropped
	}
	return p.dropped + drops(p.in)
}

// Up opens the port again.
func (p *Proxy) Up() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in != nil || p.closed {
		return nil
	}
	in, err := udp.Listen(p.addr, udp.WithReceiveBuffer(4<<20), udp.WithoutReceiveOffload()) // so that drops are exact
	if err != nil {
		return fmt.Errorf("faultproxy: %w", err)
	}
	p.in = in
	p.reading.Go(func() { p.read(in) })
	return nil
}

// Books returns what was done so far.
func (p *Proxy) Books() Books {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.books
}

// Close ends the proxy. What it still holds is lost.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.down()
	p.closed = true
	p.mu.Unlock()
	p.wake()
	p.reading.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.queue {
		if !d.gone {
			p.books.Held.Packets--
			p.books.Held.Points -= uint64(d.points)
			p.lose(byClose, d.points)
		}
	}
	p.queue = nil
	p.closeOuts()
}

func (p *Proxy) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *Proxy) read(in *udp.Listener) {
	batch := make([]udp.Datagram, 64)
	for {
		n, err := in.ReadBatch(batch)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(readPause) // if the error lasts, do not spin
			continue
		}
		now := time.Now()
		for _, d := range batch[:n] {
			p.take(bytes.Clone(d.Data), d.Source, now)
		}
	}
}

// take decides on a datagram, and lets datagrams go that were held back until it came.
func (p *Proxy) take(b []byte, source netip.AddrPort, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, _ := wire.CheckHeader(b)
	d := &datagram{bytes: b, points: int(h.Points), source: source}
	p.books.Received.add(d.points)
	d.fate = p.dice.decide(&p.faults, len(b), h.Format == wire.SenderReport, now)
	if d.fate.lost != none {
		p.lose(d.fate.lost, d.points)
		return
	}
	p.books.Held.add(d.points)
	if d.fate.damaged {
		p.dice.damage(d.bytes, p.faults.Repair)
	}
	before := p.held
	p.held = nil
	d.due = now.Add(d.fate.wait)
	if d.fate.after > 0 {
		d.due = d.due.Add(MaxHold)
		p.held = append(p.held, d)
	}
	p.enqueue(d, now)
	for _, other := range before {
		if other.fate.after--; other.fate.after > 0 {
			p.held = append(p.held, other)
		} else if !other.gone && other.due.After(now) {
			p.forward(other)
		}
	}
}

// enqueue sends a datagram that is due at once, and queues any other.
func (p *Proxy) enqueue(d *datagram, now time.Time) {
	if !d.due.After(now) {
		p.forward(d)
		return
	}
	p.order++
	d.order = p.order
	heap.Push(&p.queue, d)
	p.wake()
}

func (p *Proxy) lose(f fault, points int) {
	p.books.Lost.add(points)
	by := map[fault]*Count{
		byChance: &p.books.LostByChance, byPattern: &p.books.LostByPattern, byRate: &p.books.LostByRate,
		bySize: &p.books.LostBySize, byHole: &p.books.LostByHole, byClose: &p.books.LostByClose,
		bySend: &p.books.LostBySend,
	}
	by[f].add(points)
}

func (p *Proxy) forward(d *datagram) {
	d.gone = true
	p.books.Held.Packets--
	p.books.Held.Points -= uint64(d.points)
	if !p.send(d) {
		p.lose(bySend, d.points)
		return
	}
	p.books.Forwarded.add(d.points)
	if d.fate.duplicate && p.send(d) {
		p.books.Duplicated.add(d.points)
	}
	if d.fate.damaged {
		p.books.Damaged.add(d.points)
	}
}

// send writes to the target, and reports whether the kernel took the datagram. The socket
// is not connected, so that a target that has gone is not noticed.
func (p *Proxy) send(d *datagram) bool {
	c, ok := p.outs[d.source]
	if !ok {
		if len(p.outs) >= maxOuts { // many of them are of sources that have gone
			p.closeOuts()
		}
		var err error
		if c, err = net.ListenUDP("udp", nil); err != nil {
			return false
		}
		p.outs[d.source] = c
	}
	_, err := c.WriteToUDPAddrPort(d.bytes, p.target)
	return err == nil
}

// schedule forwards what was queued when it is due.
func (p *Proxy) schedule() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, closed := p.forwardDue(time.Now())
		if closed {
			return
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-p.changed:
		}
	}
}

// forwardDue forwards what is due, and returns how long to wait for the next.
func (p *Proxy) forwardDue(now time.Time) (next time.Duration, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 {
		d := p.queue[0]
		if !d.gone && d.due.After(now) {
			return d.due.Sub(now), p.closed
		}
		heap.Pop(&p.queue)
		if !d.gone {
			p.forward(d)
		}
	}
	return time.Hour, p.closed
}

// queue is a heap of datagrams by the time when they are due.
type queue []*datagram

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(*datagram)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return d
}
