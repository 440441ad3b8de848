package receiver

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

var (
	begin  = time.Unix(1_790_000_000, 0)
	source = netip.MustParseAddrPort("127.0.0.1:9")
)

// stream makes the headers of a session: packet i has i%5 points.
func stream(first uint64, before uint64, n int) []wire.Header {
	hs := make([]wire.Header, n)
	for i := range hs {
		hs[i] = wire.Header{
			Format: wire.Compact, Session: 1, Sequence: first + uint64(i),
			Points: uint16(i % 5), PointsBefore: uint32(before),
		}
		before += uint64(hs[i].Points)
	}
	return hs
}

func points(hs []wire.Header) (sum uint64) {
	for _, h := range hs {
		sum += uint64(h.Points)
	}
	return sum
}

// feed shows the packets to a new session, a millisecond apart.
func feed(hs []wire.Header) *session {
	table := newTable(begin.Add(-time.Hour))
	s := table.session(&hs[0], source, begin)
	for i := range hs {
		now := begin.Add(time.Duration(i) * time.Millisecond)
		s.see(&hs[i], source, now)
		if i == 0 {
			s.learn(1, now, table.known) // it began just now
		}
	}
	return s
}

// closeBooks lets enough time go by for everything missing to be lost.
func closeBooks(s *session) Books {
	s.turn(s.lastSeen.Add(2 * lateAfter))
	return s.books()
}

func without(hs []wire.Header, drop func(i int) bool) (kept, dropped []wire.Header) {
	for i, h := range hs {
		if drop(i) {
			dropped = append(dropped, h)
		} else {
			kept = append(kept, h)
		}
	}
	return kept, dropped
}

func TestSessionBooks(t *testing.T) {
	all := stream(0, 0, 5000)
	last := len(all) - 1
	tests := []struct {
		name string
		drop func(i int) bool
	}{
		{"nothing lost", func(int) bool { return false }},
		{"the first", func(i int) bool { return i == 0 }},
		{"the first thousand", func(i int) bool { return i < 1000 }},
		{"every second", func(i int) bool { return i%2 == 0 }},
		{"a block", func(i int) bool { return i > 100 && i < 3000 }},
		{"all but the ends", func(i int) bool { return i != 0 && i != last }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept, dropped := without(all, tt.drop)
			want := Books{
				Packets: Counts{Sent: uint64(len(all)), Received: uint64(len(kept)), Lost: uint64(len(dropped))},
				Points:  Counts{Sent: points(all), Received: points(kept), Lost: points(dropped)},
			}
			assert.Equal(t, want, closeBooks(feed(kept)))
			shuffled := append([]wire.Header{}, kept...)
			rand.New(rand.NewPCG(7, 7)).Shuffle(len(shuffled), func(i, j int) {
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			})
			assert.Equal(t, want, closeBooks(feed(shuffled)), "in any order")
			twice := append(append([]wire.Header{}, kept...), kept...)
			want.Packets.Duplicate, want.Points.Duplicate = uint64(len(kept)), points(kept)
			assert.Equal(t, want, closeBooks(feed(twice)), "duplicates stand outside")
		})
	}
}

// TestLossIsPublishedLate: what is merely out of order is never reported lost.
func TestLossIsPublishedLate(t *testing.T) {
	hs := stream(0, 0, 10)
	s := newSession(&hs[0], source, begin)
	for i := range hs {
		if i != 4 {
			s.see(&hs[i], source, begin)
		}
	}
	s.turn(begin.Add(999 * time.Millisecond))
	assert.Zero(t, s.books().Packets.Lost)
	s.see(&hs[4], source, begin.Add(999*time.Millisecond))
	b := closeBooks(s)
	assert.Zero(t, b.Packets.Lost)
	assert.Zero(t, b.Points.Lost)

	s = newSession(&hs[0], source, begin)
	s.see(&hs[9], source, begin)
	s.turn(begin.Add(2 * time.Second))
	assert.Equal(t, uint64(9), s.books().Packets.Lost)
	s.see(&hs[4], source, begin.Add(3*time.Second))
	assert.Equal(t, uint64(8), s.books().Packets.Lost, "lost, and found")
}

