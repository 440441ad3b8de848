package receiver

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/wire"
)

// obeysLaws asserts that each session is in one list of its class, one slot and one map,
// and, if everything is settled, that all books add up.
func (t *table) obeysLaws(tb testing.TB, settled bool) {
	tb.Helper()
	require.Equal(tb, t.len(), t.closed.len+t.fresh.len+t.proven.len)
	require.Equal(tb, t.len(), len(t.byID)+len(t.plain)+len(t.clones))
	require.LessOrEqual(tb, t.len(), t.max)
	require.LessOrEqual(tb, t.proven.len, t.max-max(1, t.max/16))
	if !settled {
		return
	}
	require.Zero(tb, t.pending.len)
	all := []Books{newBooks(t.totals, t.duplicates, t.lates, t.overruns, tally{}, tally{})}
	for i, s := range t.slots {
		if s != nil {
			require.Equal(tb, i, s.slot)
			all = append(all, s.books())
		}
	}
	for _, b := range all {
		for _, c := range []Counts{b.Packets, b.Points} {
			require.Equal(tb, c.Sent, c.Received+c.Lost)
			require.Less(tb, c.Sent, uint64(1)<<60)
		}
	}
}

// TestTableObeysItsLaws: the laws hold whatever comes: few places, sessions that return,
// clones, jumps, lies, clocks that jump back and forth, reports and silence.
func TestTableObeysItsLaws(t *testing.T) {
	bases := []uint64{0, 500, 1000, 1 << 20, 1 << 55, 1<<56 - 2000}
	for seed := range testsize.Pick[uint64](200, 1000) {
		r := rand.New(rand.NewPCG(seed, 9))
		table := newTable(16, begin.Add(-time.Hour))
		now := begin
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1500)) * time.Millisecond)
			h := wire.Header{Format: wire.Compact, Session: uint64(r.IntN(20)), Points: uint16(r.IntN(4000)), Goodbye: r.IntN(50) == 0}
			h.Sequence = bases[r.IntN(len(bases))] + r.Uint64N(1<<r.IntN(11))
			h.PointsBefore = uint32(h.Sequence * 2000)
			if r.IntN(10) == 0 {
				h.PointsBefore = r.Uint32()
			}
			h.Time = now.UnixNano() + int64(r.IntN(5)-2)*int64(r.IntN(3000))*1e6
			from := source
			if r.IntN(4) == 0 {
				from = elsewhere
			}
			s, _ := table.see(&h, from, now)
			if r.IntN(20) == 0 {
				s.learn(r.Uint64N(uint64(time.Hour)), now, table.known)
				table.enter(s)
			}
			if r.IntN(30) == 0 {
				now = now.Add(time.Duration(r.IntN(15)) * time.Minute)
				table.expire(now)
			}
			table.obeysLaws(t, false)
		}
		for range 3 {
			now = now.Add(time.Hour)
			for table.settle(now) {
			}
		}
		table.obeysLaws(t, true)
	}
}

// TestReturningClones: a session that comes back to a full table as a clone does not hold a
// place for ever.
func TestReturningClones(t *testing.T) {
	table := newTable(16, begin)
	for i := range uint64(500) {
		h := wire.Header{Session: i % 40, Sequence: 2000}
		if i >= 40 {
			h.Sequence, h.Time = 5, begin.Add(time.Duration(i)*time.Minute).UnixNano()
		}
		table.see(&h, source, begin.Add(time.Duration(i)))
		table.obeysLaws(t, false)
	}
}

// TestForgedGoodbyes: sessions that prove themselves and say goodbye do not come back as
// proven sessions that push out others.
func TestForgedGoodbyes(t *testing.T) {
	const honest = testSessions * 3 / 4
	table := newTabled(begin)
	for sequence := range uint64(provenAfter) {
		for id := range uint64(honest) {
			require.True(t, table.takes(wire.Header{Session: id, Sequence: sequence}, begin))
		}
	}
	for forged := range uint64(2 * testSessions) {
		for sequence := range uint64(provenAfter) {
			table.takes(wire.Header{Session: 1e6 + forged, Sequence: sequence, Goodbye: sequence == provenAfter-1}, begin)
		}
	}
	for forged := range uint64(2 * testSessions) {
		table.takes(wire.Header{Session: 1e6 + forged, Sequence: provenAfter}, begin.Add(time.Second))
	}
	for id := range uint64(honest) {
		require.NotNil(t, table.byID[id])
	}
	table.obeysLaws(t, false)
}

