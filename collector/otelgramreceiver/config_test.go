package otelgramreceiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.yaml.in/yaml/v3"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
)

func TestConfigFile(t *testing.T) {
	cm, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	load := func(id string) *Config {
		c := createDefaultConfig().(*Config)
		sub, err := cm.Sub(id)
		require.NoError(t, err)
		require.NoError(t, sub.Unmarshal(c))
		require.NoError(t, confmap.Validate(c))
		return c
	}
	assert.Equal(t, createDefaultConfig(), load("otelgram"))

	want := createDefaultConfig().(*Config)
	want.Endpoint, want.ReceiveBuffer, want.ReceiveOffload = "0.0.0.0:4320", 8<<20, false
	want.MaxPacketSize, want.MaxSessions = 16384, 100000
	want.AllowedSources = []string{"10.0.0.0/8", "2001:db8::/32"}
	want.Async = AsyncConfig{Readers: 2, Processors: 4, MaxQueueLength: 8192}
	want.MaxTimestampSkew = 10 * time.Minute
	r := &want.Retry
	r.InitialInterval, r.RandomizationFactor, r.Multiplier = 10*time.Millisecond, 0.2, 2
	r.MaxInterval, r.MaxElapsedTime = 500*time.Millisecond, 2*time.Second
	assert.Equal(t, want, load("otelgram/all"))

	want = createDefaultConfig().(*Config)
	want.Transport, want.Endpoint, want.SocketPermissions, want.SocketGroup = "unixgram", "/run/otelgram/otelgram.sock", "0660", "0"
	assert.Equal(t, want, load("otelgram/unix"))

	want = createDefaultConfig().(*Config)
	want.MaxTimestampSkew, want.Retry.Enabled = 0, false
	assert.Equal(t, want, load("otelgram/asis"))
}

// TestInvalidValues: each is an error that names its key and value.
func TestInvalidValues(t *testing.T) {
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Transport = "tcp" }, `transport: "tcp": want udp or unixgram`},
		{func(c *Config) { c.Endpoint = "" }, `endpoint: "": want host:port, as in localhost:4319`},
		{func(c *Config) { c.Endpoint = "localhost" }, `endpoint: "localhost": want host:port, as in localhost:4319`},
		{func(c *Config) { c.Endpoint = "localhost:otelgram" }, `endpoint: "localhost:otelgram": want a port from 0 to 65535`},
		{func(c *Config) { c.Endpoint = "localhost:65536" }, `endpoint: "localhost:65536": want a port from 0 to 65535`},
		{func(c *Config) { c.Transport = "unixgram" }, `endpoint: "localhost:4319": want the path of a socket`},
		{func(c *Config) { c.Transport, c.Endpoint = "unixgram", "" }, `endpoint: empty: want the path of a socket`},
		{func(c *Config) { c.ReceiveBuffer = 0 }, `receive_buffer: 0: want 1 to 1073741824`},
		{func(c *Config) { c.MaxPacketSize = 511 }, `max_packet_size: 511: want 512 to 65535`},
		{func(c *Config) { c.MaxPacketSize = 65536 }, `max_packet_size: 65536: want 512 to 65535`},
		{func(c *Config) { c.MaxSessions = 15 }, `max_sessions: 15: want 16 to 16777216`},
		{func(c *Config) { c.Async.Readers = 0 }, `async::readers: 0: want 1 to 64`},
		{func(c *Config) { c.Async.Processors = 65 }, `async::processors: 65: want 1 to 64`},
		{func(c *Config) { c.Async.MaxQueueLength = -1 }, `async::max_queue_length: -1: want 1 to 1048576`},
		{func(c *Config) { c.AllowedSources = []string{"10.0.0.0/8", "10.0.0.1"} }, `allowed_sources: "10.0.0.1": want a network`},
		{func(c *Config) { c.AllowedSources = []string{"::ffff:0:0/80"} }, `allowed_sources: "::ffff:0:0/80": want a network`},
		{func(c *Config) { c.MaxTimestampSkew = -time.Second }, `max_timestamp_skew: -1s: want 0 (without bound) or more`},
		{func(c *Config) { c.SocketPermissions = "0888" }, `socket_permissions: "0888": want permissions in octal`},
		{func(c *Config) { c.SocketPermissions = "07777" }, `socket_permissions: "07777": want permissions in octal`},
		{func(c *Config) { c.SocketPermissions = "0444" }, `socket_permissions: "0444": the owner must be allowed to write`},
		{func(c *Config) { c.SocketGroup = "no such group" }, `socket_group: "no such group": want the name or number of a group`},
		{func(c *Config) { c.Transport, c.Endpoint = "unixgram", "/"+strings.Repeat("x", 99) }, `the path of a socket has at most 99 bytes`},
		{func(c *Config) { c.Transport, c.Endpoint = "unixgram", "/x\x00" }, `the path of a socket has at most 99 bytes, none of them 0`},
		{func(c *Config) { c.Retry.InitialInterval = 0 }, `retry::initial_interval: 0s: want more than 0`},
		{func(c *Config) { c.Retry.MaxInterval = 0 }, `retry::max_interval: 0s: want more than 0`},
		{func(c *Config) { c.Retry.Multiplier = 0.5 }, `retry::multiplier: 0.5: want 1 or more`},
		{func(c *Config) { c.Retry.MaxElapsedTime = 0 }, `retry::max_elapsed_time: 0s: want more than 0`},
		{func(c *Config) { c.Retry.MaxElapsedTime = time.Millisecond }, `retry: 'max_elapsed_time' must not be less than 'initial_interval'`},
	} {
		c := createDefaultConfig().(*Config)
		tt.change(c)
		err := confmap.Validate(c)
		if assert.Error(t, err, tt.want) {
			assert.Contains(t, err.Error(), tt.want)
		}
	}
	c := createDefaultConfig().(*Config)
	c.Transport, c.MaxSessions, c.Async.Readers = "tcp", 0, 0
	err := c.Validate()
	for _, key := range []string{"transport", "max_sessions", "async::readers"} {
		assert.ErrorContains(t, err, key, "all at once")
	}
}