// TestMidSession: what is missing before the first packet seen is lost or not,
// depending on whether the session is older than the receiver. Until its first
// report nobody knows.
func TestMidSession(t *testing.T) {
	const age = 10 * time.Second
	for _, first := range []uint64{1, 5, 900, windowSize - 1, windowSize, 5 * windowSize} {
		for _, since := range []time.Duration{-time.Nanosecond, age + 1} { // the receiver's begin, before the report
			hs := stream(first, first, 100)
			table := newTable(begin.Add(50*time.Millisecond - since))
			s := table.session(&hs[3], source, begin)
			for i, h := range hs[3:] {
				require.True(t, s.see(&h, source, begin.Add(time.Duration(i)*time.Millisecond)))
				require.Zero(t, s.books().Packets.Lost)
			}
			require.True(t, s.public().Joined, "provisionally")
			require.True(t, s.public().Began.IsZero())
			require.True(t, s.see(&hs[1], source, begin.Add(98*time.Millisecond)), "out of order")
			require.False(t, s.see(&hs[1], source, begin.Add(98*time.Millisecond)), "twice")
			report := hs[99]
			report.Sequence++
			now := begin.Add(50 * time.Millisecond)
			s.learn(uint64(age), now, table.known)
			if now.Add(-age).Before(table.known) {
				b := closeBooks(s)
				assert.True(t, s.public().Joined)
				assert.Equal(t, Counts{Sent: 99, Received: 98, Lost: 1, Duplicate: 1}, b.Packets)
				assert.Equal(t, points(hs[1:]), b.Points.Sent)
				assert.Equal(t, points(hs[2:3]), b.Points.Lost)
				assert.False(t, s.see(&hs[0], source, begin), "from before the books began")
				assert.Equal(t, uint64(1), s.books().Packets.Late)
			} else {
				assert.Zero(t, s.books().Packets.Lost, "nothing is late yet")
				b := closeBooks(s)
				assert.False(t, s.public().Joined)
				assert.Equal(t, Counts{Sent: first + 100, Received: 98, Lost: first + 2, Duplicate: 1}, b.Packets)
				assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
			}
			assert.Equal(t, now.Add(-age), s.public().Began)
		}
	}
}

// TestNoAge: a report that does not say how old the session is leaves all as it was.
func TestNoAge(t *testing.T) {
	hs := stream(500, 40_000_000, 10)
	table := newTable(begin.Add(-time.Hour))
	s := table.session(&hs[0], source, begin)
	for i := range hs {
		s.see(&hs[i], source, begin)
	}
	s.learn(0, begin, table.known)
	assert.True(t, s.public().Joined)
	assert.True(t, s.public().Began.IsZero())
	assert.Zero(t, closeBooks(s).Points.Lost)
}

// TestProvisionalSessionReturns: what is known, and what is not, of a session that
// leaves the table before its first report stays so until it returns.
func TestProvisionalSessionReturns(t *testing.T) {
	for _, older := range []bool{false, true} {
		table := newTable(begin.Add(-time.Minute))
		hs := stream(0, 0, 30)
		s := table.session(&hs[5], source, begin)
		s.see(&hs[5], source, begin)
		for i := range 2 { // it leaves once before the report, and once after
			table.forget(table.sessions[1], begin)
			s = table.session(&hs[10+i], source, begin)
			require.True(t, s.see(&hs[10+i], source, begin))
			require.False(t, s.see(&hs[3], source, begin), "it is late by now")
			if i == 0 {
				require.True(t, s.public().Joined, "provisionally")
				age := uint64(1)
				if older {
					age = uint64(time.Hour)
				}
				s.learn(age, begin, table.known)
			}
			assert.Equal(t, older, s.public().Joined)
		}
		table.forget(table.sessions[1], begin)
		sent, lost := uint64(12), uint64(9)
		if older {
			sent, lost = 7, 4
		}
		assert.Equal(t, Counts{Sent: sent, Received: 3, Lost: lost, Late: 2}, table.retired.Packets)
		assert.Equal(t, table.retired.Points.Sent, table.retired.Points.Received+table.retired.Points.Lost)
	}
}