// TestGoodbyeInAFullTable: a session that said goodbye and made room stays closed when its
// goodbye comes again.
func TestGoodbyeInAFullTable(t *testing.T) {
	table := &tabled{newTable(16, begin)}
	for sequence := range uint64(provenAfter) {
		table.takes(wire.Header{Session: 1, Sequence: sequence}, begin)
	}
	for id := uint64(2); id <= 16; id++ {
		table.takes(wire.Header{Session: id}, begin)
	}
	bye := wire.Header{Session: 1, Sequence: provenAfter, Goodbye: true}
	require.True(t, table.takes(bye, begin))
	for i := range 3 {
		require.True(t, table.takes(wire.Header{Session: 50 + uint64(i)}, begin))
		require.Nil(t, table.byID[1], "it made room")
		bye.Time += int64(time.Minute)
		require.False(t, table.takes(bye, begin))
		require.True(t, table.byID[1].closed)
	}
	assert.Zero(t, table.cloned)
	assert.Zero(t, table.books().Packets.Duplicate+table.books().Packets.Late)
	assert.Equal(t, uint64(provenAfter+1), table.byID[1].newest.packets)
}

// TestForgedGoodbye: one packet with a goodbye, far ahead or not, does not make a session
// that goes on the first to make room.
func TestForgedGoodbye(t *testing.T) {
	for _, at := range []uint64{20, 20_000, 1 << 50} {
		table := newTabled(begin)
		for sequence := range uint64(30) {
			require.True(t, table.takes(wire.Header{Session: 1, Sequence: sequence}, begin) || sequence == at)
			if sequence == 9 {
				require.True(t, table.takes(wire.Header{Session: 1, Sequence: at, Goodbye: true}, begin))
			}
		}
		assert.False(t, table.byID[1].closed, at)
		assert.Equal(t, 1, table.proven.len)
	}
}

// TestSessionLeavesTwice: what is remembered is how the session left the last time.
func TestSessionLeavesTwice(t *testing.T) {
	table := newTabled(begin)
	sequence := uint64(0)
	for _, proven := range []bool{true, false, true, false} {
		for range 50 {
			require.True(t, table.takes(wire.Header{Session: 1, Sequence: sequence}, begin))
			sequence++
		}
		table.byID[1].proven = proven // as if another proven session had taken its place
		table.forget(table.byID[1], begin)
	}
	for i := range sequence {
		require.False(t, table.takes(wire.Header{Session: 1, Sequence: i}, begin))
	}
	assert.Equal(t, Counts{Sent: sequence, Received: sequence, Late: sequence}, closeBooks(table).Packets)
}

// TestBursts: whatever runs come through between bursts of loss, an honest sender's books
// are exact in the end.
func TestBursts(t *testing.T) {
	for seed := range testsize.Pick[uint64](100, 300) {
		r := rand.New(rand.NewPCG(seed, 1))
		table := newTabled(begin.Add(-time.Hour))
		m := machine{session: 1, source: source, clock: begin}
		received := uint64(0)
		take := func(n int) {
			for range n {
				require.True(t, m.show(table))
				received++
			}
		}
		take(1)
		for range 200 {
			if r.IntN(4) == 0 {
				for range 500 + r.IntN(3000) {
					m.send()
				}
			}
			take(1 + r.IntN(6))
		}
		take(10)
		b := table.close(m.clock.Add(time.Hour))
		require.Equal(t, Counts{Sent: m.sequence, Received: received, Lost: m.sequence - received}, b.Packets)
		require.Equal(t, uint64(m.before), b.Points.Sent)
	}
}

// TestNearlyAllIsLost: if one packet in a thousand arrives, the loss is known.
func TestNearlyAllIsLost(t *testing.T) {
	table := newTabled(begin)
	m := machine{session: 1, source: source, clock: begin}
	for range 100 {
		require.True(t, m.show(table))
		for range 999 {
			m.send()
		}
	}
	b := table.close(m.clock.Add(time.Hour))
	assert.InDelta(t, 99_000, b.Packets.Sent, 10_000, "but for the last few, which wait for others")
	assert.Equal(t, uint64(100), b.Packets.Received)
	assert.Equal(t, b.Packets.Sent, b.Packets.Received+b.Packets.Lost)
}
