package receiver

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/receiver/internal/window"
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

// testSessions is how many sessions the tables of tests hold.
const testSessions = 4096

// tabled is a table with what tests ask of it.
type tabled struct{ table }

func newTabled(known time.Time) *tabled { return &tabled{newTable(testSessions, known)} }

// takes shows a packet to the table and reports whether it is new.
func (t *tabled) takes(h wire.Header, now time.Time) bool {
	_, v := t.see(&h, source, now)
	return v == window.Fresh
}

// learn does what a report of a session of that age does.
func (t *tabled) learn(id uint64, age time.Duration, now time.Time) {
	t.byID[id].learn(uint64(age), now, t.known)
	t.enter(t.byID[id])
}

// books returns the sums, which equal those of all sessions there are and were.
func (t *tabled) books() Books {
	return newBooks(t.totals, t.duplicates, t.lates, t.overruns, tally{}, tally{})
}

// close lets enough time pass for everything missing to be lost.
func (t *tabled) close(now time.Time) Books {
	for range 2 {
		now = now.Add(lateAfter)
		for t.settle(now) {
		}
	}
	return t.books()
}

// feed shows the packets to a table, a millisecond apart, as a session that began with the
// first of them.
func feed(hs []wire.Header) *tabled {
	table := newTabled(begin.Add(-time.Hour))
	for i := range hs {
		now := begin.Add(time.Duration(i) * time.Millisecond)
		table.takes(hs[i], now)
		if i < 4 {
			table.learn(hs[0].Session, age(hs[0].Sequence), now)
		}
	}
	return table
}

// age returns the age of a session that has just sent that many packets.
func age(packets uint64) time.Duration { return time.Millisecond + time.Duration(packets)*packetTime }

// closeBooks lets enough time pass for everything missing to be lost.
func closeBooks(t *tabled) Books { return t.close(begin.Add(time.Hour)) }

// shuffle puts packets out of order, by at most that many places.
func shuffle(hs []wire.Header, places int) []wire.Header {
	out := append([]wire.Header{}, hs...)
	r := rand.New(rand.NewPCG(7, 7))
	for part := out; len(part) > 0; part = part[min(places, len(part)):] {
		part := part[:min(places, len(part))]
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return out
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
		{"all but the ends", func(i int) bool { return i != 0 && i < last-1 }},
		{"a few thousand twice", func(i int) bool { return i > 10 && i < 2000 || i > 2010 && i < 4900 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept, dropped := without(all, tt.drop)
			want := Books{
				Packets: Counts{Sent: uint64(len(all)), Received: uint64(len(kept)), Lost: uint64(len(dropped))},
				Points:  Counts{Sent: points(all), Received: points(kept), Lost: points(dropped)},
			}
			assert.Equal(t, want, closeBooks(feed(kept)))
			shuffled := shuffle(all, window.Min/2)
			shuffled, _ = without(shuffled, func(i int) bool { return tt.drop(int(shuffled[i].Sequence)) })
			assert.Equal(t, want, closeBooks(feed(shuffled)), "out of order")
			var twice []wire.Header
			for _, h := range kept {
				twice = append(twice, h, h)
			}
			want.Packets.Duplicate, want.Points.Duplicate = uint64(len(kept)), points(kept)
			assert.Equal(t, want, closeBooks(feed(twice)), "duplicates stand outside")
		})
	}
}

// TestLossIsPublishedLate: what is only out of order is never reported as lost.
func TestLossIsPublishedLate(t *testing.T) {
	hs := stream(0, 0, 10)
	table := newTabled(begin)
	for i := range hs {
		if i != 4 {
			table.takes(hs[i], begin)
		}
	}
	table.settle(begin.Add(999 * time.Millisecond))
	assert.Zero(t, table.books().Packets.Lost)
	table.takes(hs[4], begin.Add(999*time.Millisecond))
	b := closeBooks(table)
	assert.Zero(t, b.Packets.Lost)
	assert.Zero(t, b.Points.Lost)

	table = newTabled(begin)
	table.takes(hs[0], begin)
	table.takes(hs[9], begin)
	table.settle(begin.Add(2 * time.Second))
	assert.Equal(t, uint64(8), table.books().Packets.Lost)
	table.takes(hs[4], begin.Add(3*time.Second))
	assert.Equal(t, uint64(7), table.books().Packets.Lost, "lost, and found")
}

