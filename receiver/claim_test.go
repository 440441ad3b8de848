package receiver

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// TestLyingSender: the books of a liar are wrong, but they close, and what a few packets
// alone claim is not believed.
func TestLyingSender(t *testing.T) {
	const far = 1<<56 - 1
	tests := []struct {
		name string
		sent []wire.Header
		lost Counts // Sent and Lost of packets and points
	}{
		{"counts backwards", []wire.Header{{Points: 100}, {Sequence: 1, Points: 100, PointsBefore: 5}, {Sequence: 2, PointsBefore: 3}}, Counts{}},
		{"never counts on", []wire.Header{{Points: 100}, {Sequence: 1, Points: 100}, {Sequence: 2, Points: 7}}, Counts{}},
		{"begins just below the wrap", []wire.Header{{Points: 6, PointsBefore: 1<<32 - 100}}, Counts{}},
		{"wraps at once", []wire.Header{{}, {Sequence: 1, PointsBefore: 1<<32 - 1}}, Counts{}},
		{"wraps at once, twice", []wire.Header{{}, {Sequence: 1, PointsBefore: 1<<32 - 1}, {Sequence: 2, PointsBefore: 1<<32 - 1}}, Counts{}},
		{"counts far ahead", []wire.Header{{}, {Sequence: 1, PointsBefore: 1 << 30}}, Counts{}},
		{"the last number", []wire.Header{{}, {Sequence: far}}, Counts{}},
		{"many far numbers", []wire.Header{{}, {Sequence: far}, {Sequence: 1 << 40}, {Sequence: 1 << 50}, {Sequence: 1}}, Counts{}},
		{"begins far ahead", []wire.Header{{Sequence: far - 1}, {Sequence: far, PointsBefore: 1<<32 - 1}}, Counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTabled(begin.Add(-time.Hour))
			for i, h := range tt.sent {
				h.Session = 1
				require.True(t, table.takes(h, begin.Add(time.Duration(i))))
				table.learn(1, time.Second, begin)
			}
			b := closeBooks(table)
			assert.Equal(t, points(tt.sent), b.Points.Received)
			assert.Equal(t, Counts{Sent: b.Points.Received, Received: b.Points.Received}, b.Points)
			assert.Equal(t, Counts{Sent: uint64(len(tt.sent)), Received: uint64(len(tt.sent))}, b.Packets)
		})
	}
}

// TestJumps: a packet far ahead is delivered, and believed when a second one confirms it.
// Otherwise the session goes on.
func TestJumps(t *testing.T) {
	const far = 20_000
	h := func(sequence uint64) wire.Header {
		return wire.Header{Session: 1, Sequence: sequence, Points: 1, PointsBefore: uint32(sequence)}
	}
	bye := h(far)
	bye.Goodbye, bye.Points = true, 0
	forged := h(1<<56 - 1)
	forged.PointsBefore = 1 << 31
	tests := []struct {
		name                 string
		sent                 []wire.Header
		packets, points      uint64 // sent
		received, duplicates uint64 // packets
	}{
		{"confirmed by the next", []wire.Header{h(0), h(far), h(far + 1)}, far + 2, far + 2, 3, 0},
		{"confirmed by the one before", []wire.Header{h(0), h(far + 1), h(far)}, far + 2, far + 2, 3, 0},
		{"confirmed after loss", []wire.Header{h(0), h(far), h(far + 100), h(far + 101)}, far + 102, far + 102, 4, 0},
		{"confirmed by a goodbye that is said again", []wire.Header{h(0), bye, bye, bye}, far + 1, far, 2, 0},
		{"held while others come", []wire.Header{h(0), h(1000), h(2000), h(2001), h(1000)}, 2002, 2002, 4, 1},
		{"played in turns", []wire.Header{h(0), h(far), h(3 * far), h(far), h(3 * far), h(far)}, 3, 3, 3, 3},
		{"the others come near", []wire.Header{h(0), h(600), h(100), h(601), h(600)}, 602, 602, 4, 1},
		{"not by itself", []wire.Header{h(0), h(far), h(far)}, 2, 2, 2, 1},
		{"not by another far one", []wire.Header{h(0), h(far), h(3 * far), h(1), h(2)}, 5, 5, 5, 0},
		{"a forged one in the middle", []wire.Header{h(0), h(1), forged, h(2), h(3)}, 5, 5, 5, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTabled(begin)
			for _, h := range tt.sent {
				table.takes(h, begin)
			}
			b := closeBooks(table)
			assert.Equal(t, Counts{Sent: tt.packets, Received: tt.received, Lost: tt.packets - tt.received, Duplicate: tt.duplicates}, b.Packets)
			assert.Equal(t, tt.points, b.Points.Sent)
			assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
		})
	}
}

