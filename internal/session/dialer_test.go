package session

import (
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// attempts is how many look-ups there were since asked last.
func (n *network) attempts() (lookUps int) {
	n.set(func(n *network) { lookUps, n.lookUps = n.lookUps, 0 })
	return lookUps
}

// TestOrder: the address in use stays the first until it is given up; then those come first
// that were not, and when all were, it begins anew.
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name       string
		candidates []string
		current    string
		refused    []string
		want       []string
		forgets    bool // who was given up
	}{
		{"the first time", []string{"a", "b"}, "", nil, []string{"a", "b"}, false},
		{"nothing found", nil, "a", nil, nil, false},
		{"in use", []string{"a", "b", "c"}, "b", nil, []string{"b", "a", "c"}, false},
		{"in use, another one given up", []string{"a", "b", "c"}, "b", []string{"a"}, []string{"b", "c", "a"}, false},
		{"given up", []string{"a", "b", "c"}, "a", []string{"a"}, []string{"b", "c", "a"}, false},
		{"two given up", []string{"a", "b", "c"}, "b", []string{"a", "b"}, []string{"c", "b", "a"}, false},
		{"all given up", []string{"a", "b", "c"}, "c", []string{"a", "b", "c"}, []string{"c", "a", "b"}, true},
		{"the only one given up", []string{"a"}, "a", []string{"a"}, []string{"a"}, true},
		{"not of the name any more", []string{"b", "c"}, "a", []string{"b"}, []string{"b", "c"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Dialer{candidates: at(tt.candidates...), refused: at(tt.refused...)}
			to := udp.Address{}
			if tt.current != "" {
				to = at(tt.current)[0]
			}
			d.state.Store(&dialState{address: to})
			if got := d.order(); tt.forgets {
				assert.ElementsMatch(t, at(tt.want...), got)
				assert.Equal(t, to, got[0])
			} else {
				assert.Equal(t, at(tt.want...), got)
			}
			assert.Equal(t, tt.forgets, len(tt.refused) > 0 && d.refused == nil)
		})
	}
}

// TestGivenUp: an address is given up when a new socket is asked for. All are welcome again after
// a rest without such a request, unless the circuit is not closed: then nobody could ask.
func TestGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		asked   bool
		circuit Circuit
		current string
		before  []string
		after   []string
	}{
		{"asked", true, CircuitClosed, "a", nil, []string{"a"}},
		{"asked, and the circuit is open", true, CircuitOpen, "b", []string{"a"}, []string{"a", "b"}},
		{"asked again", true, CircuitClosed, "a", []string{"a"}, []string{"a"}},
		{"asked before there was a socket", true, CircuitClosed, "", nil, nil},
		{"not asked", false, CircuitClosed, "b", []string{"a", "c"}, nil},
		{"not asked, and the circuit is open", false, CircuitOpen, "b", []string{"a"}, []string{"a"}},
		{"not asked, and the circuit is half-open", false, CircuitHalfOpen, "b", []string{"a"}, []string{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Dialer{sender: &Sender{}, refused: at(tt.before...)}
			d.sender.counters.circuit.Store(uint32(tt.circuit))
			d.state.Store(&dialState{address: udp.Address{Path: tt.current}})
			d.noteAsked(tt.asked)
			assert.Equal(t, at(tt.after...), d.refused)
		})
	}
}

// TestDialUntilItSucceeds: packets are dropped as unresolved until there is a socket, and
// attempts grow rarer meanwhile.
func TestDialUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}, failure: errUnreachable}
		d := drive(t, n, asItIs)
		d.send(250)
		assert.Equal(t, uint64(500), d.dropped(wire.Unresolved))
		d.pass(2 * time.Minute)
		assert.InDelta(t, 8, n.attempts(), 2, "after 1, 2, 4, 8, 16, 30, 30 seconds")
		d.pass(10 * time.Minute)
		assert.InDelta(t, 20, n.attempts(), 5, "every 30 seconds")
		n.set(func(n *network) { n.failure = nil })
		d.pass(40 * time.Second)
		d.send(250)
		assert.Equal(t, uint64(500), d.sent())
		d.end()
	})
}

// TestNewAddressIsFollowed within a minute, although nothing fails; the session before ends
// with a goodbye, and another one begins.
func TestNewAddressIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, asItIs)
		d.send(1)
		assert.Equal(t, "a", d.address())
		first := n.last()
		d.pass(5 * time.Minute)
		assert.Equal(t, []string{"a"}, n.addresses(), "the address is the same")
		n.set(func(n *network) { n.answers = nil })
		d.pass(5 * time.Minute)
		assert.Equal(t, []string{"a"}, n.addresses(), "a name that fails to resolve changes nothing")
		n.set(func(n *network) { n.answers = []string{"b"} })
		d.pass(time.Minute)
		assert.Equal(t, []string{"a", "b"}, n.addresses())
		assert.Equal(t, "b", d.address())
		assert.Equal(t, uint64(2), d.Stats().Sessions)
		assert.True(t, first.closed)
		_, reports := first.headers(t)
		assert.True(t, reports[len(reports)-1].Goodbye)
		d.send(3)
		points, _ := n.last().headers(t)
		assert.Len(t, points, 3)
		assert.Zero(t, points[0].PointsBefore)
		assert.NotEqual(t, reports[0].Session, points[0].Session)
		d.end()
	})
}

