package exporter_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/udp"
)

// TestTransports: whatever the socket, everything arrives and the books of both
// ends close.
func TestTransports(t *testing.T) {
	unix := "unixgram://" + filepath.Join(t.TempDir(), "s")
	for _, tt := range []struct{ name, listen, host string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1"},
		{"IPv6", "[::1]:0", "[::1]"},
		{"dual stack, over IPv4", ":0", "127.0.0.1"},
		{"dual stack, over IPv6", ":0", "[::1]"},
		{"name", "localhost:0", "localhost"},
		{"Unix", unix, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := receiver.Listen(tt.listen, func(*metricdata.ResourceMetrics) {}, receiver.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Skipf("no such address here: %v", err)
			}
			endpoint := unix
			if tt.host != "" {
				endpoint = tt.host + ":" + strconv.Itoa(r.Addr().(*net.UDPAddr).Port)
			}
			exp, err := exporter.New(t.Context(), exporter.WithEndpoint(endpoint), exporter.WithMaxPacketSize(65507))
			require.NoError(t, err)
			limit := exp.Stats().PacketSize
			assert.Greater(t, limit, 65000)
			require.NoError(t, exp.Export(t.Context(), counters(20, 1000)))
			require.NoError(t, exp.ForceFlush(t.Context()))
			s := exp.Stats()
			assert.Equal(t, uint64(20_000), s.Sent, "%+v", s)
			resolved, err := udp.Resolve(t.Context(), endpoint)
			require.NoError(t, err)
			assert.Contains(t, fmt.Sprint(resolved), s.Address)
			assert.WithinDuration(t, time.Now(), s.LastSend, time.Minute)
			assert.Equal(t, uint64(1), s.Sessions)
			require.NoError(t, exp.Shutdown(context.Background()))
			books(t, exp, r)
			require.NoError(t, r.Close())
		})
	}
}

// TestUnixReceiverReturns: a Unix socket without a receiver gives connection refused, and a
// new receiver at the same path is found.
func TestUnixReceiverReturns(t *testing.T) {
	t.Parallel()
	path := "unixgram://" + filepath.Join(t.TempDir(), "s")
	listen := func() *receiver.Receiver {
		r, err := receiver.Listen(path, func(*metricdata.ResourceMetrics) {})
		require.NoError(t, err)
		return r
	}
	r := listen()
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(path))
	require.NoError(t, err)
	send := func() uint64 {
		require.NoError(t, exp.Export(t.Context(), counters(1, 10)))
		require.NoError(t, exp.ForceFlush(t.Context()))
		return exp.Stats().Sent
	}
	require.Equal(t, uint64(10), send())
	require.NoError(t, r.Close())
	require.Equal(t, uint64(10), send(), "nobody is there: it is known at once")
	assert.Positive(t, exp.Stats().ConnectionsRefused)
	r = listen()
	require.Eventually(t, func() bool { return send() > 10 }, 30*time.Second, 50*time.Millisecond)
	_ = exp.Shutdown(context.Background()) // the goodbye of the first session met no receiver
	s := exp.Stats()
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
	assert.Equal(t, s.Dropped.SendError, s.Dropped.Total())
	require.Eventually(t, func() bool { return r.Stats().Points.Delivered == s.Sent-10 }, 30*time.Second, time.Millisecond)
	require.NoError(t, r.Close())
}