// TestBeforeTheWindow: what the window of a session that was met late does not reach
// back to is late, also when its books turn out to begin at 0.
func TestBeforeTheWindow(t *testing.T) {
	hs := stream(0, 0, windowSize+2000)
	s := feed(hs[windowSize+1500 : windowSize+1600])
	require.False(t, s.joined)
	assert.False(t, s.see(&hs[7], source, s.lastSeen))
	for i := windowSize + 1600; i < len(hs); i++ {
		require.True(t, s.see(&hs[i], source, s.lastSeen))
	}
	b := closeBooks(s)
	assert.Equal(t, Counts{Sent: windowSize + 2000, Received: 500, Lost: windowSize + 1500, Late: 1}, b.Packets)
	assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
}

// TestFirstPacketsInAnyOrder: before the first report the books move back to what
// comes out of order, and nothing of it is lost before it is late.
func TestFirstPacketsInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		hs := stream(uint64(r.IntN(3)*1000), 77, 40)
		r.Shuffle(len(hs), func(i, j int) { hs[i], hs[j] = hs[j], hs[i] })
		table := newTable(begin.Add(-time.Hour))
		s := table.session(&hs[0], source, begin)
		told := r.IntN(len(hs))
		for i, h := range hs {
			require.True(t, s.see(&h, source, begin.Add(time.Duration(i)*20*time.Millisecond)))
			if i == told {
				s.learn(uint64(time.Minute), begin, table.known)
			}
			require.Zero(t, s.books().Packets.Lost)
			require.Zero(t, s.books().Points.Lost)
		}
		b := closeBooks(s)
		assert.Equal(t, uint64(len(hs)), b.Packets.Received)
		assert.Equal(t, b.Packets.Sent, b.Packets.Received+b.Packets.Lost)
		assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
	}
}

// TestPointsBeforeWraps: the header has 32 bits of a number that grows on.
func TestPointsBeforeWraps(t *testing.T) {
	const step = 60_000
	hs := make([]wire.Header, 150_000) // 9e9 points
	before := uint64(0)
	for i := range hs {
		hs[i] = wire.Header{Sequence: uint64(i), Points: step, PointsBefore: uint32(before)}
		before += step
	}
	kept, dropped := without(hs, func(i int) bool { return i%3 == 1 })
	b := closeBooks(feed(kept))
	require.Equal(t, before, b.Points.Sent)
	assert.Equal(t, uint64(len(dropped))*step, b.Points.Lost)
}

func TestLatePackets(t *testing.T) {
	hs := stream(0, 0, windowSize+100)
	s := feed(hs)
	assert.False(t, s.see(&hs[50], source, begin))
	b := closeBooks(s)
	assert.Equal(t, uint64(1), b.Packets.Late)
	assert.Equal(t, b.Packets.Sent, b.Packets.Received)
}

// TestLyingSender: books of nonsense are nonsense, but they close.
func TestLyingSender(t *testing.T) {
	tests := []struct {
		name string
		sent []wire.Header
		lost uint64
	}{
		{"counts backwards", []wire.Header{{Points: 100}, {Sequence: 1, Points: 100, PointsBefore: 5}, {Sequence: 2, PointsBefore: 3}}, 0},
		{"never counts on", []wire.Header{{Points: 100}, {Sequence: 1, Points: 100}, {Sequence: 2, Points: 7}}, 0},
		{"begins just below the wrap", []wire.Header{{Points: 6, PointsBefore: 1<<32 - 100}}, 1<<32 - 100},
		{"out of order", []wire.Header{{Sequence: 5, Points: 1, PointsBefore: 2}, {Sequence: 3, Points: 900}, {Sequence: 4, Points: 900}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := closeBooks(feed(tt.sent)).Points
			assert.Equal(t, points(tt.sent), b.Received)
			assert.Equal(t, b.Sent, b.Received+b.Lost)
			assert.Equal(t, tt.lost, b.Lost)
		})
	}
}