// TestSlowResolver: while a look-up hangs the address in use serves.
func TestSlowResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, asItIs)
		n.set(func(n *network) { n.slow = time.Hour })
		n.attempts()
		d.flow(5*time.Minute, time.Second)
		assert.InDelta(t, 4, n.attempts(), 1, "a look-up is given up after a minute")
		assert.Equal(t, d.books.Offered(), d.sent())
		assert.Equal(t, []string{"a"}, n.addresses())
		d.end()
	})
}

// TestSocketsAgeOut: a quarter of an hour gives a new source port.
func TestSocketsAgeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, asItIs)
		d.pass(11 * time.Minute)
		assert.Len(t, n.addresses(), 1)
		d.pass(8 * time.Minute)
		assert.Len(t, n.addresses(), 2)
		d.pass(2 * time.Hour)
		assert.InDelta(t, 9, len(n.addresses()), 2)
		d.end()
	})
}

// TestRefusalsDialAgain: at once, but not more often than every five seconds, and to the address
// known if the name does not resolve.
func TestRefusalsDialAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, func(c *Config) { c.Breaker.Disabled = true })
		d.pass(2 * time.Second)
		n.set(func(n *network) { n.answers = nil })
		const refusals = 220 // in 22 seconds
		for range refusals {
			n.last().script = []udp.Outcome{udp.Refused}
			d.send(1)
			d.pass(100 * time.Millisecond)
		}
		assert.Equal(t, []string{"a", "a", "a", "a", "a", "a"}, n.addresses())
		assert.Equal(t, uint64(refusals), d.Stats().ConnectionsRefused)
		assert.Equal(t, uint64(2*refusals), d.sent(), "a refusal is about an earlier packet: this one is sent at the second try")
		d.end()
	})
}

// TestFailedDialKeepsTheSocket: as long as there is no better one, the old one serves; attempts
// grow rarer.
func TestFailedDialKeepsTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, asItIs)
		n.attempts()
		n.set(func(n *network) { n.answers, n.failure = []string{"b"}, errUnreachable })
		d.pass(10 * time.Minute)
		assert.Less(t, n.attempts(), 40)
		d.send(5)
		assert.Equal(t, uint64(10), d.sent())
		n.set(func(n *network) { n.failure = nil })
		d.pass(time.Minute)
		assert.Equal(t, []string{"a", "b"}, n.addresses())
		d.end()
	})
}

// TestDeadNameServer is not asked more often because a port is dead as well.
func TestDeadNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a"}}
		d := drive(t, n, func(c *Config) { c.Breaker.Disabled = true })
		n.die()
		n.set(func(n *network) { n.answers = nil })
		n.attempts()
		d.flow(10*time.Minute, 200*time.Millisecond)
		assert.Less(t, n.attempts(), 40)
		assert.Greater(t, len(n.addresses()), 60, "other source ports are tried all the same")
		d.end()
	})
}

// TestCauseIsTold: why there is no socket is told once a change, to someone who takes it; both
// what keeps the name from being found and what keeps a socket from being made.
func TestCauseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		var told []string
		full := true // whoever is told first does not take it
		d := drive(t, n, func(c *Config) {
			c.OnDial = func(cause string) bool {
				taken := !full
				full = false
				if taken {
					told = append(told, cause)
				}
				return taken
			}
		})
		<-d.dialer.Tried()
		_, cause := d.dialer.Address()
		assert.Equal(t, "no such host", cause, "at once")
		assert.Empty(t, told)
		wrapped := func(errno syscall.Errno) error { return fmt.Errorf("udp: connect: %w", errno) }
		found := []string{"a"}
		for i, tt := range []struct {
			answers []string
			failure error
			want    string
		}{
			{nil, nil, "no such host"},
			{found, wrapped(syscall.ENOENT), "udp: connect: no such file or directory"},
			{found, wrapped(syscall.EMFILE), "udp: connect: too many open files"},
			{nil, wrapped(syscall.EMFILE), "no such host; udp: connect: too many open files"},
			{nil, wrapped(syscall.EACCES), "no such host; udp: connect: permission denied"},
			{found, nil, ""},
			{nil, nil, "no such host"}, // and the socket stays in use
		} {
			n.set(func(n *network) { n.answers, n.failure = tt.answers, tt.failure })
			d.pass(5 * time.Minute)
			require.Len(t, told, i+1)
			assert.Equal(t, tt.want, told[i])
			_, cause := d.dialer.Address()
			assert.Equal(t, tt.want, cause)
		}
		d.send(5)
		assert.Equal(t, uint64(10), d.sent())
		d.end()
		_, cause = d.dialer.Address()
		assert.Equal(t, "no such host", cause, "the end is no cause")
		assert.Len(t, told, 7)
	})
}
