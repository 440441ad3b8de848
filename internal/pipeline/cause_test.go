package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// TestCausesStayEqual: what differs from one attempt to the next is not in them.
func TestCausesStayEqual(t *testing.T) {
	// lookUp is what package net says of a name server that does not answer.
	lookUp := func(from, server string) error {
		read := &net.OpError{
			Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded,
			Source: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)), Addr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)),
		}
		return fmt.Errorf("udp: resolve %q: %w", "c:4319", &net.DNSError{Err: read.Error(), Name: "c", Server: server, IsTimeout: true})
	}
	connect := func(address, cause string) error {
		return fmt.Errorf("udp: connect to %q: connect: %s", address, cause)
	}
	const noDescriptor = "too many open files"
	a, b := connect("a:1", "network is unreachable"), connect("b:1", "permission denied")
	for _, tt := range []struct {
		name string
		errs []error // of attempts
		want string
	}{
		{"nothing", []error{nil, errors.Join()}, ""},
		{"another port of ours", []error{lookUp("10.0.0.7:49152", "10.0.0.2:53"), lookUp("10.0.0.7:50000", "10.0.0.2:53")},
			`udp: resolve "c:4319": lookup c on 10.0.0.2:53: read udp 10.0.0.2:53: i/o timeout`},
		{"IPv6", []error{lookUp("[fe80::7%eth0]:49152", "[fe80::1]:53"), lookUp("[fe80::7%eth0]:1", "[fe80::1]:53")},
			`udp: resolve "c:4319": lookup c on [fe80::1]:53: read udp [fe80::1]:53: i/o timeout`},
		{"addresses in another order", []error{errors.Join(a, b), errors.Join(b, a), errors.Join(b, a, b)},
			`udp: connect to "a:1": connect: network is unreachable; udp: connect to "b:1": connect: permission denied`},
		{"many addresses", []error{errors.Join(connect("5", noDescriptor), connect("1", noDescriptor), connect("4", noDescriptor), connect("2", noDescriptor), connect("3", noDescriptor))},
			`udp: connect to "1": connect: too many open files; udp: connect to "2": connect: too many open files; udp: connect to "3": connect: too many open files; and 2 more`},
		{"a path like a connection", []error{connect("/run/a->b", "no such file or directory")}, `udp: connect to "/run/a->b": connect: no such file or directory`},
	} {
		for _, err := range tt.errs {
			assert.Equal(t, tt.want, causeOf(err), tt.name)
		}
	}
}

// TestDialErrorIsSaid: why there is no socket is in Stats and in the error of Close,
// and told once a change.
func TestDialErrorIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		c := n.config()
		dial := c.Dial
		var failing atomic.Pointer[error]
		c.Dial = func(ctx context.Context, address string) (Sender, error) {
			if err := failing.Load(); err != nil {
				return nil, *err
			}
			return dial(ctx, address)
		}
		var told []string
		full := true // whoever is told first does not take it
		c.OnDial = func(cause string) bool {
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
