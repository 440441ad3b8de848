package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

var (
	errNoHost      = errors.New("no such host")
	errUnreachable = errors.New("network is unreachable")
)

// network is a name, and the sockets dialled to what it means.
type network struct {
	mu      sync.Mutex
	answers []string        // of the name server; none: the name does not resolve
	slow    time.Duration   // what a look-up takes
	failure error           // of dialling, unless it is nil; addresses may be unreachable besides
	dead    map[string]bool // addresses with a closed port
	only    *fakeSocket     // the one that each dialling makes; nil: a new one

	dialled []string
	made    []*fakeSocket
	lookUps int
}

func (n *network) resolve(ctx context.Context) ([]udp.Address, error) {
	n.set(func(n *network) { n.lookUps++ })
	if !sleep(ctx, n.slow) {
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.answers) == 0 {
		return nil, errNoHost
	}
	return at(n.answers...), nil
}

func (n *network) dial(_ context.Context, to udp.Address) (Socket, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failure != nil {
		return nil, n.failure
	}
	if strings.HasPrefix(to.Path, "unreachable") {
		return nil, errUnreachable
	}
	s := n.only
	if s == nil {
		s = &fakeSocket{dead: n.dead[to.Path]}
	}
	n.dialled, n.made = append(n.dialled, to.Path), append(n.made, s)
	return s, nil
}

// set changes the network. The dialer may use it at the same time.
func (n *network) set(change func(*network)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// last is the socket dialled last.
func (n *network) last() *fakeSocket {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.made[len(n.made)-1]
}

// addresses are those that were dialled.
func (n *network) addresses() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dialled)
}

// die has the sockets dialled so far, and those to come to the same addresses, meet a closed
// port.
func (n *network) die() {
	n.set(func(n *network) {
		n.dead = map[string]bool{}
		for i, s := range n.made {
			n.dead[n.dialled[i]], s.dead = true, true
		}
	})
}

// at returns addresses that are told by their names.
func at(names ...string) (all []udp.Address) {
	for _, name := range names {
		all = append(all, udp.Address{Path: name})
	}
	return all
}

// driven is a sender with a dialer, whose pump is the test. Each of its packets has two points.
type driven struct {
	*Sender
	*network
	t       *testing.T
	dialer  *Dialer
	books   *account.Books
	waiting []Packet
	changes []string // of the circuit
	when    []time.Time
}

// drive starts one on a network, with a configuration that change has changed.
func drive(t *testing.T, n *network, change func(*Config)) *driven {
	t.Helper()
	d := &driven{network: n, t: t, books: &account.Books{}}
	c := &Config{
		PacketSize: 1472, PacketsPerSecond: 10_000, Burst: 32,
		Breaker: BreakerConfig{Failures: 10, Timeout: 30 * time.Second},
		OnCircuit: func(from, to Circuit) {
			d.changes, d.when = append(d.changes, fmt.Sprintf("%v > %v", from, to)), append(d.when, time.Now())
		},
		Resolve: n.resolve, Dial: n.dial,
	}
	change(c)
	d.Sender = New(c, d.books, plain{})
	d.dialer = StartDialer(d.Sender)
	d.pass(0)
	return d
}

func asItIs(*Config) {}

func never() bool { return false }

// until does what the pump does until over, and for so long at most. It reports whether it is
// over.
func (d *driven) until(most time.Duration, over func() bool) bool {
	end := time.Now().Add(most)
	for {
		synctest.Wait()
		select {
		case made := <-d.Dialled():
			d.Begin(made)
			continue
		default:
		}
		now := time.Now()
		d.waiting = d.waiting[d.Send(now, d.waiting):]
		if over() {
			return true
		}
		if !now.Before(end) {
			return false
		}
		select {
		case made := <-d.Dialled():
			d.Begin(made)
		case <-time.After(time.Until(earlier(end, d.Deadline(now, d.waiting)))):
		}
	}
}

// pass lets so much time pass.
func (d *driven) pass(time time.Duration) { d.until(time, never) }

// send has so many packets sent or dropped.
func (d *driven) send(packets int) {
	d.t.Helper()
	d.waiting = append(d.waiting, packetsOf(d.books, packets, 1000)...)
	require.True(d.t, d.until(time.Minute, func() bool { return len(d.waiting) == 0 }))
}

// flow sends a packet, again and again for so long.
func (d *driven) flow(long, every time.Duration) {
	d.t.Helper()
	for range long / every {
		d.send(1)
		d.pass(every)
	}
}

func (d *driven) sent() uint64 { return d.books.Settled().Sent }

func (d *driven) dropped(reason wire.DropReason) uint64 { return d.books.Settled().Dropped[reason] }

// address is where the socket made last sends to.
func (d *driven) address() string {
	to, _ := d.dialer.Address()
	return to.Path
}

// end ends the dialer and the session: each point is in the books once, and no socket is left
// open.
func (d *driven) end() {
	d.t.Helper()
	begin := time.Now()
	d.dialer.Stop()
	assert.Zero(d.t, time.Since(begin), "the dialer keeps nobody waiting")
	d.End()
	assert.Empty(d.t, d.waiting)
	s := d.books.Settled()
	sum := s.Sent
	for _, n := range s.Dropped {
		sum += n
	}
	assert.Equal(d.t, d.books.Offered(), sum, "%+v", s)
	for _, s := range d.made {
		assert.True(d.t, s.closed)
	}
}

// assertSession asserts that datagrams are a session's first, without gaps.
func assertSession(t *testing.T, datagrams []wire.Header, points uint64) {
	t.Helper()
	before := uint32(0)
	for i, h := range datagrams {
		assert.Equal(t, uint64(i), h.Sequence)
		assert.Equal(t, before, h.PointsBefore)
		before += uint32(h.Points)
	}
	assert.Equal(t, points, uint64(before))
}
