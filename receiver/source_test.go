package receiver

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

func drop(*metricdata.ResourceMetrics) {}

// TestAllowedSources: on sockets of one and of both families, packets from other networks
// are counted and nothing else.
func TestAllowedSources(t *testing.T) {
	loopback4 := netip.MustParsePrefix("127.0.0.0/8")
	elsewhere := netip.MustParsePrefix("10.0.0.0/8")
	loopback6 := netip.MustParsePrefix("::1/128")
	tests := []struct {
		listen, from string
		networks     []netip.Prefix
		taken        bool
	}{
		{"127.0.0.1:0", "127.0.0.1", nil, true},
		{"127.0.0.1:0", "127.0.0.1", []netip.Prefix{elsewhere}, false},
		{"127.0.0.1:0", "127.0.0.1", []netip.Prefix{elsewhere, loopback4}, true},
		{":0", "127.0.0.1", []netip.Prefix{loopback4}, true},
		{"127.0.0.1:0", "127.0.0.1", []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.0/104")}, true},
		{":0", "127.0.0.1", []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.1/128")}, true},
		{"127.0.0.1:0", "127.0.0.1", []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, false},
		{":0", "127.0.0.1", []netip.Prefix{loopback6}, false},
		{":0", "::1", []netip.Prefix{loopback6}, true},
		{"[::1]:0", "::1", []netip.Prefix{loopback4}, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.listen, " ", tt.networks), func(t *testing.T) {
			r, err := Listen(tt.listen, drop, WithAllowedSources(tt.networks...), WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Skipf("no such address here: %v", err)
			}
			defer func() { require.NoError(t, r.Close()) }()
			port := netip.MustParseAddrPort(r.Addr().String()).Port()
			c, err := net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr(tt.from), port).String())
			if err != nil {
				t.Skipf("no such address here: %v", err)
			}
			defer func() { require.NoError(t, c.Close()) }()
			for i := range 3 {
				_, err = c.Write(gauges(t, wire.Header{Session: 1, Sequence: uint64(i), PointsBefore: uint32(2 * i)}, 2))
				require.NoError(t, err)
			}
			s := eventually(t, r, func(s Stats) bool {
				return s.Packets.Delivered+s.Rejected.ForeignSource == 3 && s.Points.Received == s.Points.Delivered
			})
			if tt.taken {
				assert.Equal(t, uint64(6), s.Points.Delivered)
				assert.Equal(t, tt.from, s.Sessions[0].Source.Addr().String())
			} else {
				assert.Equal(t, Rejected{ForeignSource: 3}, s.Rejected)
				assert.Empty(t, s.Sessions)
			}
		})
	}
}

// TestWarnsOfStrangers: there is a warning exactly if strangers may send.
func TestWarnsOfStrangers(t *testing.T) {
	private := WithAllowedSources(netip.MustParsePrefix("10.0.0.0/8"))
	for _, tt := range []struct {
		listen string
		opts   []Option
		warns  bool
	}{
		{"127.0.0.1:0", nil, false},
		{"localhost:0", nil, false},
		{":0", nil, true},
		{"0.0.0.0:0", nil, true},
		{"0.0.0.0:0", []Option{private}, false},
		{"unixgram://" + filepath.Join(t.TempDir(), "s"), nil, false},
	} {
		var log bytes.Buffer
		r, err := Listen(tt.listen, drop, append(tt.opts, WithLogger(slog.New(slog.NewTextHandler(&log, nil))), WithLogger(nil))...)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		if tt.warns {
			assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "%s", log.Bytes())
			assert.Contains(t, log.String(), "level=WARN")
			assert.Contains(t, log.String(), r.Addr().String())
		} else {
			assert.Empty(t, log.String(), tt.listen)
		}
	}
	_, err := Listen("127.0.0.1:0", drop, WithAllowedSources(netip.Prefix{}))
	require.ErrorContains(t, err, "WithAllowedSources")
}

// TestNetworkLost: what the kernel dropped at the socket is left out.
func TestNetworkLost(t *testing.T) {
	s := Stats{KernelDrops: 3}
	s.Packets.Lost = 10
	assert.Equal(t, uint64(7), s.NetworkLost())
	s.KernelDrops = 11
	assert.Zero(t, s.NetworkLost())
}
