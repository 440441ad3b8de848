//go:build linux

package faults

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

// TestFault01Loss: the receiver knows exactly what the network lost.
func TestFault01Loss(t *testing.T) {
	for _, f := range []faultproxy.Faults{
		{Loss: 0.02}, {Loss: 0.3}, {Lose: 1, Of: 50}, {Lose: 3, Of: 10}, {Lose: 30, Of: 100},
	} {
		t.Run(fmt.Sprintf("%+v", f), func(t *testing.T) {
			t.Parallel() // only with each other, since calls are timed
			l := newLine(t, f)
			inTurn(func() {
				callerNeverWaits(t, l.exp, func() { export(t, l.exp, 2000, 10) })
			})
			_, r, b := l.settle(t, lostByProxy)
			assert.Positive(t, b.Lost.Points)
			assert.Zero(t, r.Points.Duplicate+r.Points.Late)
			assert.Zero(t, r.KernelDrops)
			assert.Equal(t, b.Lost.Packets, r.NetworkLost())
		})
	}
}

// TestFault02Reorder: nothing is lost, nothing is taken for a duplicate, and nothing counts
// as lost that only comes later.
func TestFault02Reorder(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 10, 100, 1000} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, faultproxy.Faults{Reorder: window, Duplicate: 9})
			most := uint64(0)
			inTurn(func() {
				for range 10 {
					export(t, l.exp, 4000, 5) // 40 packets each: some thousands in all
					most = max(most, l.recv.Stats().Points.Lost)
				}
			})
			_, r, b := l.settle(t, none)
			assert.Zero(t, most, "what the proxy holds back is there within a second")
			l.requireDuplicates(t, b)
			assert.Zero(t, r.Points.Late)
		})
	}
}

// TestFault03Duplicates: duplicates are counted, and delivered once.
func TestFault03Duplicates(t *testing.T) {
	t.Parallel()
	for _, every := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, faultproxy.Faults{Duplicate: every})
			inTurn(func() { export(t, l.exp, 2000, 5) })
			s, r, b := l.settle(t, none)
			assert.Equal(t, s.Sent, r.Points.Delivered)
			assert.Positive(t, b.Duplicated.Points)
			l.requireDuplicates(t, b)
		})
	}
}

// TestFault04Damage: a damaged packet is rejected as a whole, and the packets around it
// arrive.
func TestFault04Damage(t *testing.T) {
	t.Parallel()
	t.Run("checksum left", func(t *testing.T) {
		t.Parallel()
		l := newLine(t, faultproxy.Faults{Damage: 5})
		inTurn(func() { export(t, l.exp, 2000, 5) })
		s, r, b := l.settle(t, func(b faultproxy.Books) uint64 { return b.Damaged.Points })
		assert.Equal(t, s.Sent-b.Damaged.Points, r.Points.Delivered)
		x := r.Rejected
		assert.Equal(t, b.Damaged.Packets, x.TooShort+x.UnknownVersion+x.UnknownFlag+x.BadChecksum, "%+v", x)
		assert.Positive(t, x.BadChecksum)
	})
	t.Run("checksum repaired", func(t *testing.T) {
		t.Parallel()
		l := newLine(t, faultproxy.Faults{Damage: 2, Repair: true})
		l.seen.expectDamage()
		inTurn(func() { export(t, l.exp, 2000, 10) })
		s, r, b := l.settle(t, none)
		assert.GreaterOrEqual(t, r.Points.Delivered, s.Sent-b.Damaged.Points, "the others are unharmed")
		assert.Positive(t, r.Rejected.Malformed)
		assert.Zero(t, r.Rejected.BadChecksum)
	})
}

// TestFault05Delay: what is more than a second late counts as lost until it comes.
func TestFault05Delay(t *testing.T) {
	t.Parallel()
	l := newLine(t, faultproxy.Faults{Delay: 100 * time.Millisecond, Jitter: 3 * time.Second})
	inTurn(func() { // the others would keep the proxy waiting until all of it is late
		export(t, l.exp, 500, 20)
		require.Eventually(t, func() bool { return l.recv.Stats().Points.Lost > 0 }, patience, time.Millisecond)
	})
	_, r, _ := l.settle(t, none)
	assert.Zero(t, r.Points.Late)
	assert.Zero(t, r.Points.Duplicate)
}

