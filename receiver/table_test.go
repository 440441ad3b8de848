package receiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// TestSessionsReturn: the books of a session that was forgotten go on where
// they were closed, and nothing is counted twice.
func TestSessionsReturn(t *testing.T) {
	for _, sessions := range []int{1, testSessions + 1, 3*testSessions + 1} {
		table := newTabled(begin)
		const rounds = 5
		now := begin
		for r := range uint64(rounds) {
			for id := range sessions {
				h := wire.Header{Session: uint64(id), Sequence: r, Points: 3, PointsBefore: uint32(3 * r)}
				require.True(t, table.takes(h, now))
				now = now.Add(time.Microsecond)
			}
			now = now.Add(sessionIdle)
			for table.len() > 0 {
				table.expire(now)
			}
		}
		want := uint64(rounds * sessions)
		b := table.books()
		assert.Equal(t, Counts{Sent: want, Received: want}, b.Packets, "%d sessions", sessions)
		assert.Equal(t, Counts{Sent: 3 * want, Received: 3 * want}, b.Points, "%d sessions", sessions)
		assert.LessOrEqual(t, len(table.leftFresh.recent)+len(table.leftFresh.older), 2*testSessions)
	}
}

// TestForgottenForGood: a session that is forgotten for good is not counted a second time
// when it returns. A session that began after that is counted from its begin.
func TestForgottenForGood(t *testing.T) {
	table := newTabled(begin)
	now := begin
	visit := func(id, sequence uint64, age time.Duration) *session {
		require.True(t, table.takes(wire.Header{Session: id, Sequence: sequence}, now))
		table.learn(id, age, now)
		return table.byID[id]
	}
	visit(1, 50, 1)
	for id := range uint64(4*testSessions + 2) {
		now = now.Add(time.Millisecond)
		visit(10+id, 0, 1)
	}
	_, remembered := table.takeDeparted(sessionKey{id: 1})
	require.False(t, remembered)
	now = now.Add(time.Millisecond)
	assert.True(t, visit(1, 60, now.Sub(begin)).joined)
	assert.False(t, visit(2, 7, 1).joined)
}

// TestLossBetweenVisits: what is missing when a session returns is lost.
func TestLossBetweenVisits(t *testing.T) {
	table := newTabled(begin)
	hs := stream(0, 0, 100)
	for _, i := range []int{0, 50, 99} {
		at := begin.Add(time.Duration(i) * sessionIdle)
		table.expire(at)
		table.takes(hs[i], at)
	}
	table.expire(begin.Add(200 * sessionIdle))
	require.Zero(t, table.len())
	b := table.books()
	assert.Equal(t, Counts{Sent: 100, Received: 3, Lost: 97}, b.Packets)
	assert.Equal(t, points(hs), b.Points.Sent)
	assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
}

func TestTableIsBounded(t *testing.T) {
	table := newTabled(begin)
	for i := range 3 * testSessions {
		now := begin.Add(time.Duration(i))
		table.takes(wire.Header{Session: uint64(i), Points: 1}, now)
		table.takes(wire.Header{Session: 0, Sequence: uint64(i)}, now)
	}
	assert.Equal(t, testSessions, table.len())
	assert.Len(t, table.slots, testSessions)
	assert.Equal(t, testSessions, table.fresh.len+table.proven.len)
	assert.Contains(t, table.byID, uint64(0), "the busy one stays")
	assert.Equal(t, uint64(2*testSessions), table.forgotten)
	assert.Equal(t, uint64(3*testSessions), table.books().Points.Received, "the books of the others are kept")
	table.expire(begin.Add(sessionIdle - time.Second))
	assert.Equal(t, testSessions, table.len())
	for range testSessions / forgetAtOnce {
		table.expire(begin.Add(sessionIdle + time.Second))
	}
	assert.Zero(t, table.len())
	assert.Zero(t, table.fresh.len+table.proven.len+table.pending.len)
}

// TestWhoMakesRoom: forged sessions push out each other, and no session that has proven
// itself, even if that is silent for a while. Sessions that said goodbye make room before
// all others.
func TestWhoMakesRoom(t *testing.T) {
	const honest = testSessions - testSessions/16
	table := newTabled(begin)
	for sequence := range uint64(provenAfter) {
		for id := range uint64(honest) {
			table.takes(wire.Header{Session: id, Sequence: sequence}, begin.Add(time.Duration(id)))
		}
	}
	for id := range uint64(100) {
		table.takes(wire.Header{Session: id, Sequence: provenAfter, Goodbye: true}, begin.Add(time.Second))
	}
	for forged := range uint64(testSessions/16 + 100) {
		table.takes(wire.Header{Session: 1e6 + forged}, begin.Add(2*time.Second))
	}
	assert.Zero(t, table.closed.len)
	assert.Equal(t, uint64(100), table.forgotten)
	for forged := range uint64(3 * testSessions) {
		table.takes(wire.Header{Session: 2e6 + forged}, begin.Add(sessionQuiet))
	}
	assert.Equal(t, honest-100, table.proven.len)
	for id := range uint64(honest) {
		assert.Equal(t, id >= 100, table.byID[id] != nil)
	}
	assert.Equal(t, testSessions, table.len())
}

// TestProvenAreNotPushedOut: sessions that have proven themselves are not pushed out by
// others that have, unless they were silent for long.
func TestProvenAreNotPushedOut(t *testing.T) {
	const most = testSessions - testSessions/16
	table := newTabled(begin)
	prove := func(from, n uint64, at time.Time) {
		for sequence := range uint64(provenAfter) {
			for id := range n {
				require.True(t, table.takes(wire.Header{Session: from + id, Sequence: sequence}, at.Add(time.Duration(id))))
			}
		}
	}
	prove(0, most, begin)
	prove(1e6, 200, begin.Add(sessionQuiet-time.Second))
	assert.False(t, table.byID[1e6].proven)
	assert.Equal(t, most, table.proven.len)
	for id := range uint64(most) {
		assert.NotNil(t, table.byID[id])
	}
	prove(2e6, 100, begin.Add(sessionQuiet+time.Second))
	assert.True(t, table.byID[2e6].proven)
	assert.False(t, table.byID[0].proven, "it was silent for longest")
	assert.True(t, table.byID[most-1].proven)
	assert.Equal(t, most, table.proven.len)
}

// TestReturningProven: a session that had proven itself still has when it returns, even
// after a flood of others.
func TestReturningProven(t *testing.T) {
	table := newTabled(begin)
	for sequence := range uint64(provenAfter) {
		table.takes(wire.Header{Session: 1, Sequence: sequence}, begin)
	}
	table.forget(table.byID[1], begin)
	for forged := range uint64(5 * testSessions) {
		table.takes(wire.Header{Session: 10 + forged}, begin.Add(time.Second))
	}
	require.True(t, table.takes(wire.Header{Session: 1, Sequence: provenAfter}, begin.Add(time.Second)))
	assert.True(t, table.byID[1].proven)
	assert.True(t, table.byID[1].resumed)
}

func TestForgettingClosesTheBooks(t *testing.T) {
	table := newTabled(begin)
	hs := stream(0, 0, 100)
	table.takes(hs[0], begin)
	table.takes(hs[99], begin)
	table.forget(table.leastUseful(), begin)
	assert.Equal(t, uint64(98), table.books().Packets.Lost)
	assert.Equal(t, points(hs[1:99]), table.books().Points.Lost)
}
