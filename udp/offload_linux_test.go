package udp_test

import (
	"bytes"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

// TestOffload: whatever either side does with offload, the same datagrams arrive, in order.
func TestOffload(t *testing.T) {
	sizes := slices.Concat(
		slices.Repeat([]int{1472}, 100), []int{700, 700, 1, 0, 0, 1472, 9, 1472},
		slices.Repeat([]int{7800}, 20), slices.Repeat([]int{3}, 200), []int{65_000, 40_000, 30_000})
	for _, host := range []string{"127.0.0.1", "::1"} {
		for _, send := range []udp.Option{udp.WithSendBuffer(1 << 20), udp.WithoutSegmentationOffload()} {
			for _, read := range []udp.Option{udp.WithReceiveBuffer(4 << 20), udp.WithoutReceiveOffload()} {
				if host == "::1" {
					needIPv6(t)
				}
				l := listen(t, net.JoinHostPort(host, "0"), read)
				s := dial(t, l.Addr().String(), send)
				t.Log(host, "sending:", s.Offload(), "receiving:", l.Offload())
				for begin := 0; begin < len(sizes); begin += 50 {
					var packets [][]byte
					for i, size := range sizes[begin:min(begin+50, len(sizes))] {
						packets = append(packets, bytes.Repeat([]byte{byte(begin + i)}, size))
					}
					sendAll(t, s, packets...)
					for i, d := range receive(t, l, len(packets)) {
						require.True(t, bytes.Equal(packets[i], d.Data), "packet %d: %d bytes", begin+i, len(d.Data))
						require.False(t, d.Truncated)
						require.Equal(t, s.LocalAddr(), d.Source)
					}
				}
				assert.NotEqual(t, udp.OffloadRefused, s.Offload())
			}
		}
	}
}

// TestOffloadTruncates: a datagram that is too long is cut, and those beside it are not.
func TestOffloadTruncates(t *testing.T) {
	l := listen(t, "127.0.0.1:0", udp.WithMaxDatagramSize(8))
	s := dial(t, l.Addr().String())
	sendAll(t, s, []byte("123456789"), []byte("abcdefghi"), []byte("xyz"), []byte("12345678"))
	for i, d := range receive(t, l, 4) {
		assert.Equal(t, []string{"12345678", "abcdefgh", "xyz", "12345678"}[i], string(d.Data))
		assert.Equal(t, i < 2, d.Truncated)
		assert.LessOrEqual(t, cap(d.Data), 9)
	}
}

// TestLeftOverDatagrams: what one message brought is returned by several calls, also after
// Drain.
func TestLeftOverDatagrams(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	s := dial(t, l.Addr().String())
	const packets = 40
	var run [][]byte
	for i := range packets {
		run = append(run, []byte{byte(i), 0})
	}
	sendAll(t, s, run...)
	ds := make([]udp.Datagram, 3)
	got := 0
	for got < packets {
		n, err := l.ReadBatch(ds)
		require.NoError(t, err)
		for _, d := range ds[:n] {
			require.Equal(t, run[got], d.Data)
			got++
		}
		l.Drain()
	}
	_, err := l.ReadBatch(ds)
	assert.ErrorIs(t, err, net.ErrClosed)
}

// TestOffloadIsDisabled: the options turn it off, and a Unix socket has none.
func TestOffloadIsDisabled(t *testing.T) {
	l := listen(t, "127.0.0.1:0", udp.WithoutReceiveOffload())
	assert.Equal(t, udp.OffloadDisabled, l.Offload())
	assert.Equal(t, udp.OffloadDisabled, dial(t, l.Addr().String(), udp.WithoutSegmentationOffload()).Offload())
	address, _ := unixAddress(t)
	u := listen(t, address)
	assert.Equal(t, udp.OffloadUnavailable, u.Offload())
	assert.Equal(t, udp.OffloadUnavailable, dial(t, address).Offload())
}