// TestFault19SlowReceiver: a handler that hangs costs only what finds no place in the
// queue, and the socket is read all the same.
func TestFault19SlowReceiver(t *testing.T) {
	release := make(chan struct{})
	open := sync.OnceFunc(func() { close(release) })
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) { <-release }, receiver.WithQueueSize(4), receiver.WithWorkers(1))
	require.NoError(t, err)
	t.Cleanup(func() { open(); _ = r.Close() })
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(silent))
	require.NoError(t, err)
	callerNeverWaits(t, exp, func() { export(t, exp, 2000, 5) })
	require.Eventually(t, func() bool { return r.Stats().Points.Overrun > 0 }, patience, time.Millisecond)
	open()
	s := shut(t, exp)
	books := closed(t, r, s.Sent, 0)
	assert.Equal(t, s.Sent, books.Points.Delivered+books.Points.Overrun)
}

// TestFault19KernelDrops: what the kernel drops at the receiver's own socket is lost, and
// known to be lost there and not on the network.
func TestFault19KernelDrops(t *testing.T) {
	t.Parallel()
	r, err := receiver.Listen("127.0.0.1:0", nop, receiver.WithReceiveBuffer(4096))
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	c, err := net.Dial("udp", r.Addr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	sent := uint64(0)
	send := func(b []byte) {
		_, err := c.Write(b)
		require.NoError(t, err)
	}
	for r.Stats().KernelDrops == 0 {
		require.Less(t, sent, uint64(1_000_000))
		for range 1000 {
			send(packet(t, 1, sent))
			sent++
		}
	}
	settled := func(s receiver.Stats) bool { return s.Packets.Received+s.KernelDrops == sent }
	require.Eventually(t, func() bool { return settled(r.Stats()) }, patience, time.Millisecond)
	// Two received reports close the books: the first may be so far ahead of the others
	// that it is believed only with a second one.
	for before := r.Stats().Packets.Received; r.Stats().Packets.Received < before+2; {
		require.Less(t, sent, uint64(1_000_000))
		send(packet(t, 1, sent))
		sent++
		require.Eventually(t, func() bool { return settled(r.Stats()) }, patience, time.Millisecond)
	}
	var s receiver.Stats
	known := assert.Eventually(t, func() bool { s = r.Stats(); return s.Packets.Lost == s.KernelDrops }, patience, time.Millisecond)
	require.True(t, known, "%d sent, %+v", sent, s)
	assert.Equal(t, sent, s.Packets.Sent)
	assert.Zero(t, s.NetworkLost())
}

// TestFault35Rebinding: an exporter keeps its session when a NAT gives it another port.
func TestFault35Rebinding(t *testing.T) {
	t.Parallel()
	l := newLine(t, faultproxy.Faults{})
	sources := map[netip.AddrPort]bool{}
	for i := range 5 {
		export(t, l.exp, 500, 1)
		require.Eventually(t, func() bool { return l.recv.Stats().Points.Received == uint64(500*(i+1)) }, patience, time.Millisecond)
		sources[l.recv.Stats().Sessions[0].Source] = true
		l.proxy.Rebind()
	}
	assert.GreaterOrEqual(t, len(sources), 4, "the kernel may give a port again")
	s, r, _ := l.settle(t, none)
	require.Len(t, r.Sessions, 1)
	assert.Equal(t, s.Sent, r.Sessions[0].Points.Delivered)
	assert.False(t, r.Sessions[0].Joined)
	require.Eventually(t, func() bool { return l.recv.Stats().Sessions[0].Closed }, patience, time.Millisecond)
}

// TestFault14BlackHole: if routers silently drop what is too large, set a packet size that
// fits.
func TestFault14BlackHole(t *testing.T) {
	t.Parallel()
	l := newLine(t, faultproxy.Faults{MTU: 1232}, exporter.WithMaxPacketSize(1232))
	inTurn(func() { export(t, l.exp, 2000, 5) })
	s, r, _ := l.settle(t, none)
	assert.Equal(t, s.Sent, r.Points.Delivered)
}
