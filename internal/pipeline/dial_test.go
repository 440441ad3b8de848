package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestDialUntilItSucceeds drops points as unresolved until there is a socket,
// and counts none twice.
func TestDialUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(nil)
		var attempts atomic.Int64
		c.Session.Dial = func(context.Context, udp.Address) (session.Socket, error) {
			if attempts.Add(1) < 6 {
				return nil, errors.New("no such host")
			}
			return s, nil
		}
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(500)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, uint64(500), p.Stats().Dropped[wire.Unresolved])
		<-time.After(2 * time.Minute)
		assert.Equal(t, int64(6), attempts.Load())
		require.NoError(t, p.Export(t.Context(), sums(500)))
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, uint64(500), p.Stats().Sent)
		requireClosedBooks(t, p)
	})
}

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

// network is a name and the sockets dialled to what it means.
type network struct {
	mu       sync.Mutex
	address  string   // none: the name does not resolve
	answers  []string // of the name server, in place of address
	dialled  []string
	sockets  []*fakeSender
	lookUps  int
	unusable bool // dialling fails
	dead     map[string]bool
}

func (n *network) config() Config {
	c := testConfig(nil)
	c.Session.Resolve = func(context.Context) ([]udp.Address, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.lookUps++
		switch {
		case n.answers != nil:
			return at(n.answers...), nil
		case n.address == "":
			return nil, errors.New("no such host")
		}
		return at(n.address), nil
	}
	c.Session.Dial = func(_ context.Context, to udp.Address) (session.Socket, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.unusable || strings.HasPrefix(to.Path, "unreachable") {
			return nil, errors.New("network is unreachable")
		}
		s := &fakeSender{dead: n.dead[to.Path]}
		n.dialled, n.sockets = append(n.dialled, to.Path), append(n.sockets, s)
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
	return n.sockets[len(n.sockets)-1]
}

func (n *network) addresses() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.dialled...)
}

func (n *network) attempts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lookUps
}

// TestNewAddressIsFollowed within a minute, although nothing fails; the session
// before ends with a goodbye.
func TestNewAddressIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		p := start(t, n.config())
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, "unixgram://a", p.Stats().Address)
		first := n.last()
		<-time.After(5 * time.Minute)
		assert.Equal(t, []string{"a"}, n.addresses(), "the address is the same")
		n.set(func(n *network) { n.address = "" })
		<-time.After(5 * time.Minute)
		assert.Equal(t, []string{"a"}, n.addresses(), "a name that fails to resolve changes nothing")
		n.set(func(n *network) { n.address = "b" })
		<-time.After(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b"}, n.addresses())
		assert.Equal(t, "unixgram://b", p.Stats().Address)
		assert.Equal(t, uint64(2), p.Stats().Sessions)
		_, reports := first.packets(t)
		assert.True(t, header(t, reports[len(reports)-1]).Goodbye)
		assert.True(t, first.closed)
		require.NoError(t, p.Export(t.Context(), sums(20)))
		require.NoError(t, p.Close(t.Context()))
		points, _ := n.last().packets(t)
		assert.Len(t, points, 1)
		requireClosedBooks(t, p)
	})
}

// TestSlowResolver: while a look-up hangs the address in use serves.
func TestSlowResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		c := n.config()
		hang := atomic.Bool{}
		resolve, asked := c.Session.Resolve, atomic.Int64{}
		c.Session.Resolve = func(ctx context.Context) ([]udp.Address, error) {
			if hang.Load() {
				asked.Add(1)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return resolve(ctx)
		}
		p := start(t, c)
		hang.Store(true)
		for range 300 {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
			<-time.After(time.Second)
		}
		assert.Positive(t, asked.Load())
		s := p.Stats()
		assert.Equal(t, s.Offered, s.Sent)
		assert.Equal(t, []string{"a"}, n.addresses())
		begin := time.Now()
		require.NoError(t, p.Close(t.Context()))
		assert.Zero(t, time.Since(begin))
	})
}

// TestSocketsAgeOut: a quarter of an hour gives a new source port.
func TestSocketsAgeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		p := start(t, n.config())
		<-time.After(11 * time.Minute)
		assert.Len(t, n.addresses(), 1)
		<-time.After(8 * time.Minute)
		assert.Len(t, n.addresses(), 2)
		<-time.After(2 * time.Hour)
		assert.InDelta(t, 9, len(n.addresses()), 2)
		require.NoError(t, p.Close(t.Context()))
		for _, s := range n.sockets {
			assert.True(t, s.closed)
		}
	})
}

// TestRefusalsDialAgain: at once, but not more often than every five seconds,
// and to the address known if the name does not resolve.
func TestRefusalsDialAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		c := n.config()
		c.Session.Breaker.Disabled = true
		p := start(t, c)
		<-time.After(2 * time.Second)
		n.set(func(n *network) { n.address = "" })
		const seconds = 22
		begin := time.Now()
		for range seconds * 10 {
			n.last().set(func(s *fakeSender) { s.script = []udp.Outcome{udp.Refused} })
			require.NoError(t, p.Export(t.Context(), sums(1)))
			require.NoError(t, p.Flush(t.Context()))
			<-time.After(100 * time.Millisecond)
		}
		assert.Equal(t, seconds*time.Second, time.Since(begin))
		assert.Equal(t, []string{"a", "a", "a", "a", "a", "a"}, n.addresses())
		assert.Equal(t, uint64(seconds*10), p.Stats().ConnectionsRefused)
		assert.Equal(t, uint64(seconds*10), p.Stats().Sent, "a refusal is about an earlier packet: this one is sent at the second try")
		_ = p.Close(t.Context())
		requireClosedBooks(t, p)
	})
}

// TestFailedDialKeepsTheSocket: as long as there is no better one, the old one
// serves; attempts grow rarer.
func TestFailedDialKeepsTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{address: "a"}
		p := start(t, n.config())
		n.set(func(n *network) { n.address, n.unusable, n.lookUps = "b", true, 0 })
		<-time.After(10 * time.Minute)
		assert.Less(t, n.attempts(), 40)
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, uint64(10), p.Stats().Sent)
		n.set(func(n *network) { n.unusable = false })
		<-time.After(time.Minute)
		assert.Equal(t, []string{"a", "b"}, n.addresses())
		require.NoError(t, p.Close(t.Context()))
	})
}
