package receiver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// packetWith makes a packet of one point, with so many attributes that all have
// the same value.
func packetWith(t *testing.T, schema, value string, attributes int) []byte {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	p.Start(nil)
	set := &wire.AttributeSet{}
	text := wire.NewSymbol(value)
	for i := range attributes {
		set.AddString(wire.NewSymbol(fmt.Sprint("k", i)), text)
	}
	m := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{SchemaURL: wire.NewSymbol(schema), Attributes: set}},
		Name:  wire.NewSymbol("m"), Kind: wire.Gauge,
	}
	require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Attributes: set}))
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 1})
	return packet
}

// TestBuilderRemembersLittle: whatever packets unfold to, what is kept of them
// is bounded.
func TestBuilderRemembersLittle(t *testing.T) {
	b := newBuilder()
	var d wire.Decoder
	for i := range 50 {
		require.NoError(t, d.Reset(packetWith(t, "", strings.Repeat(fmt.Sprint(i%10), 10_000), 200)))
		require.Len(t, b.build(&d), 1)
	}
	assert.Empty(t, b.known)
	assert.Empty(t, b.resources)
	assert.LessOrEqual(t, cap(b.key), 2*maxKey)
	for i := range 20_000 {
		require.NoError(t, d.Reset(packetWith(t, "", fmt.Sprint(strings.Repeat("x", 300), i), 1)))
		require.Len(t, b.build(&d), 1)
		require.LessOrEqual(t, b.cached, maxCachedBytes)
	}
	size := 0
	for k := range b.known {
		size += len(k)
	}
	for k := range b.resources {
		size += len(k)
	}
	assert.LessOrEqual(t, size, maxCachedBytes)
	assert.Positive(t, size)
}

// TestResourcesAreToldApart, also where a schema URL looks like the beginning of
// the attributes.
func TestResourcesAreToldApart(t *testing.T) {
	b := newBuilder()
	var d wire.Decoder
	for _, schema := range []string{"", "S", "S\x00", "S\x00\x02k0\x04\x01v", "\x00"} {
		for _, attributes := range []int{0, 1, 2} {
			require.NoError(t, d.Reset(packetWith(t, schema, "v", attributes)))
			rm := b.build(&d)[0]
			assert.Equal(t, schema, rm.Resource.SchemaURL())
			assert.Equal(t, attributes, rm.Resource.Len())
		}
	}
}
