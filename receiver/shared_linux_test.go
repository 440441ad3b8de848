package receiver

import (
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/wire"
)

func nothing(*metricdata.ResourceMetrics) {}

// TestHandover: receivers take the place of each other while forty senders send. Each
// packet is in the books of one receiver, or dropped by a kernel whose buffer is small.
func TestHandover(t *testing.T) {
	const senders, receivers = 40, 4
	packets := testsize.Pick(200, 500)
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		for _, readers := range []int{1, 3} {
			open := func(addr string) *Receiver {
				r, err := Listen(addr, nothing, WithSharedAddress(), WithReaders(readers), WithQueueSize(1<<16))
				require.NoError(t, err)
				return r
			}
			r := open(addr)
			to := r.Addr().(*net.UDPAddr)
			_, err := Listen(r.Addr().String(), nothing)
			require.Error(t, err, "one that does not share")
			conns := make([]net.Conn, senders)
			for i := range conns {
				conns[i], err = net.Dial("udp", net.JoinHostPort("127.0.0.1", portOf(to)))
				require.NoError(t, err)
				defer conns[i].Close()
			}
			received := uint64(0)
			for round := range receivers {
				var sending sync.WaitGroup
				for i, c := range conns {
					sending.Go(func() {
						for k := range packets / receivers {
							n := uint64(round*packets/receivers + k)
							_, err := c.Write(gauges(t, wire.Header{Session: uint64(i), Sequence: n, PointsBefore: uint32(n)}, 1))
							assert.NoError(t, err)
						}
					})
				}
				if round == receivers-1 {
					sending.Wait()
					break
				}
				next := open(to.String())
				require.NoError(t, r.Close())
				s := r.Stats()
				assert.Equal(t, s.Packets.Received, s.Packets.Delivered)
				received += s.Packets.Received + s.KernelDrops
				r = next
				sending.Wait()
			}
			require.NoError(t, r.Close())
			s := r.Stats()
			received += s.Packets.Received + s.KernelDrops
			assert.Equal(t, senders*packets, int(received), "%s, %d readers", addr, readers)
		}
	}
}

func portOf(a *net.UDPAddr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// TestHandoverOfAUnixSocket: a sender that dials from then on reaches the newer receiver. A
// sender that has dialled the older one stays with it, and the older one takes what is
// queued before it closes.
func TestHandoverOfAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	open := func() *Receiver {
		r, err := Listen("unixgram://"+path, nothing, WithSharedAddress())
		require.NoError(t, err)
		return r
	}
	send := func(c net.Conn, session, n int) {
		_, err := c.Write(gauges(t, wire.Header{Session: uint64(session), Sequence: uint64(n), PointsBefore: uint32(n)}, 1))
		require.NoError(t, err)
	}
	conn := func() net.Conn {
		c, err := net.Dial("unixgram", path)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	older := open()
	first := conn()
	send(first, 1, 0)
	newer := open()
	second := conn()
	send(first, 1, 1)
	send(second, 2, 0)
	require.NoError(t, older.Close())
	assert.Equal(t, 2, int(older.Stats().Packets.Delivered))
	_, err := first.Write([]byte{1})
	require.Error(t, err)
	send(conn(), 3, 0)
	require.NoError(t, newer.Close())
	assert.Equal(t, 2, int(newer.Stats().Packets.Delivered))
	entries, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	assert.Empty(t, entries, "no file is left")
}

// TestMaxPacketSize: a packet that is longer than the limit is rejected, and one of its
// length is not.
func TestMaxPacketSize(t *testing.T) {
	r, err := Listen("127.0.0.1:0", nothing, WithMaxPacketSize(600))
	require.NoError(t, err)
	send := dial(t, r)
	send(make([]byte, 601))
	fits := gauges(t, wire.Header{Session: 1}, 1)
	body := fits[wire.HeaderSize : len(fits)-wire.TrailerSize]
	fits = append(append(fits[:wire.HeaderSize:wire.HeaderSize], body...), make([]byte, 600-len(fits)+wire.TrailerSize)...)
	for i := wire.HeaderSize + len(body); i < len(fits); i++ {
		fits[i] = 0xFF // padding
	}
	wire.Stamp(fits, &wire.Header{Format: wire.Compact, Session: 1, Points: 1})
	send(fits)
	s := eventually(t, r, func(s Stats) bool { return s.Rejected.TooLong == 1 && s.Packets.Delivered == 1 })
	assert.Equal(t, uint64(1), s.Packets.Received)
	require.NoError(t, r.Close())
	for _, bytes := range []int{511, 65536} {
		_, err := Listen("127.0.0.1:0", nothing, WithMaxPacketSize(bytes))
		require.ErrorContains(t, err, "must be from 512 to 65535 bytes")
	}
}

// TestUnixSocketInTurns: receivers that share a path follow each other as often as need be.
// A receiver that does not share it keeps the others out, and the other way round.
func TestUnixSocketInTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	open := func(opts ...Option) (*Receiver, error) { return Listen("unixgram://"+path, nothing, opts...) }
	r, err := open(WithSharedAddress())
	require.NoError(t, err)
	for range 4 {
		next, err := open(WithSharedAddress())
		require.NoError(t, err)
		third, err := open(WithSharedAddress())
		require.NoError(t, err)
		_, err = open()
		require.ErrorContains(t, err, "address already in use")
		require.NoError(t, r.Close())
		require.NoError(t, next.Close())
		r = third
	}
	require.NoError(t, r.Close())
	r, err = open()
	require.NoError(t, err)
	_, err = open(WithSharedAddress())
	require.ErrorContains(t, err, "address already in use")
	require.NoError(t, r.Close())
	entries, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	assert.Empty(t, entries, "no file is left")
}
