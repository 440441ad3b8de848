//go:build linux

package faults

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// recorder keeps what arrives at a socket.
type recorder struct {
	listener *udp.Listener
	reading  sync.WaitGroup

	mu      sync.Mutex
	packets [][]byte
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	l, err := udp.Listen("127.0.0.1:0")
	require.NoError(t, err)
	r := &recorder{listener: l}
	t.Cleanup(func() {
		_ = l.Close()
		r.reading.Wait()
	})
	r.reading.Go(func() {
		batch := make([]udp.Datagram, 64)
		for {
			n, err := l.ReadBatch(batch)
			if err != nil {
				return
			}
			r.mu.Lock()
			for _, d := range batch[:n] {
				r.packets = append(r.packets, bytes.Clone(d.Data))
			}
			r.mu.Unlock()
		}
	})
	return r
}

// bodies waits for so many points, closes the socket, and returns the packets with points: how
// many there are in each, and its body without padding.
func (r *recorder) bodies(t *testing.T, points uint64) (counts []uint16, bodies [][]byte) {
	t.Helper()
	assert.Eventually(t, func() bool {
		counts, bodies = nil, nil
		var total uint64
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, p := range r.packets {
			h, cause := wire.CheckHeader(p)
			require.Equal(t, wire.Accepted, cause, "packet %d", i)
			if h.Format == wire.Compact {
				counts = append(counts, h.Points)
				bodies = append(bodies, bytes.TrimRight(p[wire.HeaderSize:len(p)-wire.TrailerSize], "\xff"))
				total += uint64(h.Points)
			}
		}
		return total >= points
	}, patience, time.Millisecond)
	require.NoError(t, r.listener.Close())
	r.reading.Wait()
	return counts, bodies
}

// refuseRuns makes the kernel refuse runs at the socket of this process that is connected to an
// address: without checksums it computes no segments (udp_send_skb in net/ipv4/udp.c). Single
// packets go on.
func refuseRuns(t *testing.T, to uint16) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		fd, err := strconv.Atoi(f.Name())
		require.NoError(t, err)
		peer, err := unix.Getpeername(fd)
		if err != nil {
			continue
		}
		if at, ok := peer.(*unix.SockaddrInet4); ok && at.Port == int(to) {
			require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1))
			found++
		}
	}
	require.Equal(t, 1, found)
}

// offloads are the ways in which segmentation offload may go.
var offloads = []struct {
	name    string
	options []exporter.Option
	fails   bool // the kernel refuses runs from the middle on
	want    udp.Offload
}{
	{"off", []exporter.Option{exporter.WithoutSegmentationOffload()}, false, udp.OffloadDisabled},
	{"on", nil, false, udp.OffloadActive},
	{"failing half-way", nil, true, udp.OffloadRefused},
}

// portOf returns the port of a UDP address.
func portOf(t *testing.T, at interface{ Addr() net.Addr }) uint16 {
	t.Helper()
	return netip.MustParseAddrPort(at.Addr().String()).Port()
}

// needRuns skips a test if segmentation offload is switched off: then there is nothing to fail.
// It does the same if the system has none, unless OTELGRAM_TOOLS is "required".
func needRuns(t *testing.T) {
	t.Helper()
	s, err := udp.Dial(t.Context(), "127.0.0.1:4319")
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	on, err := strconv.ParseBool(os.Getenv("OTEL_EXPORTER_OTELGRAM_SEGMENTATION_OFFLOAD"))
	switch {
	case err == nil && !on:
		t.Skip("segmentation offload is switched off by the environment")
	case s.Offload() != udp.OffloadUnavailable:
	case os.Getenv("OTELGRAM_TOOLS") == "required":
		t.Fatal("this system has no segmentation offload")
	default:
		t.Skip("this system has no segmentation offload")
	}
}

// TestFault15OffloadPackets: with segmentation offload, without it, and where it fails half-way,
// the same packets leave, byte for byte but for the header, in which session and time differ.
func TestFault15OffloadPackets(t *testing.T) {
	needRuns(t)
	data := points(4000)
	var counts []uint16
	var bodies [][]byte
	for _, tt := range offloads {
		r := newRecorder(t)
		exp, err := exporter.New(t.Context(), append(tt.options, exporter.WithEndpoint(r.listener.Addr().String()), exporter.WithLogger(silent),
			exporter.WithMaxPacketSize(1472), exporter.WithMaxBatchAge(10*time.Second))...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
		for i := range 6 {
			if i == 3 && tt.fails {
				refuseRuns(t, portOf(t, r.listener))
			}
			require.NoError(t, exp.Export(t.Context(), data))
			require.NoError(t, exp.ForceFlush(t.Context()))
		}
		s := shut(t, exp)
		assert.Equal(t, tt.want, s.SegmentationOffload, tt.name)
		assert.Equal(t, s.Offered, s.Sent, tt.name)
		assert.Zero(t, s.SendErrors, tt.name)
		gotCounts, gotBodies := r.bodies(t, s.Sent)
		if bodies == nil {
			counts, bodies = gotCounts, gotBodies
			continue
		}
		assert.Equal(t, counts, gotCounts, tt.name)
		require.Len(t, gotBodies, len(bodies), tt.name)
		for i := range bodies {
			require.True(t, bytes.Equal(bodies[i], gotBodies[i]), "%s: packet %d", tt.name, i)
		}
	}
}

// TestFault15OffloadBooks: in the same three cases every point arrives, once, and the books of
// both ends agree.
func TestFault15OffloadBooks(t *testing.T) {
	needRuns(t)
	for _, tt := range offloads {
		t.Run(tt.name, func(t *testing.T) {
			seen := newWitness()
			r, err := receiver.Listen("127.0.0.1:0", seen.handle)
			require.NoError(t, err)
			t.Cleanup(func() { _ = r.Close() })
			exp, err := exporter.New(t.Context(), append(tt.options, exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(silent),
				exporter.WithMaxPacketSize(1472))...)
			require.NoError(t, err)
			t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
			export(t, exp, 4000, 3)
			if tt.fails {
				refuseRuns(t, portOf(t, r))
			}
			export(t, exp, 4000, 3)
			s := shut(t, exp)
			assert.Equal(t, tt.want, s.SegmentationOffload)
			assert.Equal(t, s.Offered, s.Sent)
			got := closed(t, r, s.Sent, 0)
			assert.Equal(t, s.Sent, got.Points.Delivered)
			seen.agrees(t, got.Points.Delivered)
		})
	}
}
