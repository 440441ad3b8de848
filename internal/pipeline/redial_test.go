package pipeline

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// die has the sockets dialled so far, and those to come to the same address, meet
// a closed port.
func (n *network) die() {
	n.set(func(n *network) {
		n.dead = map[string]bool{n.address: true}
		for i, s := range n.sockets {
			if n.dialled[i] == n.address {
				s.set(func(s *fakeSender) { s.dead = true })
			}
		}
	})
}

// TestMovedAfterDeath: whenever the name moves after the receiver has died, points
// arrive at the new address soon, whatever the circuit holds against the old one.
func TestMovedAfterDeath(t *testing.T) {
	for _, lag := range []time.Duration{0, 1, 2, 3, 5, 10, 20, 40, 100} {
		t.Run(fmt.Sprint(lag), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{address: "a"}
				p := start(t, n.config())
				died := time.Now()
				n.die()
				moved := time.Time{}
				for {
					if moved.IsZero() && time.Since(died) >= lag*time.Second {
						moved = time.Now()
						n.set(func(n *network) { n.address = "b" })
					}
					require.NoError(t, p.Export(t.Context(), sums(1)))
					<-time.After(200 * time.Millisecond)
					if a := n.addresses(); a[len(a)-1] == "b" {
						if points, _ := n.last().packets(t); len(points) > 0 {
							break
						}
					}
					require.Less(t, time.Since(died), (lag+60)*time.Second)
				}
				assert.Less(t, time.Since(moved), 10*time.Second)
				_ = p.Close(t.Context())
				requireClosedBooks(t, p)
			})
		})
	}
}

// TestRotatingAnswers: the order of a name server's answers means nothing, and the
// address in use is left only when it is not among them any more.
func TestRotatingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a", "b", "c"}}
		p := start(t, n.config())
		for range 3600 {
			<-time.After(time.Second)
			n.set(func(n *network) { n.answers = append(n.answers[1:], n.answers[0]) })
		}
		for _, address := range n.addresses() {
			assert.Equal(t, "a", address)
		}
		assert.LessOrEqual(t, p.Stats().Sessions, uint64(6), "by age alone")
		n.set(func(n *network) { n.answers = []string{"c", "b"} })
		<-time.After(time.Minute)
		assert.Equal(t, "unixgram://c", p.Stats().Address)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestOtherCandidate: of several addresses, one that refuses is left for another,
// as soon as it refuses; where all refuse, the circuit opens and no more is
// dialled, probed or logged than for one address, but for one change of address.
func TestOtherCandidate(t *testing.T) {
	for _, tt := range []struct {
		name          string
		answers, dead []string
		delivered     string
		dials, opened int // at most, in an hour
	}{
		{"the second is alive", []string{"a", "b"}, []string{"a"}, "b", 8, 0},
		{"the last is alive", []string{"a", "b", "c"}, []string{"a", "b"}, "c", 9, 1},
		{"none is", []string{"a", "b"}, []string{"a", "b"}, "", 300, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{answers: tt.answers, dead: map[string]bool{}}
				for _, a := range tt.dead {
					n.dead[a] = true
				}
				seen := &changes{}
				c := n.config()
				c.Session.OnCircuit = seen.add
				p := start(t, c)
				for range 3600 {
					require.NoError(t, p.Export(t.Context(), sums(10)))
					<-time.After(time.Second)
				}
				assert.LessOrEqual(t, len(n.addresses()), tt.dials)
				assert.LessOrEqual(t, len(seen.list()), 4*tt.opened)
				if s := p.Stats(); tt.delivered != "" {
					assert.Equal(t, "unixgram://"+tt.delivered, s.Address)
					assert.GreaterOrEqual(t, s.Sent, s.Offered-10, "%+v", s)
				}
				_ = p.Close(t.Context())
				requireClosedBooks(t, p)
			})
		})
	}
}

