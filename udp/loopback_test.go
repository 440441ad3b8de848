package udp_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

func portString(t testing.TB, l *udp.Listener) string {
	return strconv.Itoa(int(port(t, l)))
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name, listen, host string
		ipv6               bool
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", false},
		{"IPv6", "[::1]:0", "::1", true},
		{"dual stack over IPv4", ":0", "127.0.0.1", false},
		{"dual stack over IPv6", ":0", "::1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.ipv6 {
				needIPv6(t)
			}
			l := listen(t, tc.listen)
			s := dial(t, net.JoinHostPort(tc.host, portString(t, l)))
			assert.Equal(t, tc.host, s.RemoteAddr().Addr().String())
			assert.Equal(t, port(t, l), s.RemoteAddr().Port())

			// More than one system call takes, of every length from 0 up.
			var packets [][]byte
			for i := range 150 {
				packets = append(packets, bytes.Repeat([]byte{byte(i)}, i))
			}
			sendAll(t, s, packets...)
			for i, d := range receive(t, l, len(packets)) {
				require.Equal(t, packets[i], d.Data, "packet %d", i)
				require.Equal(t, s.LocalAddr(), d.Source)
				require.False(t, d.Truncated)
			}
		})
	}
}

func TestSendNothing(t *testing.T) {
	s := dial(t, "127.0.0.1:4319")
	sendAll(t, s)
}

func TestReadBatch(t *testing.T) {
	l := listen(t, "127.0.0.1:0", udp.WithMaxDatagramSize(8))
	s := dial(t, l.Addr().String())
	untouched := udp.Datagram{Data: []byte("untouched"), Source: s.LocalAddr(), Truncated: true}
	ds := []udp.Datagram{{}, untouched}
	for _, text := range []string{"12345678", "", "abc", "123456789"} {
		sendAll(t, s, []byte(text))
		n, err := l.ReadBatch(ds)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, text[:min(len(text), 8)], string(ds[0].Data))
		require.Equal(t, len(text) > 8, ds[0].Truncated)
		require.Equal(t, untouched, ds[1])
	}
	n, err := l.ReadBatch(nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestClosedPortRefusesAndRecovers(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			if host == "::1" {
				needIPv6(t)
			}
			gone := listen(t, net.JoinHostPort(host, "0"))
			address := gone.Addr().String()
			require.NoError(t, gone.Close())
			s := dial(t, address)

			const sends = 10_000
			counts := map[udp.Outcome]int{}
			for range sends {
				n, outcome := s.Send([][]byte{[]byte("anyone?")})
				require.Equal(t, outcome == udp.Sent, n == 1)
				counts[outcome]++
			}
			t.Log(counts)
			assert.Equal(t, sends, counts[udp.Sent]+counts[udp.Refused], "%v", counts)
			assert.Greater(t, counts[udp.Refused], sends/10, "%v", counts)
			assert.Greater(t, counts[udp.Sent], sends/10, "%v", counts)

			l := listen(t, address)
			text := []byte("you are back")
			n, outcome := s.Send([][]byte{text})
			if outcome == udp.Refused {
				n, outcome = s.Send([][]byte{text})
			}
			require.Equal(t, udp.Sent, outcome, "after at most one report left over")
			require.Equal(t, 1, n)
			assert.Equal(t, text, receive(t, l, 1)[0].Data)
		})
	}
}

// TestClosedPortRefusesBatches: a closed port shows, whatever the size of the batch.
func TestClosedPortRefusesBatches(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the answer may take longer")
	}
	for _, size := range []int{1, 2, 32, 200} {
		gone := listen(t, "127.0.0.1:0")
		s := dial(t, gone.Addr().String())
		require.NoError(t, gone.Close())
		packets := slices.Repeat([][]byte{[]byte("anyone?")}, size)
		refused := 0
		for range 100 {
			if _, outcome := s.Send(packets); outcome == udp.Refused {
				refused++
			}
		}
		assert.GreaterOrEqual(t, refused, 50, "batches of %d", size)
	}
}

