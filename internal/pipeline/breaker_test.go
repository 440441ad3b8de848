package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
)

// TestCloseWithOpenBreaker returns at once and says what was not sent.
func TestCloseWithOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, testConfig(&fakeSender{script: repeat(udp.Unreachable, 1<<20)}))
		require.NoError(t, p.Export(t.Context(), sums(1000)))
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, session.CircuitOpen, p.Stats().Circuit)
		exportAtTheEnd(t, p, 5)
		begin := time.Now()
		require.ErrorContains(t, p.Close(t.Context()), "5 points not sent (breaker_open 5)")
		assert.Zero(t, time.Since(begin))
		requireClosedBooks(t, p)
	})
}

// TestCloseTellsOfRefusals: all was sent, and yet nobody was there.
func TestCloseTellsOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(&fakeSender{script: append(repeat(udp.Sent, 9), udp.Refused)})
		c.Session.PacketsPerSecond, c.Session.Burst = 100, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(1000)))
		require.ErrorContains(t, p.Close(t.Context()),
			"shutdown: the other side refused packets 1 times (no open port at unixgram://there): what was sent last is lost")
		requireClosedBooks(t, p)
	})
}
