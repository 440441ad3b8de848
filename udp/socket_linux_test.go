package udp

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestErrorQueueIsBounded: ICMP errors that nobody reads must not accumulate in the kernel,
// and must be reported although their queue is full.
func TestErrorQueueIsBounded(t *testing.T) {
	gone, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	address := gone.Addr().String()
	require.NoError(t, gone.Close())
	s, err := Dial(context.Background(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()

	refused := 0
	send := func(packets int) {
		for range packets {
			if _, outcome := s.Send([][]byte{{1}}); outcome == Refused {
				refused++
			}
		}
	}
	send(10_000)
	before, ok := memInfo(s.conn)
	require.True(t, ok)
	refused = 0
	send(10_000)
	after, ok := memInfo(s.conn)
	require.True(t, ok)
	assert.Positive(t, refused, "a full error queue hides no refusals")
	assert.Equal(t, before[unix.SK_MEMINFO_RMEM_ALLOC], after[unix.SK_MEMINFO_RMEM_ALLOC])
	assert.Less(t, after[unix.SK_MEMINFO_RMEM_ALLOC], uint32(16<<10))
}

func TestSenderOptions(t *testing.T) {
	for _, address := range []string{"127.0.0.1:4319", "[::1]:4319"} {
		s, err := Dial(context.Background(), address, WithSendBuffer(100_000))
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		control(s.conn, func(fd int) {
			level, option := unix.IPPROTO_IP, unix.IP_RECVERR
			if s.RemoteAddr().Addr().Is6() {
				level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
			}
			on, err := unix.GetsockoptInt(fd, level, option)
			assert.NoError(t, err)
			assert.Equal(t, 1, on)
			size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
			assert.NoError(t, err)
			assert.Equal(t, 2*100_000, size)
		})
		require.NoError(t, s.Close())
	}
}

// TestPendingTellsOfClosedPort: the answer to a packet is available, once, without sending
// another.
func TestPendingTellsOfClosedPort(t *testing.T) {
	gone, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	s, err := Dial(context.Background(), gone.Addr().String())
	require.NoError(t, err)
	n, _ := s.Send([][]byte{{1}})
	require.Equal(t, 1, n)
	assert.Equal(t, Sent, s.Pending(), "it was open")
	require.NoError(t, gone.Close())
	n, _ = s.Send([][]byte{{2}})
	require.Equal(t, 1, n)
	assert.Equal(t, Refused, s.Pending(), "loopback answers at once")
	assert.Equal(t, Sent, s.Pending(), "the report is used up")
	n, outcome := s.Send([][]byte{{3}})
	assert.Equal(t, 1, n)
	assert.Equal(t, Sent, outcome)
	require.NoError(t, s.Close())
	assert.Zero(t, s.PayloadLimit())
	assert.Equal(t, Sent, s.Pending())
}

// TestPayloadLimit: the limit is that of the loopback interface.
func TestPayloadLimit(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	for address, headers := range map[string]int{"127.0.0.1:4319": headers4, "[::1]:4319": headers6} {
		s, err := Dial(context.Background(), address)
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		assert.InDelta(t, lo.MTU-headers, s.PayloadLimit(), 1, "IPv4 cannot have 65,536 bytes")
		require.NoError(t, s.Close())
	}
}

func TestDropCounterExtendsTheKernels(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	// The kernel's count is 0 here, and was 10 short of its wrap at the last read.
	c := dropCounter{last: ^uint32(0) - 9, total: 1<<32 - 10}
	dropped, ok := c.read(conn)
	assert.True(t, ok)
	assert.Equal(t, uint64(1<<32), dropped)

	require.NoError(t, conn.Close())
	dropped, ok = c.read(conn)
	assert.True(t, ok)
	assert.Equal(t, uint64(1<<32), dropped)
	_, ok = new(dropCounter).read(conn)
	assert.False(t, ok, "never read")
}
