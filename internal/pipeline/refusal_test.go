package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

func repeat(o udp.Outcome, n int) []udp.Outcome {
	script := make([]udp.Outcome, n)
	for i := range script {
		script[i] = o
	}
	return script
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
