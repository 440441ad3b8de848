package udp_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/otelgram/otelgram/udp"
)

// listenMany opens listeners that are closed with the test.
func listenMany(t *testing.T, address string, n int) []*udp.Listener {
	t.Helper()
	ls, err := udp.ListenMany(address, n)
	require.NoError(t, err)
	t.Cleanup(func() { closeAll(ls) })
	return ls
}

func closeAll(ls []*udp.Listener) {
	for _, l := range ls {
		_ = l.Close()
	}
}

// TestListenManyDistributes: each socket gets datagrams, and all datagrams of one source
// arrive on one socket.
func TestListenManyDistributes(t *testing.T) {
	const sockets, senders, each = 4, 200, 3
	for _, tc := range []struct{ listen, host string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"localhost:0", "127.0.0.1"}, {":0", "127.0.0.1"}, {"0.0.0.0:0", "127.0.0.1"},
		{"[::1]:0", "::1"}, {":0", "::1"}, {"[::]:0", "::1"},
	} {
		t.Run(tc.listen+" from "+tc.host, func(t *testing.T) {
			if tc.host == "::1" {
				needIPv6(t)
			}
			ls := listenMany(t, tc.listen, sockets)
			require.Len(t, ls, sockets)
			for _, l := range ls {
				require.Equal(t, ls[0].Addr().String(), l.Addr().String())
			}
			to := net.JoinHostPort(tc.host, portString(t, ls[0]))
			type arrival struct {
				socket int
				source netip.AddrPort
			}
			arrivals := make(chan arrival, senders*each)
			var reading sync.WaitGroup
			for i, l := range ls {
				reading.Go(func() {
					ds := make([]udp.Datagram, 1)
					for {
						if _, err := l.ReadBatch(ds); err != nil {
							return
						}
						arrivals <- arrival{i, ds[0].Source}
					}
				})
			}
			for range senders {
				sendAll(t, dial(t, to), []byte("1"), []byte("2"), []byte("3"))
			}
			socketOf := map[netip.AddrPort]int{}
			counts := make([]int, sockets)
			for range senders * each {
				a := <-arrivals
				first, known := socketOf[a.source]
				require.True(t, !known || first == a.socket, "%v on two sockets", a.source)
				socketOf[a.source] = a.socket
				counts[a.socket]++
			}
			assert.Len(t, socketOf, senders)
			for i, n := range counts {
				assert.Positive(t, n, "socket %d of %v", i, counts)
			}
			closeAll(ls)
			reading.Wait()
		})
	}
}

// TestListenIsExclusive: the second listener gets an error, however many sockets either
// has. When the first has closed all of its sockets, the address is free.
func TestListenIsExclusive(t *testing.T) {
	for _, first := range []string{"127.0.0.1:0", ":0", "[::1]:0"} {
		if first == "[::1]:0" {
			needIPv6(t)
		}
		for _, n := range []int{1, 2, 5} {
			ls := listenMany(t, first, n)
			seconds := []string{ls[0].Addr().String(), net.JoinHostPort("", portString(t, ls[0]))}
			if first == ":0" {
				seconds = append(seconds, net.JoinHostPort("127.0.0.1", portString(t, ls[0])))
			}
			for _, second := range seconds {
				what := fmt.Sprintf("%s on %d sockets, then %s", first, n, second)
				_, err := udp.Listen(second)
				require.ErrorIs(t, err, syscall.EADDRINUSE, what)
				_, err = udp.ListenMany(second, 3)
				require.ErrorIs(t, err, syscall.EADDRINUSE, what)
			}
			closeAll(ls)
			closeAll(listenMany(t, seconds[0], n))
		}
	}
	l := listen(t, "127.0.0.1:0")
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			assert.NoError(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		})
	}}
	_, err := lc.ListenPacket(context.Background(), "udp", l.Addr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE, "nobody joins a single socket")
}

// TestListenManyAllOrNone: if one of the sockets cannot be opened, none is left.
func TestListenManyAllOrNone(t *testing.T) {
	before := descriptors(t)
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = uint64(before) + 40
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	ls, err := udp.ListenMany("127.0.0.1:0", 100)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	require.ErrorIs(t, err, syscall.EMFILE)
	assert.EqualError(t, err, `udp: listen on "127.0.0.1:0": too many open files`)
	assert.Nil(t, ls)
	assert.Equal(t, before, descriptors(t))
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
