package receiver

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
)

// senders send the packets of many sessions in turns: pairs are swapped, and one in ten is
// lost.
type senders struct {
	t        *testing.T
	table    table
	random   *rand.Rand
	now      time.Time
	want     Books
	machines []*machine
}

// turn shows two packets of a machine to the table, the second first. One in ten is lost,
// and now and then one comes twice.
func (c *senders) turn(m *machine) {
	pair := [2]wire.Header{m.send(), m.send()}
	c.want.Packets.Sent += 2
	c.want.Points.Sent += uint64(pair[0].Points) + uint64(pair[1].Points)
	for i := 1; i >= 0; i-- {
		h := &pair[i]
		// The first and the last packet must come, since otherwise what is missing is not
		// known.
		if h.Sequence >= 2 && c.random.IntN(10) == 0 {
			c.want.Packets.Lost++
			c.want.Points.Lost += uint64(h.Points)
			continue
		}
		c.show(m, h, window.Fresh)
	}
	if c.random.IntN(50) == 0 {
		c.show(m, &pair[c.random.IntN(2)], window.Duplicate)
	}
}

func (c *senders) show(m *machine, h *wire.Header, want window.Verdict) {
	s, v := c.table.see(h, m.source, c.now)
	counts := [2]*Counts{&c.want.Packets, &c.want.Points}
	for i, n := range []uint64{1, uint64(h.Points)} {
		switch v {
		case window.Fresh:
			counts[i].Received += n
		case window.Duplicate:
			counts[i].Duplicate += n
		}
	}
	if v != want && !(want == window.Duplicate && v == window.Fresh) { // a lost packet that comes is no duplicate
		require.FailNow(c.t, "verdict", "%d for number %d of session %d", v, h.Sequence, s.id)
	}
	if want == window.Duplicate && v == window.Fresh {
		c.want.Packets.Lost--
		c.want.Points.Lost -= uint64(h.Points)
	}
}

// end closes the books of a machine's session: the last packet comes, with the goodbye if
// the machine says one.
func (c *senders) end(m *machine, goodbye bool) {
	h := m.send()
	if h.Goodbye = goodbye; goodbye {
		h.Points = 0
	}
	c.want.Packets.Sent++
	c.want.Points.Sent += uint64(h.Points)
	c.show(m, &h, window.Fresh)
}

// TestManySessions: twenty thousand sessions, short and long, some closed, some forged,
// some cloned, are counted exactly. The test prints what a session takes in memory.
func TestManySessions(t *testing.T) {
	const sessions = 20_000
	longTurns, every := testsize.Pick(2_000, 35_000), testsize.Pick(500, 10)
	before := allocs.Heap()
	c := &senders{t: t, table: newTable(defaultMaxSessions, begin.Add(-time.Hour)), random: rand.New(rand.NewPCG(11, 11)), now: begin}
	for id := range sessions {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)}), 4000)
		c.machines = append(c.machines, &machine{session: uint64(id) * 0x9E3779B97F4A7C15, source: from, clock: begin})
	}
	for range 5 { // of ten packets each
		for _, m := range c.machines {
			c.turn(m)
		}
		c.now = c.now.Add(100 * time.Millisecond)
	}
	t.Logf("a session of ten packets takes %d bytes", (allocs.Heap()-before)/int64(sessions))
	for i, m := range c.machines { // some are copied, and some useless packets come
		if i%1000 == 0 {
			m.clock = m.clock.Add(time.Millisecond)
			other := m.copy(elsewhere)
			for range 5 { // a number that was lost, and comes from the copy, is found
				c.one(m)
				other.clock = m.clock
				c.one(&other)
			}
		}
		if i%20 == 0 {
			forged := wire.Header{Session: c.random.Uint64(), Points: 3}
			c.want.Packets.Sent++
			c.want.Points.Sent += 3
			c.show(m, &forged, window.Fresh)
		}
	}
	for done := 0; done < longTurns; done += 100 { // the long ones, a hundred pairs a turn
		for i := 0; i < sessions; i += every {
			for range 100 {
				c.turn(c.machines[i])
			}
		}
		c.now = c.now.Add(100 * time.Millisecond)
	}
	t.Logf("with %d of %d packets among them it takes %d bytes", (sessions+every-1)/every, 2*longTurns, (allocs.Heap()-before)/int64(sessions))
	for i, m := range c.machines {
		c.end(m, i%3 == 0)
	}
	c.now = c.now.Add(time.Hour)
	for range 2 {
		for c.table.settle(c.now) {
		}
	}
	got := newBooks(c.table.totals, c.table.duplicates, c.table.lates, c.table.overruns, tally{}, tally{})
	assert.Equal(t, c.want, got)
	assert.Equal(t, uint64(sessions/1000), c.table.cloned)
	assert.Zero(t, c.table.forgotten)
	assert.LessOrEqual(t, c.table.len(), defaultMaxSessions)
	runtime.KeepAlive(c.table)
}

// one shows the next packet of a machine.
func (c *senders) one(m *machine) {
	h := m.send()
	c.want.Packets.Sent++
	c.want.Points.Sent += uint64(h.Points)
	c.show(m, &h, window.Fresh)
}
