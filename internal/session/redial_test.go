package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMovedAfterDeath: whenever the name moves after the receiver has died, points arrive at the
// new address soon, whatever the circuit holds against the old one.
func TestMovedAfterDeath(t *testing.T) {
	for _, lag := range []time.Duration{0, 1, 2, 3, 5, 10, 20, 40, 100} {
		t.Run(fmt.Sprint(lag), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{answers: []string{"a"}}
				d := drive(t, n, asItIs)
				n.die()
				d.flow(lag*time.Second, 200*time.Millisecond)
				n.set(func(n *network) { n.answers = []string{"b"} })
				moved := time.Now()
				for arrived := 0; arrived == 0; {
					d.flow(200*time.Millisecond, 200*time.Millisecond)
					if d.address() == "b" {
						points, _ := n.last().headers(t)
						arrived = len(points)
					}
					require.Less(t, time.Since(moved), 10*time.Second)
				}
				d.end()
			})
		})
	}
}

// TestRotatingAnswers: the order of a name server's answers means nothing, and the address in
// use is left only when it is not among them any more.
func TestRotatingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"a", "b", "c"}}
		d := drive(t, n, asItIs)
		for range 3600 {
			d.pass(time.Second)
			n.set(func(n *network) { n.answers = append(n.answers[1:], n.answers[0]) })
		}
		for _, address := range n.addresses() {
			assert.Equal(t, "a", address)
		}
		assert.LessOrEqual(t, d.Stats().Sessions, uint64(6), "by age alone")
		n.set(func(n *network) { n.answers = []string{"c", "b"} })
		d.pass(time.Minute)
		assert.Equal(t, "c", d.address())
		d.end()
	})
}

// TestOtherCandidate: of several addresses, one that refuses is left for another, as soon as it
// refuses; where all refuse, the circuit opens and no more is dialled or probed than for one
// address, but for one change of address.
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
				d := drive(t, n, asItIs)
				d.flow(time.Hour, time.Second)
				assert.LessOrEqual(t, len(n.addresses()), tt.dials)
				assert.LessOrEqual(t, len(d.changes), 4*tt.opened)
				if tt.delivered != "" {
					assert.Equal(t, tt.delivered, d.address())
					assert.GreaterOrEqual(t, d.sent(), d.books.Offered()-10)
				}
				d.end()
			})
		})
	}
}

// TestStaleRequest: what an address refuses while another is being looked up is not held
// against the other.
func TestStaleRequest(t *testing.T) {
	for _, slow := range []time.Duration{0, 3 * time.Second, 8 * time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{answers: []string{"a", "b", "c"}, dead: map[string]bool{"a": true}}
				d := drive(t, n, asItIs)
				n.set(func(n *network) { n.slow = slow })
				d.flow(30*time.Second, 100*time.Millisecond)
				assert.Equal(t, []string{"a", "b"}, n.addresses())
				d.end()
			})
		})
	}
}

// TestNextCandidate: an address that cannot be connected is no obstacle while there is another,
// at the start and when the socket is replaced.
func TestNextCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []string{"unreachable", "b"}}
		d := drive(t, n, asItIs)
		d.send(5)
		assert.Equal(t, uint64(10), d.sent())
		n.attempts()
		d.pass(time.Hour)
		assert.Less(t, n.attempts(), 105, "it is no failure, either")
		n.set(func(n *network) { n.answers = []string{"unreachable", "unreachable, too"} })
		d.pass(time.Minute)
		assert.Equal(t, "b", d.address(), "better than none")
		d.end()
	})
}
