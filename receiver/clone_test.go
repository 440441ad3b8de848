package receiver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
)

var elsewhere = netip.MustParseAddrPort("192.0.2.7:1234")

// machine sends packets of one session, with a clock of its own.
type machine struct {
	session, sequence uint64
	before            uint32
	source            netip.AddrPort
	clock             time.Time
}

// copy returns a machine with the same memory at another address.
func (m machine) copy(source netip.AddrPort) machine { m.source = source; return m }

// send returns the next packet, with two points.
func (m *machine) send() wire.Header {
	m.clock = m.clock.Add(time.Millisecond)
	h := wire.Header{Format: wire.Compact, Session: m.session, Sequence: m.sequence, Points: 2, PointsBefore: m.before, Time: m.clock.UnixNano()}
	m.sequence++
	m.before += 2
	return h
}

// show shows the next packet of a machine to the table, and reports whether it is new.
func (m *machine) show(t *tabled) bool {
	h := m.send()
	_, v := t.see(&h, m.source, m.clock)
	return v == window.Fresh
}

// TestClones: two machines that send the same numbers at once, and a machine that is put
// back to an earlier state, lose nothing, and the books say what they are.
func TestClones(t *testing.T) {
	const before, after = 100, 3000
	tests := []struct {
		name   string
		source netip.AddrPort // of the copy
		pause  time.Duration  // until the copy runs
		both   bool           // the first machine runs on
		lost   uint64         // packets that no machine sent are not lost
	}{
		{"a copy elsewhere", elsewhere, time.Microsecond, true, 0},
		{"a copy elsewhere, later", elsewhere, time.Hour, true, 0},
		{"put back", source, time.Minute, false, 0},
		{"put back elsewhere", elsewhere, time.Minute, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTabled(begin.Add(-time.Hour))
			one := machine{session: 1, source: source, clock: begin}
			sent := uint64(0)
			show := func(m *machine) {
				require.True(t, m.show(table), "packet %d", m.sequence-1)
				sent++
			}
			for range before {
				show(&one)
			}
			other := one.copy(tt.source)
			if !tt.both { // the machine had sent more when it was put back
				for range 50 {
					show(&one)
				}
			}
			other.clock = one.clock.Add(tt.pause)
			for range after {
				if tt.both {
					show(&one)
					other.clock = maxTime(other.clock, one.clock)
				}
				show(&other)
			}
			assert.Equal(t, uint64(1), table.cloned)
			b := table.close(other.clock.Add(time.Hour))
			assert.Equal(t, Counts{Sent: sent, Received: sent}, b.Packets)
			assert.Equal(t, Counts{Sent: 2 * sent, Received: 2 * sent}, b.Points)
			require.Len(t, table.clones, 1)
			for _, s := range table.clones {
				assert.True(t, s.public().Clone)
				assert.True(t, s.public().Joined, "what came before was sent by the other")
				assert.Equal(t, tt.source, s.public().Source)
			}
			assert.False(t, table.byID[1].public().Clone)
		})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestPutBackAgain: a machine that is put back again and again has one set of books at a
// time. It loses only numbers that were seen so long ago that they are forgotten.
func TestPutBackAgain(t *testing.T) {
	table := newTabled(begin.Add(-time.Hour))
	m := machine{session: 1, source: source, clock: begin}
	sent := uint64(0)
	for round := range 20 {
		if round > 0 {
			m.sequence, m.before = 10, 20
			m.clock = m.clock.Add(10 * time.Second)
		}
		for range 500 * (round + 1) {
			require.True(t, m.show(table))
			sent++
		}
		require.LessOrEqual(t, table.len(), 2)
	}
	assert.Equal(t, uint64(19), table.cloned)
	b := table.close(m.clock.Add(time.Hour))
	assert.Equal(t, Counts{Sent: sent, Received: sent}, b.Packets)
}

// TestNoClones: packets that arrive twice, even by another path or long after, and goodbyes
// are no clones.
func TestNoClones(t *testing.T) {
	table := newTabled(begin)
	m := machine{session: 1, source: source, clock: begin}
	var sent []wire.Header
	for range 3000 {
		h := m.send()
		sent = append(sent, h)
		_, v := table.see(&h, source, m.clock)
		require.Equal(t, window.Fresh, v)
	}
	for i := range sent {
		_, v := table.see(&sent[i], elsewhere, m.clock.Add(time.Duration(i)*time.Millisecond))
		require.NotEqual(t, window.Fresh, v)
	}
	bye := m.send()
	bye.Goodbye, bye.Points = true, 0
	for i := range 3 {
		bye.Time += int64(time.Second)
		_, v := table.see(&bye, source, m.clock.Add(time.Minute))
		require.Equal(t, i == 0, v == window.Fresh)
	}
	assert.Zero(t, table.cloned)
	b := table.books()
	assert.Equal(t, uint64(3000), b.Packets.Duplicate+b.Packets.Late)
	assert.Equal(t, uint64(3001), b.Packets.Received)
}

// TestClonesAreBounded: a sender that knows the number of a session cannot fill the table
// with clones of it so that others have no room.
func TestClonesAreBounded(t *testing.T) {
	table := newTabled(begin)
	honest := machine{session: 2, source: source, clock: begin}
	m := machine{session: 1, source: source, clock: begin}
	for range 20 {
		require.True(t, honest.show(table))
		require.True(t, m.show(table))
	}
	for i := range 3 * testSessions {
		other := m
		other.sequence, other.before = 5, 10
		other.source = netip.AddrPortFrom(elsewhere.Addr(), uint16(i))
		other.clock = m.clock.Add(time.Duration(i+1) * time.Microsecond)
		require.True(t, other.show(table))
		require.LessOrEqual(t, table.len(), testSessions)
	}
	assert.True(t, table.byID[2].proven)
	assert.True(t, honest.show(table))
	assert.LessOrEqual(t, len(table.clones), testSessions)
}