// TestManyClaims: a session holds only a few claims, whatever comes, and an honest one
// among them is believed.
func TestManyClaims(t *testing.T) {
	table := newTabled(begin)
	r := rand.New(rand.NewPCG(4, 4))
	require.True(t, table.takes(wire.Header{Session: 1}, begin))
	for i := range 1000 {
		require.True(t, table.takes(wire.Header{Session: 1, Sequence: r.Uint64N(1 << 55), Time: r.Int64()}, begin))
		require.LessOrEqual(t, len(table.byID[1].claims), maxClaims)
		require.True(t, table.takes(wire.Header{Session: 1, Sequence: uint64(i + 1)}, begin))
	}
	b := closeBooks(table)
	assert.Equal(t, b.Packets.Sent, b.Packets.Received+b.Packets.Lost)
	assert.Equal(t, uint64(2001), b.Packets.Received)
}

// TestTotalsDoNotWrap: forged sessions that confirm the farthest number there is do not
// make the totals wrap.
func TestTotalsDoNotWrap(t *testing.T) {
	table := newTabled(begin)
	const last = 1<<56 - 1
	for id := range uint64(300) {
		for i, sequence := range []uint64{0, last - 2, last - 1, last, 1, 2} {
			require.True(t, table.takes(wire.Header{Session: id, Sequence: sequence, Points: 1, PointsBefore: uint32(sequence)}, begin.Add(time.Duration(i)*time.Second)))
		}
	}
	b := closeBooks(table)
	assert.Less(t, b.Packets.Sent, uint64(1)<<40)
	assert.Equal(t, uint64(1800), b.Packets.Received)
	assert.Equal(t, b.Packets.Sent, b.Packets.Received+b.Packets.Lost)
	assert.Equal(t, b.Points.Sent, b.Points.Received+b.Points.Lost)
}

// TestCountsThatShrink: when counts rise and fall, what is lost is never more than what was
// sent and not received, not even for a moment.
func TestCountsThatShrink(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 6))
		table := newTabled(begin)
		for i := range uint64(100) {
			h := wire.Header{Session: 1, Sequence: i + r.Uint64N(3), Points: uint16(r.IntN(50)), PointsBefore: uint32(r.IntN(3000))}
			table.see(&h, source, begin.Add(time.Duration(i)*time.Duration(r.IntN(400))*time.Millisecond))
			for _, c := range []Counts{table.books().Packets, table.books().Points} {
				require.LessOrEqual(t, c.Received+c.Lost, c.Sent)
			}
		}
	}
}

// TestOnePacketIsNotBelieved: a report that is the first packet of its session does not
// make millions of packets lost.
func TestOnePacketIsNotBelieved(t *testing.T) {
	table := newTabled(begin.Add(-time.Hour))
	h := wire.Header{Format: wire.SenderReport, Session: 1, Sequence: 6e10, PointsBefore: 1<<32 - 1}
	require.True(t, table.takes(h, begin))
	table.learn(1, 59*time.Minute, begin)
	assert.True(t, table.byID[1].public().Joined)
	assert.Zero(t, closeBooks(table).Packets.Lost)
	h.Sequence = 400 // few enough
	h.Session = 2
	require.True(t, table.takes(h, begin))
	table.learn(2, time.Minute, begin)
	assert.Equal(t, uint64(400), closeBooks(table).Packets.Lost)
}

// TestForgedCountHeals: after two forged packets had a count believed, the books of an
// honest sender become exact again.
func TestForgedCountHeals(t *testing.T) {
	table := newTabled(begin)
	hs := stream(0, 0, 20)
	for i, h := range hs {
		if i == 5 || i == 6 {
			h.PointsBefore += 1 << 30
		}
		require.True(t, table.takes(h, begin))
	}
	b := closeBooks(table)
	assert.Equal(t, Counts{Sent: 20, Received: 20}, b.Packets)
	assert.Equal(t, Counts{Sent: points(hs), Received: points(hs)}, b.Points)
}

// TestManyPoints: a loss between two packets is believed at once, however large it is.
func TestManyPoints(t *testing.T) {
	hs := []wire.Header{{Session: 1, Points: 4000}, {Session: 1, Sequence: 10, PointsBefore: 40_000}}
	assert.Equal(t, uint64(36_000), closeBooks(feed(hs)).Points.Lost)
}
