package receiver

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// life is a Plain sender at one address, from one start to the next, with a clock of its
// own.
type life struct {
	sequence uint64
	clock    time.Time
}

// send returns the next packet, with three points.
func (l *life) send() wire.Header {
	l.clock = l.clock.Add(time.Millisecond)
	l.sequence++
	return wire.Header{Format: plain.Format, Session: 1, Sequence: l.sequence - 1, Points: 3, Time: l.clock.UnixNano()}
}

func (l *life) sendAll(n int) (hs []wire.Header) {
	for range n {
		hs = append(hs, l.send())
	}
	return hs
}

// lives returns the packets of a sender that begins anew after that many packets each time.
func lives(packets ...int) (hs []wire.Header) {
	l := life{clock: begin}
	for _, n := range packets {
		l.sequence = 0
		hs = append(hs, l.sendAll(n)...)
	}
	return hs
}

func cut(hs []wire.Header, lost ...int) []wire.Header {
	kept, _ := without(hs, func(i int) bool {
		for _, n := range lost {
			if i == n {
				return true
			}
		}
		return false
	})
	return kept
}

// TestPlainBooks: what comes, and what the books say about it, in packets. In points, sent
// is received and nothing is lost.
func TestPlainBooks(t *testing.T) {
	all, many := lives(3000), lives(10_000)
	twice := append(append([]wire.Header{}, all[:100]...), all[50:60]...)
	swapped := append([]wire.Header{}, all[:10]...)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	restart := lives(100, 50)
	reordered := append([]wire.Header{}, restart...)
	reordered[100], reordered[101] = reordered[101], reordered[100]
	behind := append(append([]wire.Header{}, restart[:99]...), restart[100:]...)
	behind = append(behind, restart[99]) // the last packet of the first life comes at the end
	forged := append([]wire.Header{}, all[:900]...)
	forged = append(append(forged, wire.Header{Format: plain.Format, Session: 1, Time: begin.Add(time.Hour).UnixNano(), Points: 3}), all[900:]...)
	tests := []struct {
		name     string
		packets  []wire.Header
		want     Counts
		restarts uint64
	}{
		{"all, in order", all, Counts{Sent: 3000, Received: 3000}, 0},
		{"out of order", shuffle(all, 100), Counts{Sent: 3000, Received: 3000}, 0},
		{"some are lost", cut(all, 7, 8, 2000), Counts{Sent: 3000, Received: 2997, Lost: 3}, 0},
		{"some are lost, out of order", shuffle(cut(all, 7, 8, 2000), 100), Counts{Sent: 3000, Received: 2997, Lost: 3}, 0},
		{"the last is lost: nobody knows", all[:2999], Counts{Sent: 2999, Received: 2999}, 0},
		{"ten come twice", twice, Counts{Sent: 100, Received: 100, Duplicate: 10}, 0},
		{"one is late", append(cut(many, 1), many[1]), Counts{Sent: 10_000, Received: 9999, Lost: 1, Late: 1}, 0},
		{"midway", all[1000:], Counts{Sent: 2000, Received: 2000}, 0},
		{"the second comes first", swapped, Counts{Sent: 10, Received: 10}, 0},
		{"begins anew", restart, Counts{Sent: 150, Received: 150}, 1},
		{"begins anew, many packets later", lives(100_000, 50), Counts{Sent: 100_050, Received: 100_050}, 1},
		{"begins anew, out of order", reordered, Counts{Sent: 150, Received: 150}, 1},
		{"begins anew, the first ones are lost", cut(restart, 100, 101), Counts{Sent: 148, Received: 148}, 1},
		{"begins anew, with losses before", cut(restart, 40, 41), Counts{Sent: 150, Received: 148, Lost: 2}, 1},
		{"begins anew, with losses behind", cut(restart, 140, 141), Counts{Sent: 150, Received: 148, Lost: 2}, 1},
		{"begins anew, and an old one comes", behind, Counts{Sent: 149, Received: 149, Late: 1}, 1},
		{"begins anew and again", lives(100, 70, 3, 40), Counts{Sent: 213, Received: 213}, 3},
		{"begins anew after one", lives(1, 1, 1, 1), Counts{Sent: 4, Received: 4}, 0},
		{"begins anew, and all comes twice", append(append([]wire.Header{}, restart...), restart[100:]...), Counts{Sent: 150, Received: 150, Duplicate: 50}, 1},
		{"one is forged", forged, Counts{Sent: 3001, Received: 3001}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTabled(begin.Add(-time.Hour))
			for i, h := range tt.packets {
				table.takes(h, begin.Add(time.Duration(i)*time.Millisecond))
			}
			table.obeysLaws(t, false)
			b := closeBooks(table)
			table.obeysLaws(t, true)
			assert.Equal(t, tt.want, b.Packets)
			points := Counts{Sent: 3 * tt.want.Received, Received: 3 * tt.want.Received, Duplicate: 3 * tt.want.Duplicate, Late: 3 * tt.want.Late}
			assert.Equal(t, points, b.Points)
			require.Len(t, table.plain, 1)
			s := table.plain[1].public()
			assert.Equal(t, b, s.Books)
			assert.Equal(t, tt.restarts, s.Restarts)
			assert.True(t, s.Plain)
			assert.Zero(t, table.cloned)
		})
	}
}