// TestStaleRequest: what an address refuses while another is being looked up is
// not held against the other.
func TestStaleRequest(t *testing.T) {
	for _, slow := range []time.Duration{0, 3 * time.Second, 8 * time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{answers: []string{"a", "b", "c"}, dead: map[string]bool{"a": true}}
				c := n.config()
				resolve, first := c.Session.Resolve, true
				c.Session.Resolve = func(ctx context.Context) ([]udp.Address, error) {
					if !first {
						<-time.After(slow)
					}
					first = false
					return resolve(ctx)
				}
				p := start(t, c)
				for range 300 {
					require.NoError(t, p.Export(t.Context(), sums(1)))
					<-time.After(100 * time.Millisecond)
				}
				assert.Equal(t, []string{"a", "b"}, n.addresses())
				_ = p.Close(t.Context())
				requireClosedBooks(t, p)
			})
		})
	}
}

// TestNextCandidate: an address that cannot be connected is no obstacle while there
// is another, at the start and when the socket is replaced.
func TestNextCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"unreachable", "b"}}
		p := start(t, n.config())
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, uint64(10), p.Stats().Sent)
		n.set(func(n *network) { n.lookUps = 0 })
		<-time.After(time.Hour)
		assert.Less(t, n.attempts(), 105, "it is no failure, either")
		n.set(func(n *network) { n.answers = []string{"unreachable", "unreachable, too"} })
		<-time.After(time.Minute)
		assert.Equal(t, "unixgram://b", p.Stats().Address, "better than none")
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestDeadNameServer is not asked more often because a port is dead as well.
func TestDeadNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		c := n.config()
		c.Session.Breaker.Disabled = true
		p := start(t, c)
		n.die()
		n.set(func(n *network) { n.address, n.lookUps = "", 0 })
		for range 10 * 60 * 5 {
			require.NoError(t, p.Export(t.Context(), sums(1)))
			<-time.After(200 * time.Millisecond)
		}
		assert.Less(t, n.attempts(), 40)
		assert.Greater(t, len(n.addresses()), 60, "other source ports are tried all the same")
		_ = p.Close(t.Context())
		requireClosedBooks(t, p)
	})
}

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
				s := &fakeSender{}
				c := testConfig(s)
				c.Session.PacketSize = 8952
				p := start(t, c)
				s.set(func(s *fakeSender) { s.limit, s.script = 1252, tt.script })
				require.NoError(t, p.Export(t.Context(), sums(1000)))
				require.NoError(t, p.Flush(t.Context()))
				requireClosedBooks(t, p)
				assert.Equal(t, uint64(1000), p.Stats().Sent, "%+v", p.Stats())
				packets, _ := s.packets(t)
				assertSession(t, packets, 1000)
				assertPaced(t, packets, c.Session.Burst)
				require.NoError(t, p.Close(t.Context()))
			})
		})
	}
	t.Run("of the last packet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeSender{}
			c := testConfig(s)
			c.Session.PacketSize = 8952
			p := start(t, c)
			s.set(func(s *fakeSender) {
				s.limit, s.script = 1252, append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 20)...)
			})
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
			s := &fakeSender{}
			c := testConfig(s)
			c.Session.PacketSize = 8952
			p := start(t, c)
			s.set(func(s *fakeSender) {
				s.limit, s.script = 1252, append(repeat(udp.Sent, 2), repeat(udp.Closed, 10)...)
			})
			require.NoError(t, p.Export(t.Context(), sums(10_000)))
			require.NoError(t, p.Flush(t.Context()))
			requireClosedBooks(t, p)
			assert.Positive(t, p.Stats().Dropped[wire.BreakerOpen])
			_ = p.Close(t.Context())
		})
	})
	t.Run("left at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeSender{}
			c := testConfig(s)
			c.Session.PacketSize, c.Session.PacketsPerSecond, c.Session.Burst = 8952, 1, 1
			p := start(t, c)
			s.set(func(s *fakeSender) { s.limit = 1252 })
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
