package pipeline

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// changes keeps what a breaker tells of its state, and when.
type changes struct {
	mu  sync.Mutex
	all []string
	at  []time.Time
}

func (c *changes) add(from, to session.Circuit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, fmt.Sprintf("%v > %v", from, to))
	c.at = append(c.at, time.Now())
}

// between returns the time from one change to another.
func (c *changes) between(i, j int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[j].Sub(c.at[i])
}

func (c *changes) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.all...)
}

// TestBreakerOpensAndCloses goes through a receiver's death and return: points
// are dropped and not kept, a probe that is refused leaves it open, one that is
// not closes it.
func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		seen := &changes{}
		c := n.config()
		c.Session.OnCircuit = seen.add
		p := start(t, c)
		begin := time.Now()
		export := func() {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
		}
		for p.Stats().Circuit == session.CircuitClosed {
			n.last().set(func(s *fakeSender) { s.script = []udp.Outcome{udp.Refused} })
			export()
			<-time.After(200 * time.Millisecond)
			require.Less(t, time.Since(begin), 5*time.Second)
		}
		opened := time.Now()
		assert.Equal(t, []string{"closed > open"}, seen.list())
		<-time.After(2 * time.Second)
		sockets := len(n.addresses())
		sent := p.Stats().Sent
		for range 20 {
			export()
		}
		s := p.Stats()
		assert.Equal(t, sent, s.Sent)
		assert.GreaterOrEqual(t, s.Dropped[wire.BreakerOpen], uint64(200))
		assert.Zero(t, s.Queued, "points are not kept")

		// The first probe is refused: it was taken, and the answer comes after it.
		_, before := n.last().packets(t)
		n.last().set(func(s *fakeSender) { s.pending = udp.Refused })
		for len(seen.list()) < 3 {
			<-time.After(10 * time.Millisecond)
		}
		_, after := n.last().packets(t)
		assert.Equal(t, []string{"closed > open", "open > half-open", "half-open > open"}, seen.list())
		assert.InDelta(t, 30, seen.between(0, 1).Seconds(), 6.01, "half a minute, give or take a fifth")
		assert.InDelta(t, 0.25, seen.between(1, 2).Seconds(), 0.01, "the time to answer")
		assert.LessOrEqual(t, len(after)-len(before), 1, "one packet is the probe")
		assert.Equal(t, sent, p.Stats().Sent)
		<-time.After(2 * time.Second)
		assert.Greater(t, len(n.addresses()), sockets-1, "opening dials again")

		for p.Stats().Circuit != session.CircuitClosed {
			<-time.After(10 * time.Millisecond)
			require.Less(t, time.Since(opened), 75*time.Second)
		}
		assert.Equal(t, []string{"open > half-open", "half-open > closed"}, seen.list()[3:])
		export()
		assert.Equal(t, sent+10, p.Stats().Sent)
		_ = p.Close(t.Context())
		requireClosedBooks(t, p)
	})
}

// TestBreakerLocalErrors: ten in a row open it, whatever they are, but not within
// a moment; the probe that fails itself leaves it open.
func TestBreakerLocalErrors(t *testing.T) {
	for _, o := range []udp.Outcome{udp.Unreachable, udp.Denied, udp.NoBuffers, udp.Failed, udp.Closed} {
		t.Run(o.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &changes{}
				s := &fakeSender{script: repeat(o, 1<<20)}
				c := testConfig(s)
				c.Session.OnCircuit = seen.add
				p := start(t, c)
				begin := time.Now()
				require.NoError(t, p.Export(t.Context(), sums(10_000)))
				require.NoError(t, p.Flush(t.Context()))
				assert.Equal(t, 327*time.Millisecond, time.Since(begin))
				st := p.Stats()
				assert.Equal(t, session.CircuitOpen, st.Circuit)
				assert.Zero(t, st.Sent)
				assert.Positive(t, st.Dropped[wire.SendError])
				assert.Equal(t, st.Offered, st.Dropped[wire.SendError]+st.Dropped[wire.BreakerOpen])
				<-time.After(2 * time.Minute)
				assert.Equal(t, session.CircuitOpen, p.Stats().Circuit)
				assert.Contains(t, seen.list(), "half-open > open")
				s.set(func(s *fakeSender) { s.script = nil })
				<-time.After(40 * time.Second)
				assert.Equal(t, session.CircuitClosed, p.Stats().Circuit, "without any traffic")
				_ = p.Close(t.Context())
				requireClosedBooks(t, p)
			})
		})
	}
}

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
