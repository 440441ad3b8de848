package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestDialErrorIsSaid: why there is no socket is in Stats and in the error of Close,
// and told once a change.
func TestDialErrorIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		c := n.config()
		dial := c.Session.Dial
		var failing atomic.Pointer[error]
		c.Session.Dial = func(ctx context.Context, address udp.Address) (session.Socket, error) {
			if err := failing.Load(); err != nil {
				return nil, *err
			}
			return dial(ctx, address)
		}
		var told []string
		full := true // whoever is told first does not take it
		c.Session.OnDial = func(cause string) bool {
			taken := !full
			full = false
			if taken {
				told = append(told, cause)
			}
			return taken
		}
		p := start(t, c)
		assert.Equal(t, "no such host", p.Stats().DialError, "at once")
		<-time.After(5 * time.Minute)
		synctest.Wait()
		want := []string{"no such host"}
		assert.Equal(t, want, told)

		for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.EACCES, syscall.EMFILE} {
			err := fmt.Errorf("udp: connect: %w", errno)
			failing.Store(&err)
			n.set(func(n *network) { n.address = "there" })
			<-time.After(5 * time.Minute)
			synctest.Wait()
			want = append(want, err.Error())
			assert.Equal(t, want, told)
			assert.Equal(t, err.Error(), p.Stats().DialError)
		}
		failing.Store(nil)
		<-time.After(time.Minute)
		synctest.Wait()
		want = append(want, "")
		assert.Equal(t, want, told)
		assert.Empty(t, p.Stats().DialError)

		// The socket stays in use while the name cannot be found.
		n.set(func(n *network) { n.address = "" })
		<-time.After(5 * time.Minute)
		synctest.Wait()
		want = append(want, "no such host")
		assert.Equal(t, want, told)
		require.NoError(t, p.Export(t.Context(), sums(10)))
		require.NoError(t, p.Close(t.Context()), "nothing is lost for it")
		s := p.Stats()
		assert.Equal(t, uint64(10), s.Sent)
		assert.Equal(t, "no such host", s.DialError, "the end is no cause")
	})
}

// TestDialErrorOfClose: it is said where points were lost for it, and only then.
func TestDialErrorOfClose(t *testing.T) {
	const cause = "the endpoint cannot be dialled: network is unreachable"
	for _, tt := range []struct {
		name string
		use  func(*testing.T, *Pipeline, *network)
		want string // none: no error
	}{
		{"nothing to lose", func(*testing.T, *Pipeline, *network) {}, ""},
		{"lost by Close", func(t *testing.T, p *Pipeline, _ *network) { exportAtTheEnd(t, p, 10) },
			"otelgram: shutdown: 10 points not sent (unresolved 10); " + cause},
		{"lost before", func(t *testing.T, p *Pipeline, _ *network) {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
		}, "otelgram: shutdown: " + cause},
		{"lost before there was a socket", func(t *testing.T, p *Pipeline, n *network) {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
			n.set(func(n *network) { n.unusable = false })
			<-time.After(time.Minute)
			n.set(func(n *network) { n.address = "" })
			<-time.After(5 * time.Minute)
			assert.Equal(t, uint64(10), p.Stats().Dropped[wire.Unresolved])
			assert.Equal(t, "no such host", p.Stats().DialError)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{unusable: true, address: "there"}
				p := start(t, n.config())
				tt.use(t, p, n)
				if err := p.Close(t.Context()); tt.want != "" {
					require.EqualError(t, err, tt.want)
				} else {
					require.NoError(t, err)
				}
				requireClosedBooks(t, p)
			})
		})
	}
}
