package session

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestPacketSize(t *testing.T) {
	for _, tt := range []struct {
		asked       int
		address     string
		pathTakes   int
		want        int
		serverTakes int
	}{
		{0, "127.0.0.1:4319", 65507, LoopbackSize, 0},
		{0, "[::1]:4319", 65536 - 48, LoopbackSize, 0},
		{0, "10.0.0.1:4319", 1472, 1472, 0},
		{0, "10.0.0.1:4319", 8972, 1472, 0},
		{0, "[2001:db8::1]:4319", 1452, 1452, 0},
		{0, "10.0.0.1:4319", 0, 1472, 0},
		{0, "10.0.0.1:4319", 40, wire.MinPacketSize, 0},
		{9000, "10.0.0.1:4319", 8972, 8972, 0},
		{9000, "127.0.0.1:4319", 65507, 9000, 0},
		{1200, "127.0.0.1:4319", 65507, 1200, 0},
		{1200, "unixgram:///x", 0, 1200, 0},
		{0, "10.0.0.1:8125", 8972, 1472, 8192},
		{0, "unixgram:///x", 0, 8192, 8192},
		{16000, "unixgram:///x", 0, 16000, 8192},
	} {
		to, err := udp.Resolve(t.Context(), tt.address)
		require.NoError(t, err)
		assert.Equal(t, tt.want, packetSize(&Config{PacketSize: tt.asked, ServerTakes: tt.serverTakes}, to[0], tt.pathTakes), "%+v", tt)
	}
}