// TestPlainRestartsSoon: whatever a sender with the same address sent before, what it sends
// after a restart is delivered from the first packet on. If the first packet is lost, it is
// delivered from a second later on.
func TestPlainRestartsSoon(t *testing.T) {
	for _, before := range []int{1, 2, 500, 1100, 70_000} {
		for _, lost := range []int{0, 1, 3} {
			table := newTabled(begin)
			l := life{clock: begin}
			show := func(h wire.Header) bool { return table.takes(h, l.clock) }
			for range before {
				require.True(t, show(l.send()))
			}
			l.sequence = 0
			l.sendAll(lost)
			missed := 0
			for range 3000 {
				if !show(l.send()) {
					missed++
				}
			}
			if lost == 0 {
				assert.Zero(t, missed, "%d before", before)
			}
			assert.LessOrEqual(t, missed, 1000, "%d before, %d lost", before, lost)
		}
	}
}

// TestPlainReturns: a session that left the table goes on, or begins anew.
func TestPlainReturns(t *testing.T) {
	for _, anew := range []bool{false, true} {
		table := newTabled(begin)
		l := life{clock: begin}
		for range 50 {
			require.True(t, table.takes(l.send(), l.clock))
		}
		table.forget(table.plain[1], l.clock)
		require.Empty(t, table.plain)
		old := l
		if anew {
			l.sequence = 0
		}
		for range 50 {
			require.True(t, table.takes(l.send(), l.clock))
		}
		old.sequence--
		old.clock = old.clock.Add(-time.Millisecond)
		assert.False(t, table.takes(old.send(), l.clock), "what was counted before is not counted again")
		b := closeBooks(table)
		assert.Equal(t, uint64(100), b.Packets.Received)
		assert.Equal(t, uint64(100), b.Packets.Sent)
		table.obeysLaws(t, true)
	}
}

// TestPlainIsApart: no number of a Compact packet names a Plain session.
func TestPlainIsApart(t *testing.T) {
	table := newTabled(begin)
	l := life{clock: begin}
	for range 20 {
		require.True(t, table.takes(l.send(), begin))
	}
	clone := wire.Header{Format: wire.Compact, Session: 1, Time: begin.Add(time.Hour).UnixNano()}
	require.True(t, table.takes(clone, begin))
	clone.Time++
	require.True(t, table.takes(clone, begin), "a clone of the Compact session")
	require.Len(t, table.clones, 1)
	for range 20 {
		require.True(t, table.takes(l.send(), begin))
	}
	assert.Equal(t, uint64(40), table.plain[1].books().Packets.Received)
	table.obeysLaws(t, false)
	table.forget(table.plain[1], begin)
	assert.Len(t, table.byID, 1)
	_, compact := table.takeDeparted(sessionKey{id: 1})
	assert.False(t, compact)
	_, isPlain := table.takeDeparted(sessionKey{id: 1, plain: true})
	assert.True(t, isPlain)
}

// TestPlainStrangers: forged source addresses push out each other, and no session of either
// encoding that has proven itself.
func TestPlainStrangers(t *testing.T) {
	table := newTabled(begin)
	for i := range uint64(provenAfter) {
		table.takes(wire.Header{Format: wire.Compact, Session: 1, Sequence: i}, begin)
		table.takes(wire.Header{Format: plain.Format, Session: 2, Sequence: i, Time: int64(i)}, begin)
	}
	for i := range uint64(3 * testSessions) {
		h := wire.Header{Format: plain.Format, Session: 100 + i, Sequence: i}
		table.see(&h, netip.AddrPortFrom(elsewhere.Addr(), uint16(i)), begin)
		require.LessOrEqual(t, table.len(), testSessions)
	}
	assert.NotNil(t, table.byID[1])
	assert.NotNil(t, table.plain[2])
	assert.LessOrEqual(t, len(table.leftFresh.recent)+len(table.leftFresh.older), 2*testSessions)
	table.obeysLaws(t, false)
}