// TestSessionsReturn: the books of a session that was forgotten go on where
// they were closed, and nothing is counted twice.
func TestSessionsReturn(t *testing.T) {
	for _, sessions := range []int{1, maxSessions + 1, 3*maxSessions + 1} {
		table := newTable(begin)
		const rounds = 5
		now := begin
		for r := range uint64(rounds) {
			for id := range sessions {
				h := wire.Header{Session: uint64(id), Sequence: r, Points: 3, PointsBefore: uint32(3 * r)}
				require.True(t, table.session(&h, source, now).see(&h, source, now))
				now = now.Add(time.Microsecond)
			}
			now = now.Add(sessionIdle)
			table.expire(now)
		}
		want := uint64(rounds * sessions)
		assert.Equal(t, Counts{Sent: want, Received: want}, table.retired.Packets, "%d sessions", sessions)
		assert.Equal(t, Counts{Sent: 3 * want, Received: 3 * want}, table.retired.Points, "%d sessions", sessions)
		assert.LessOrEqual(t, len(table.past)+len(table.older), 2*maxSessions)
	}
}

// TestForgottenForGood: a session that nobody can remember is not counted a second
// time when it returns; one that began since then is counted from its begin.
func TestForgottenForGood(t *testing.T) {
	table := newTable(begin)
	now := begin
	visit := func(id, sequence uint64, age time.Duration) *session {
		h := wire.Header{Session: id, Sequence: sequence}
		s := table.session(&h, source, now)
		s.see(&h, source, now)
		s.learn(uint64(age), now, table.known)
		return s
	}
	visit(1, 50, 1)
	for id := range uint64(4*maxSessions + 2) {
		now = now.Add(time.Millisecond)
		visit(10+id, 0, 1)
	}
	_, remembered := table.left(1)
	require.False(t, remembered)
	now = now.Add(time.Millisecond)
	assert.True(t, visit(1, 60, now.Sub(begin)).joined)
	assert.False(t, visit(2, 7, 1).joined)
}

// TestLossBetweenVisits: what is missing when a session returns is lost.
func TestLossBetweenVisits(t *testing.T) {
	table := newTable(begin)
	hs := stream(0, 0, 100)
	for _, i := range []int{0, 50, 99} {
		at := begin.Add(time.Duration(i) * sessionIdle)
		table.expire(at)
		table.session(&hs[i], source, at).see(&hs[i], source, at)
	}
	table.expire(begin.Add(200 * sessionIdle))
	assert.Equal(t, Counts{Sent: 100, Received: 3, Lost: 97}, table.retired.Packets)
	assert.Equal(t, points(hs), table.retired.Points.Sent)
	assert.Equal(t, table.retired.Points.Sent, table.retired.Points.Received+table.retired.Points.Lost)
}

func TestTableIsBounded(t *testing.T) {
	table := newTable(begin)
	for i := range 3 * maxSessions {
		h := wire.Header{Session: uint64(i), Points: 1}
		now := begin.Add(time.Duration(i))
		table.session(&h, source, now).see(&h, source, now)
		keep := wire.Header{Session: 0, Sequence: uint64(i)}
		table.session(&keep, source, now).see(&keep, source, now)
	}
	assert.Len(t, table.sessions, maxSessions)
	assert.Equal(t, maxSessions, table.fresh.Len()+table.proven.Len())
	assert.Contains(t, table.sessions, uint64(0), "the busy one stays")
	assert.Equal(t, uint64(2*maxSessions), table.forgotten)
	assert.Equal(t, uint64(2*maxSessions), table.retired.Points.Received, "the books of the others are kept")
	table.expire(begin.Add(sessionIdle - time.Second))
	assert.Len(t, table.sessions, maxSessions)
	table.expire(begin.Add(sessionIdle + time.Second))
	assert.Empty(t, table.sessions)
	assert.Zero(t, table.fresh.Len()+table.proven.Len())
}