// TestMidSession: what is missing before the first packet seen is lost or not, depending on
// whether the session is older than the receiver. Until its first report that is not known.
func TestMidSession(t *testing.T) {
	const old = 10 * time.Second
	for _, first := range []uint64{1, 5, 900, window.Max - 1, window.Max, 5 * window.Max} {
		for _, since := range []time.Duration{-time.Nanosecond, old + 1} { // the begin of the receiver, before the report
			hs := stream(first, first, 100)
			table := newTabled(begin.Add(50*time.Millisecond - since))
			for i, h := range hs[3:] {
				require.True(t, table.takes(h, begin.Add(time.Duration(i)*time.Millisecond)))
				require.Zero(t, table.books().Packets.Lost)
			}
			s := table.byID[1]
			require.True(t, s.public().Joined, "provisionally")
			require.True(t, s.public().Began.IsZero())
			require.True(t, table.takes(hs[1], begin.Add(98*time.Millisecond)), "out of order")
			require.False(t, table.takes(hs[1], begin.Add(98*time.Millisecond)), "twice")
			now := begin.Add(50 * time.Millisecond)
			table.learn(1, old, now)
			if now.Add(-old).Before(table.known) {
				b := closeBooks(table)
				assert.True(t, s.public().Joined)
				assert.Equal(t, Counts{Sent: 99, Received: 98, Lost: 1, Duplicate: 1}, b.Packets)
				assert.Equal(t, points(hs[1:]), b.Points.Sent)
				assert.Equal(t, points(hs[2:3]), b.Points.Lost)
				assert.False(t, table.takes(hs[0], begin), "from before the books began")
				assert.Equal(t, uint64(1), table.books().Packets.Late)
			} else {
				assert.Zero(t, table.books().Packets.Lost, "nothing is late yet")
				b := closeBooks(table)
				assert.False(t, s.public().Joined)
				assert.Equal(t, Counts{Sent: first + 100, Received: 98, Lost: first + 2, Duplicate: 1}, b.Packets)
				assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
			}
			assert.Equal(t, now.Add(-old), s.public().Began)
		}
	}
}

// TestNoAge: a report that does not say how old the session is leaves all as it was.
func TestNoAge(t *testing.T) {
	hs := stream(500, 2_000_000, 10)
	table := newTabled(begin.Add(-time.Hour))
	for i := range hs {
		table.takes(hs[i], begin)
	}
	table.learn(1, 0, begin)
	assert.True(t, table.byID[1].public().Joined)
	assert.True(t, table.byID[1].public().Began.IsZero())
	assert.Zero(t, closeBooks(table).Points.Lost)
}

// TestProvisionalSessionReturns: a session that leaves the table before its first report is
// as provisional as before when it returns.
func TestProvisionalSessionReturns(t *testing.T) {
	for _, older := range []bool{false, true} {
		table := newTabled(begin.Add(-time.Minute))
		hs := stream(0, 0, 30)
		require.True(t, table.takes(hs[5], begin))
		for i := range 2 { // it leaves once before the report, and once after
			table.forget(table.byID[1], begin)
			require.True(t, table.takes(hs[10+i], begin))
			require.False(t, table.takes(hs[3], begin), "it is late by now")
			if i == 0 {
				require.True(t, table.byID[1].public().Joined, "provisionally")
				age := time.Nanosecond
				if older {
					age = time.Hour
				}
				table.learn(1, age, begin)
			}
			assert.Equal(t, older, table.byID[1].public().Joined)
		}
		table.forget(table.byID[1], begin)
		sent, lost := uint64(12), uint64(9)
		if older {
			sent, lost = 7, 4
		}
		b := table.books()
		assert.Equal(t, Counts{Sent: sent, Received: 3, Lost: lost, Late: 2}, b.Packets)
		assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
	}
}

// TestBeforeTheWindow: if a session is met late, what its window does not reach back to is
// late, even if its books turn out to begin at 0.
func TestBeforeTheWindow(t *testing.T) {
	hs := stream(0, 0, 3*window.Min)
	table := feed(hs[2*window.Min : 2*window.Min+100])
	require.False(t, table.byID[1].joined)
	assert.False(t, table.takes(hs[7], begin))
	for i := 2*window.Min + 100; i < len(hs); i++ {
		require.True(t, table.takes(hs[i], begin))
	}
	b := closeBooks(table)
	assert.Equal(t, Counts{Sent: 3 * window.Min, Received: window.Min, Lost: 2 * window.Min, Late: 1}, b.Packets)
	assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
}