// plainPacket returns a packet with n events.
func plainPacket(t *testing.T, sequence uint64, n int) []byte {
	t.Helper()
	b := plain.AppendHeader(nil)
	for i := range n {
		b, _ = plain.AppendEvent(b, &plain.Event{Type: plain.Gauge | plain.Integer, Name: "gauge", Bits: uint64(i), Time: int64(i)})
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, sequence, time.Now().UnixNano())
	return b
}

// TestPlainRejected: damaged packets stand outside of the books. Packets that cannot be
// decoded are in them, without points.
func TestPlainRejected(t *testing.T) {
	r := listen(t, drop)
	damaged := plainPacket(t, 0, 1)
	damaged[20] ^= 1
	malformed := plainPacket(t, 2, 1)
	malformed[plain.HeaderSize] = 7
	plain.Stamp(malformed, 2, time.Now().UnixNano())
	heavy := plain.AppendHeader(nil)
	for range plain.MaxItems/2 + 1 {
		heavy, _ = plain.AppendEvent(heavy, &plain.Event{Type: plain.Gauge})
	}
	heavy = plain.AppendTrailer(heavy)
	plain.Stamp(heavy, 3, time.Now().UnixNano())
	dial(t, r)(damaged, damaged[:19], plainPacket(t, 0, 0), plainPacket(t, 1, 2), malformed, heavy)
	s := eventually(t, r, func(s Stats) bool {
		return s.Packets.Rejected == 2 && s.Packets.Delivered == 2 && s.Books == s.Sessions[0].Books
	})
	assert.Equal(t, Rejected{TooShort: 1, BadChecksum: 1, Malformed: 1, OverBudget: 1}, s.Rejected)
	assert.Equal(t, Counts{Sent: 4, Received: 4, Delivered: 2, Rejected: 2}, s.Packets)
	assert.Equal(t, Counts{Sent: 2, Received: 2, Delivered: 2}, s.Points)
	require.Len(t, s.Sessions, 1)
	assert.True(t, s.Sessions[0].Plain)
	assert.False(t, s.Sessions[0].Joined)
	assert.Equal(t, "127.0.0.1", s.Sessions[0].Source.Addr().String())
}

// TestPlainOverrun: what the queue cannot hold is counted, with its points.
func TestPlainOverrun(t *testing.T) {
	const packets, queue = 100, 4
	entered := make(chan struct{}, packets)
	release, open := gate()
	defer open()
	r := listen(t, func(*metricdata.ResourceMetrics) {
		entered <- struct{}{}
		<-release
	}, WithQueueSize(queue), WithWorkers(1))
	send := dial(t, r)
	send(plainPacket(t, 0, 2))
	<-entered
	for i := 1; i < packets; i++ {
		send(plainPacket(t, uint64(i), 2))
	}
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Received == packets })
	assert.Equal(t, uint64(packets-queue-1), s.Packets.Overrun)
	open()
	s = eventually(t, r, func(s Stats) bool { return s.Points.Delivered == 2*(queue+1) && s.Books == s.Sessions[0].Books })
	assert.Equal(t, Counts{Sent: 2 * packets, Received: 2 * packets, Delivered: 2 * (queue + 1), Overrun: 2 * (packets - queue - 1)}, s.Points)
}

// TestPlainOnUnixSocket: there are several senders, whose numbers say nothing.
func TestPlainOnUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r, err := Listen("unixgram://"+path, drop)
	require.NoError(t, err)
	defer r.Close()
	const senders, packets = 3, 20
	for from := range senders {
		c, err := net.Dial("unixgram", path)
		require.NoError(t, err)
		for i := range packets {
			_, err := c.Write(plainPacket(t, uint64(from*1000+i), 2))
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
	}
	const all = senders * packets
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == all && s.Books == s.Sessions[0].Books })
	assert.Equal(t, Counts{Sent: all, Received: all, Delivered: all}, s.Packets)
	assert.Equal(t, Counts{Sent: 2 * all, Received: 2 * all, Delivered: 2 * all}, s.Points)
	require.Len(t, s.Sessions, 1)
	assert.False(t, s.Sessions[0].Joined)
	assert.False(t, s.Sessions[0].Source.IsValid())
}
