package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func repeat(o udp.Outcome, n int) []udp.Outcome {
	script := make([]udp.Outcome, n)
	for i := range script {
		script[i] = o
	}
	return script
}

// TestRefusals: whatever the kernel refuses, and wherever in a batch, is sent
// once or counted once; what it takes has a session without gaps.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		script []udp.Outcome
		lost   int // packets
		reason wire.DropReason
		waits  time.Duration
	}{
		{"none", nil, 0, 0, 0},
		{"the first meets an old report", []udp.Outcome{udp.Refused}, 0, 0, 0},
		{"every second", []udp.Outcome{udp.Refused, udp.Sent, udp.Refused, udp.Sent, udp.Refused, udp.Sent}, 0, 0, 0},
		{"refused twice", []udp.Outcome{udp.Sent, udp.Refused, udp.Refused}, 1, wire.SendError, 0},
		{"the third, by a full queue", []udp.Outcome{udp.Sent, udp.Sent, udp.NoBuffers}, 1, wire.SendError, time.Millisecond},
		{"a full queue again and again", repeat(udp.NoBuffers, 9), 9, wire.SendError, 327 * time.Millisecond},
		{"denied once", []udp.Outcome{udp.Denied}, 0, 0, 0},
		{"denied, then unreachable", []udp.Outcome{udp.Sent, udp.Denied, udp.Unreachable}, 1, wire.SendError, time.Millisecond},
		{"another error, once", []udp.Outcome{udp.Failed}, 0, 0, 0},
		{"another error, twice", []udp.Outcome{udp.Failed, udp.Failed}, 1, wire.SendError, time.Millisecond},
		{"a socket that is closed", []udp.Outcome{udp.Closed, udp.Closed}, 2, wire.SendError, 3 * time.Millisecond},
		{"too large for the path, once", []udp.Outcome{udp.Sent, udp.TooLarge}, 0, 0, 0},
		{"many before it were too large", append([]udp.Outcome{udp.Sent}, repeat(udp.TooLarge, 16-1)...), 0, 0, 0},
		{"too large for no reason", append([]udp.Outcome{udp.Sent}, repeat(udp.TooLarge, 16)...), 1, wire.SendError, 0},
		{"a full send buffer for a while", append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 99)...), 0, 0, 99 * time.Millisecond},
		{"a full send buffer for long", append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 101)...), 1, wire.WouldBlock, 100 * time.Millisecond},
		{"a mix", []udp.Outcome{udp.Refused, udp.Unreachable, udp.Sent, udp.WouldBlock, udp.Denied, udp.Sent}, 1, wire.SendError, 2 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{script: tt.script}
				c := testConfig(s)
				c.Session.PacketsPerSecond = 0
				p := start(t, c)
				begin := time.Now()
				require.NoError(t, p.Export(t.Context(), sums(1000)))
				require.NoError(t, p.Flush(t.Context()))
				assert.Equal(t, tt.waits, time.Since(begin))
				requireClosedBooks(t, p)
				st := p.Stats()
				packets, _ := s.packets(t)
				require.Empty(t, s.script)
				errors := 0
				for _, o := range tt.script {
					if o != udp.Sent && o != udp.WouldBlock {
						errors++
					}
				}
				assert.Equal(t, uint64(errors), st.SendErrors)
				assert.Equal(t, uint64(len(packets)), st.Packets)
				assert.Equal(t, st.Offered, st.Sent+st.Dropped[tt.reason], "%+v", st)
				assert.Equal(t, tt.lost > 0, st.Dropped[tt.reason] > 0)
				assert.Equal(t, uint64(14), st.Packets+uint64(tt.lost), "%+v", st)
				assertSession(t, packets, st.Sent)
				_ = p.Close(t.Context())
			})
		})
	}
}

// assertSession asserts that packets are a session's first, without gaps.
func assertSession(t *testing.T, packets []takenPacket, points uint64) {
	t.Helper()
	before := uint32(0)
	for i, packet := range packets {
		h := header(t, packet)
		assert.Equal(t, uint64(i), h.Sequence)
		assert.Equal(t, before, h.PointsBefore)
		before += uint32(h.Points)
	}
	assert.Equal(t, points, uint64(before))
}

// TestPathNarrows: packets made for a wider path leave in fragments, no point is
// lost, and the packets to come are smaller from the start.
func TestPathNarrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{limit: 9000}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 1000, 1
		p := start(t, c)
		assert.Equal(t, 1472, p.Stats().PacketSize, "no more than was asked for")
		require.NoError(t, p.Export(t.Context(), sums(2000)))
		synctest.Wait() // some packets are ready, the pace holds them back
		s.set(func(s *fakeSender) { s.limit = 1252 })
		require.NoError(t, p.Flush(t.Context()))
		requireClosedBooks(t, p)
		st := p.Stats()
		assert.Equal(t, 1252, st.PacketSize)
		assert.Equal(t, uint64(2000), st.Sent)
		assert.Zero(t, st.SendErrors, "what leaves in fragments is not refused")
		tooLarge := s.tooLarge()
		assert.Positive(t, tooLarge)
		packets, _ := s.packets(t)
		assertSession(t, packets, 2000)

		require.NoError(t, p.Export(t.Context(), sums(2000)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, tooLarge, s.tooLarge(), "they fit from the start")

		s.set(func(s *fakeSender) { s.limit = 0 })
		<-time.After(2 * time.Minute)
		assert.Equal(t, 1472, p.Stats().PacketSize, "the path is looked at again")
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestPathTooNarrow: a path that takes no packet loses all points, counted, and
// stops at nothing.
func TestPathTooNarrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{limit: 100}
		p := start(t, testConfig(s))
		require.NoError(t, p.Export(t.Context(), sums(500)))
		require.NoError(t, p.Flush(t.Context()))
		requireClosedBooks(t, p)
		assert.Equal(t, uint64(500), p.Stats().Dropped[wire.SendError])
		assert.Equal(t, wire.MinPacketSize, p.Stats().PacketSize)
		_ = p.Close(t.Context())
	})
}
