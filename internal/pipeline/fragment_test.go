package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// startNarrowing starts a pipeline whose path takes large packets at first and then small ones, as
// the script says.
func startNarrowing(t *testing.T, script []udp.Outcome, change func(*Config)) (*Pipeline, *fakeSender) {
	t.Helper()
	s := &fakeSender{}
	c := testConfig(s)
	c.Session.PacketSize = 8952
	change(&c)
	p := start(t, c)
	s.set(func(s *fakeSender) { s.limit, s.script = 1252, script })
	return p, s
}

func asItIs(*Config) {}

// TestFragments of a packet too large are treated as other packets are: tried again,
// waited for, paced, flushed.
func TestFragments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []udp.Outcome
	}{
		{"taken", nil},
		{"an old report", []udp.Outcome{udp.Refused}},
		{"a send buffer that is full", repeat(udp.WouldBlock, 20)},
		{"a limit that is none", []udp.Outcome{udp.Sent, udp.TooLarge, udp.Sent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := startNarrowing(t, tt.script, asItIs)
				require.NoError(t, p.Export(t.Context(), sums(1000)))
				require.NoError(t, p.Flush(t.Context()))
				requireClosedBooks(t, p)
				assert.Equal(t, uint64(1000), p.Stats().Sent, "%+v", p.Stats())
				packets, _ := s.packets(t)
				assertSession(t, packets, 1000)
				assertPaced(t, packets, p.config.Session.Burst)
				require.NoError(t, p.Close(t.Context()))
			})
		})
	}
	t.Run("of the last packet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, _ := startNarrowing(t, append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 20)...), asItIs)
			require.NoError(t, p.Export(t.Context(), sums(150)))
			begin := time.Now()
			require.NoError(t, p.Flush(t.Context()))
			assert.Equal(t, uint64(150), p.Stats().Sent, "%+v", p.Stats())
			assert.Equal(t, 20*time.Millisecond, time.Since(begin))
			require.NoError(t, p.Close(t.Context()))
		})
	})
	t.Run("dropped where nothing is sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, _ := startNarrowing(t, append(repeat(udp.Sent, 2), repeat(udp.Closed, 10)...), asItIs)
			require.NoError(t, p.Export(t.Context(), sums(10_000)))
			require.NoError(t, p.Flush(t.Context()))
			requireClosedBooks(t, p)
			assert.Positive(t, p.Stats().Dropped[wire.BreakerOpen])
			_ = p.Close(t.Context())
		})
	})
	t.Run("left at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, _ := startNarrowing(t, nil, func(c *Config) { c.Session.PacketsPerSecond, c.Session.Burst = 1, 1 })
			require.NoError(t, p.Export(t.Context(), sums(300)))
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond) // the last of four would leave at 3 s
			defer cancel()
			require.Error(t, p.Close(ctx))
			requireClosedBooks(t, p)
			assert.Positive(t, p.Stats().Dropped[wire.Shutdown])
		})
	})
}

// assertPaced asserts that no more than a burst leaves in any millisecond, but for
// what that millisecond brings.
func assertPaced(t *testing.T, packets []takenPacket, burst int) {
	t.Helper()
	for i, last := range packets {
		first := i
		for first > 0 && last.at.Sub(packets[first-1].at) < time.Millisecond {
			first--
		}
		assert.LessOrEqual(t, i-first+1, burst+10)
	}
}