// TestForgedSessionsPushOutEachOther, and none that has proven itself, be it
// silent meanwhile; among the proven the one silent for longest goes first.
func TestForgedSessionsPushOutEachOther(t *testing.T) {
	table := newTable(begin)
	see := func(session, sequence uint64, at time.Time) {
		h := wire.Header{Session: session, Sequence: sequence}
		table.session(&h, source, at).see(&h, source, at)
	}
	for sequence := range uint64(provenAfter + 1) {
		for session := range uint64(100) {
			see(session, sequence, begin.Add(time.Duration(session)))
		}
	}
	for forged := range uint64(3 * maxSessions) {
		see(1000+forged, 0, begin.Add(time.Second))
	}
	assert.Len(t, table.sessions, maxSessions)
	assert.Equal(t, 100, table.proven.Len())
	for len(table.all()) > 100 {
		table.forget(table.leastUseful(), begin)
	}
	assert.Equal(t, uint64(99), table.all()[0].id)
	table.forget(table.leastUseful(), begin)
	assert.NotContains(t, table.sessions, uint64(0))
	assert.Len(t, table.sessions, 99)
}

// TestClockJumps: wall clock and packets' times may say what they like.
func TestClockJumps(t *testing.T) {
	s := newSession(&wire.Header{Session: 1}, source, begin)
	now := begin
	for i, jump := range []time.Duration{0, time.Hour, -2 * time.Hour, time.Second, -24 * time.Hour, 400 * 24 * time.Hour} {
		now = now.Add(jump)
		h := wire.Header{Session: 1, Sequence: uint64(i), Points: 10, PointsBefore: uint32(10 * i), Time: now.UnixNano()}
		assert.True(t, s.see(&h, source, now))
	}
	books := s.books()
	assert.Equal(t, Counts{Sent: 60, Received: 60}, books.Points)
	assert.Equal(t, Counts{Sent: 6, Received: 6}, books.Packets)
}

// TestSendersClockJumps: what a packet says about the time is never believed, so that
// what is out of order by a millisecond here is not taken for an hour late.
func TestSendersClockJumps(t *testing.T) {
	hs := stream(0, 0, 100)
	s := newSession(&hs[0], source, begin)
	order := rand.New(rand.NewPCG(18, 18)).Perm(len(hs))
	for n, i := range order {
		hs[i].Time = begin.Add(time.Duration(i%3-1) * time.Hour).UnixNano()
		s.see(&hs[i], source, begin.Add(time.Duration(n)*time.Millisecond))
		require.Zero(t, s.books().Packets.Lost)
	}
	assert.Equal(t, Counts{Sent: 100, Received: 100}, closeBooks(s).Packets)
}

// TestNumbersNearTheEnd: a session near the end of its 56 bits has exact books.
func TestNumbersNearTheEnd(t *testing.T) {
	const last = 1<<56 - 1
	first := wire.Header{Session: 1, Sequence: last - 9, PointsBefore: 1<<32 - 5}
	table := newTable(begin)
	s := table.session(&first, source, begin)
	for i := range uint64(10) {
		if i == 4 {
			continue // lost
		}
		h := wire.Header{Session: 1, Sequence: last - 9 + i, Points: 3, PointsBefore: uint32(1<<32 - 5 + 3*i)}
		s.see(&h, source, begin)
	}
	s.turn(begin.Add(5 * time.Second))
	assert.Equal(t, Counts{Sent: 10, Received: 9, Lost: 1}, s.books().Packets)
	assert.Equal(t, Counts{Sent: 30, Received: 27, Lost: 3}, s.books().Points)
}

func TestForgettingClosesTheBooks(t *testing.T) {
	table := newTable(begin)
	hs := stream(0, 0, 100)
	s := table.session(&hs[0], source, begin)
	s.see(&hs[0], source, begin)
	s.see(&hs[99], source, begin)
	table.forget(table.leastUseful(), begin)
	assert.Equal(t, uint64(98), table.retired.Packets.Lost)
	assert.Equal(t, points(hs[1:99]), table.retired.Points.Lost)
}