// TestAddressThatCannotBeHad: if the address is not available, Start says so, and names the
// key.
func TestAddressThatCannotBeHad(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Endpoint = "192.0.2.1:4319" },
		func(c *Config) { c.Transport, c.Endpoint = "unixgram", filepath.Join(t.TempDir(), "no", "such") },
	} {
		c := createDefaultConfig().(*Config)
		change(c)
		require.NoError(t, confmap.Validate(c))
		r, err := createMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), c, consumertest.NewNop())
		require.NoError(t, err)
		require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "endpoint: otelgram: ")
		require.NoError(t, r.Shutdown(t.Context()))
	}
	_, err := createMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), struct{ component.Config }{}, consumertest.NewNop())
	require.ErrorContains(t, err, "want *otelgramreceiver.Config")
}

// TestSchema: the schema and the README name each key, and no other.
func TestSchema(t *testing.T) {
	cm := confmap.New()
	require.NoError(t, cm.Marshal(createDefaultConfig()))
	type node struct {
		Properties map[string]node
		Ref        string `yaml:"$ref"`
	}
	var schema node
	text, err := os.ReadFile("config.schema.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &schema))
	var keys []string
	for key, n := range schema.Properties {
		switch {
		case n.Properties != nil:
			for inner := range n.Properties {
				keys = append(keys, key+"::"+inner)
			}
		default:
			keys = append(keys, key)
		}
	}
	var want []string
	for key := range cm.ToStringMap() {
		switch key {
		case "async":
			want = append(want, "async::readers", "async::processors", "async::max_queue_length")
		default:
			want = append(want, key)
		}
	}
	assert.ElementsMatch(t, want, keys)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, key := range keys {
		assert.True(t, strings.Contains(string(readme), "| `"+key+"` |"), "%s is in no row of the README", key)
	}
}