// TestFirstPacketsInAnyOrder: before the first report the books move back to packets that
// come out of order, and none of these is lost before it is late.
func TestFirstPacketsInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		hs := stream(uint64(r.IntN(3)*1000), 77, 40)
		r.Shuffle(len(hs), func(i, j int) { hs[i], hs[j] = hs[j], hs[i] })
		table := newTabled(begin.Add(-time.Hour))
		told := r.IntN(len(hs))
		for i, h := range hs {
			require.True(t, table.takes(h, begin.Add(time.Duration(i)*20*time.Millisecond)))
			if i == told {
				table.learn(1, time.Minute, begin)
			}
			require.Zero(t, table.books().Packets.Lost)
			require.Zero(t, table.books().Points.Lost)
		}
		b := closeBooks(table)
		assert.Equal(t, uint64(len(hs)), b.Packets.Received)
		assert.Equal(t, b.Packets.Sent, b.Packets.Received+b.Packets.Lost)
		assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
	}
}

// TestPointsBeforeWraps: the header has only 32 bits of a number that goes on growing.
func TestPointsBeforeWraps(t *testing.T) {
	const step = 4000
	hs := make([]wire.Header, 1_200_000) // 4.8e9 points
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
	hs := stream(0, 0, 3*window.Min)
	for i := range hs {
		hs[i].Time = int64(i)
	}
	table := newTabled(begin)
	for i, h := range hs { // slowly, so that the window stays small
		require.True(t, table.takes(h, begin.Add(time.Duration(i)*10*time.Millisecond)))
	}
	assert.False(t, table.takes(hs[50], begin.Add(time.Hour)))
	b := closeBooks(table)
	assert.Equal(t, uint64(1), b.Packets.Late)
	assert.Equal(t, b.Packets.Sent, b.Packets.Received)
	assert.Zero(t, b.Packets.Lost)
}

// TestClockJumps: the wall clock and the times of packets may say anything.
func TestClockJumps(t *testing.T) {
	table := newTabled(begin)
	now := begin
	for i, jump := range []time.Duration{0, time.Hour, -2 * time.Hour, time.Second, -24 * time.Hour, 400 * 24 * time.Hour} {
		now = now.Add(jump)
		assert.True(t, table.takes(wire.Header{Session: 1, Sequence: uint64(i), Points: 10, PointsBefore: uint32(10 * i), Time: now.UnixNano()}, now))
	}
	books := table.books()
	assert.Equal(t, Counts{Sent: 60, Received: 60}, books.Points)
	assert.Equal(t, Counts{Sent: 6, Received: 6}, books.Packets)
}

// TestSendersClockJumps: the time in a packet is never believed. A packet that is out of
// order by a millisecond here is not taken for an hour late.
func TestSendersClockJumps(t *testing.T) {
	hs := stream(0, 0, 100)
	table := newTabled(begin)
	for n, i := range rand.New(rand.NewPCG(18, 18)).Perm(len(hs)) {
		hs[i].Time = begin.Add(time.Duration(i%3-1) * time.Hour).UnixNano()
		require.True(t, table.takes(hs[i], begin.Add(time.Duration(n)*time.Millisecond)))
		require.Zero(t, table.books().Packets.Lost)
	}
	table.learn(1, time.Second, begin.Add(time.Second))
	assert.Equal(t, Counts{Sent: 100, Received: 100}, closeBooks(table).Packets)
	assert.Zero(t, table.cloned)
}

// TestNumbersNearTheEnd: a session near the end of its 56 bits has exact books.
func TestNumbersNearTheEnd(t *testing.T) {
	const last = 1<<56 - 1
	table := newTabled(begin)
	for i := range uint64(10) {
		if i == 4 {
			continue // lost
		}
		table.takes(wire.Header{Session: 1, Sequence: last - 9 + i, Points: 3, PointsBefore: uint32(1<<32 - 5 + 3*i)}, begin)
	}
	b := closeBooks(table)
	assert.Equal(t, Counts{Sent: 10, Received: 9, Lost: 1}, b.Packets)
	assert.Equal(t, Counts{Sent: 30, Received: 27, Lost: 3}, b.Points)
}