func TestTooLargeIsAboutOnePacket(t *testing.T) {
	for host, most := range map[string]int{"127.0.0.1": 65507, "::1": 65527} {
		t.Run(host, func(t *testing.T) {
			if host == "::1" {
				needIPv6(t)
			}
			l := listen(t, net.JoinHostPort(host, "0"))
			s := dial(t, l.Addr().String())
			if limit := s.PayloadLimit(); limit > 0 {
				most = min(most, limit) // fragments are forbidden
			}
			packets := [][]byte{
				[]byte("first"), make([]byte, most), make([]byte, 65536),
				[]byte("fourth"), make([]byte, 65536), []byte("sixth"),
			}
			n, outcome := s.Send(packets)
			require.Equal(t, udp.TooLarge, outcome)
			require.Equal(t, 2, n)
			n, outcome = s.Send(packets[3:])
			require.Equal(t, udp.TooLarge, outcome)
			require.Equal(t, 1, n)
			sendAll(t, s, packets[5:]...)

			for i, d := range receive(t, l, 4) {
				require.Equal(t, packets[[]int{0, 1, 3, 5}[i]], d.Data)
			}
		})
	}
}

// TestFullReceiver: a receiver that does not read loses packets, and the sender loses
// nothing. The kernel's count of them closes the books.
func TestFullReceiver(t *testing.T) {
	const packets = 2_000
	l := listen(t, "127.0.0.1:0", udp.WithReceiveBuffer(4096), udp.WithoutReceiveOffload())
	s := dial(t, l.Addr().String())
	before, ok := l.Drops()
	if !ok {
		t.Skip("this platform does not count drops")
	}
	require.Zero(t, before)
	sendAll(t, s, slices.Repeat([][]byte{make([]byte, 1000)}, packets)...)

	var received atomic.Uint64
	done := make(chan error)
	go func() {
		ds := make([]udp.Datagram, 16)
		for {
			n, err := l.ReadBatch(ds)
			if err != nil {
				done <- err
				return
			}
			received.Add(uint64(n))
		}
	}()
	assert.Eventually(t, func() bool {
		dropped, _ := l.Drops()
		return received.Load()+dropped == packets
	}, patience, time.Millisecond)
	dropped, _ := l.Drops()
	assert.Positive(t, dropped)
	assert.Positive(t, received.Load())

	require.NoError(t, l.Close())
	require.ErrorIs(t, <-done, net.ErrClosed)
	last, ok := l.Drops()
	assert.True(t, ok)
	assert.Equal(t, dropped, last, "the count outlives the socket")
}

func TestReceiveBuffer(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	asked, effective := l.ReceiveBuffer()
	assert.Equal(t, 4<<20, asked)
	if effective == 0 {
		t.Skip("this platform does not tell")
	}
	// The limit of the machine may be lower, but never near nothing.
	assert.GreaterOrEqual(t, effective, 64<<10)
	t.Logf("asked %d, effective %d", asked, effective)

	asked, effective = listen(t, "127.0.0.1:0", udp.WithReceiveBuffer(100_000)).ReceiveBuffer()
	assert.Equal(t, 100_000, asked)
	assert.Equal(t, 100_000, effective)
}

func TestCloseUnblocksReadBatchConcurrentSafe(t *testing.T) {
	for range 20 {
		l := listen(t, "127.0.0.1:0")
		started, done := make(chan struct{}), make(chan error)
		go func() {
			close(started)
			_, err := l.ReadBatch(make([]udp.Datagram, 1))
			done <- err
		}()
		<-started
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
		require.ErrorIs(t, l.Close(), net.ErrClosed)
		_, effective := l.ReceiveBuffer()
		require.Zero(t, effective)
	}
}

func TestSendAfterClose(t *testing.T) {
	s := dial(t, "127.0.0.1:4319")
	local := s.LocalAddr()
	require.NoError(t, s.Close())
	n, outcome := s.Send([][]byte{{1}, {2}})
	assert.Zero(t, n)
	assert.Equal(t, udp.Closed, outcome)
	assert.Equal(t, local, s.LocalAddr(), "the addresses stay")
	assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:4319"), s.RemoteAddr())
	assert.ErrorIs(t, s.Close(), net.ErrClosed)
}

func TestCloseDuringSendConcurrentSafe(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	for range 20 {
		s := dial(t, l.Addr().String())
		started, done := make(chan struct{}), make(chan string)
		go func() {
			close(started)
			for {
				n, outcome := s.Send([][]byte{{1}, {2}, {3}})
				if outcome != udp.Sent {
					done <- fmt.Sprint(n < 3, outcome)
					return
				}
			}
		}()
		<-started
		require.NoError(t, s.Close())
		require.Equal(t, "true closed", <-done)
	}
}
