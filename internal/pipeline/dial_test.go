package pipeline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
)

// TestCloseWhileDialing: neither New nor Close wait for a resolver that hangs.
func TestCloseWhileDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(nil)
		c.Session.Dial = func(ctx context.Context, _ udp.Address) (session.Socket, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		begin := time.Now()
		p := start(t, c)
		assert.Equal(t, firstDial, time.Since(begin))
		exportAtTheEnd(t, p, 10)
		err := p.Close(t.Context())
		require.ErrorContains(t, err, "10 points not sent (unresolved 10)")
		assert.Equal(t, firstDial, time.Since(begin))
		requireClosedBooks(t, p)
	})
}

// TestReceiverMoves: when the receiver dies the circuit opens, and when its name means another
// address, what is exported arrives there and Stats says so.
func TestReceiverMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		p := start(t, n.config())
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, "unixgram://a", p.Stats().Address)
		first := n.last()
		first.set(func(s *fakeSender) { s.dead = true })
		n.set(func(n *network) { n.dead = "a" })
		export := func() {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			<-time.After(200 * time.Millisecond)
		}
		for begin := time.Now(); p.Stats().Circuit == session.CircuitClosed; export() {
			require.Less(t, time.Since(begin), 10*time.Second)
		}
		n.set(func(n *network) { n.address = "b" })
		for moved := time.Now(); p.Stats().Address != "unixgram://b" || p.Stats().Circuit != session.CircuitClosed; export() {
			require.Less(t, time.Since(moved), 10*time.Second)
		}
		before := p.Stats()
		export()
		after := p.Stats()
		assert.Equal(t, before.Dropped, after.Dropped)
		assert.Equal(t, before.Sent+10, after.Sent)
		points, _ := n.last().packets(t)
		assert.NotEmpty(t, points)
		assert.True(t, first.closed)
		_ = p.Close(t.Context())
		requireClosedBooks(t, p)
	})
}

// network is a name and the sockets dialled to what it means.
type network struct {
	mu       sync.Mutex
	address  string // none: the name does not resolve
	unusable bool   // dialling fails
	dead     string // an address with a closed port
	made     []*fakeSender
}

func (n *network) config() Config {
	c := testConfig(nil)
	c.Session.Resolve = func(context.Context) ([]udp.Address, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.address == "" {
			return nil, errors.New("no such host")
		}
		return at(n.address), nil
	}
	c.Session.Dial = func(_ context.Context, to udp.Address) (session.Socket, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.unusable {
			return nil, errors.New("network is unreachable")
		}
		s := &fakeSender{dead: n.dead == to.Path}
		n.made = append(n.made, s)
		return s, nil
	}
	return c
}

func (n *network) set(change func(*network)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

func (n *network) last() *fakeSender {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.made[len(n.made)-1]
}
