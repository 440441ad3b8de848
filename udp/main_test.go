package udp_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/udp"
)

// roles are what a child process of a test does instead of testing.
var roles = map[string]func(){}

// roleVariable names the role of a child process.
const roleVariable = "OTELGRAM_UDP_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		role()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// listen opens a listener that is closed with the test, or when a test hangs.
func listen(t testing.TB, address string, opts ...udp.Option) *udp.Listener {
	t.Helper()
	l, err := udp.Listen(address, opts...)
	require.NoError(t, err)
	watchdog := time.AfterFunc(patience, func() { _ = l.Close() })
	t.Cleanup(func() {
		watchdog.Stop()
		_ = l.Close()
	})
	return l
}

func dial(t testing.TB, address string, opts ...udp.Option) *udp.Sender {
	t.Helper()
	s, err := udp.Dial(context.Background(), address, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func needIPv6(t testing.TB) {
	t.Helper()
	l, err := udp.Listen("[::1]:0")
	if err != nil {
		t.Skipf("this host has no IPv6: %v", err)
	}
	require.NoError(t, l.Close())
}

// sendAll sends packets of which the kernel must take every one.
func sendAll(t testing.TB, s *udp.Sender, packets ...[]byte) {
	t.Helper()
	n, outcome := s.Send(packets)
	require.Equal(t, udp.Sent, outcome)
	require.Equal(t, len(packets), n)
}

// receive reads exactly n datagrams, and returns copies of them.
func receive(t testing.TB, l *udp.Listener, n int) []udp.Datagram {
	t.Helper()
	ds := make([]udp.Datagram, n)
	for got := 0; got < n; {
		k, err := l.ReadBatch(ds[got:])
		require.NoError(t, err)
		require.Positive(t, k)
		for i := range ds[got : got+k] {
			ds[got+i].Data = bytes.Clone(ds[got+i].Data)
		}
		got += k
	}
	return ds
}

func port(t testing.TB, l *udp.Listener) uint16 {
	t.Helper()
	a, err := netip.ParseAddrPort(l.Addr().String())
	require.NoError(t, err)
	return a.Port()
}
