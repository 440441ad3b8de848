package build

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
)

// cacheSize is what a builder of the tests may remember, in bytes.
const cacheSize = 8 << 20

// packetWith makes a packet of one point with that many attributes, which all have the same
// value.
func packetWith(t *testing.T, schema, value string, attributes int) []byte {
	t.Helper()
	set := &wire.AttributeSet{}
	text := wire.NewSymbol(value)
	for i := range attributes {
		set.AddString(wire.NewSymbol(fmt.Sprint("k", i)), text)
	}
	return packetOfSet(t, &wire.Resource{SchemaURL: wire.NewSymbol(schema), Attributes: set}, set)
}

// packetOf makes a packet of one point with one attribute.
func packetOf(t *testing.T, kind wire.ValueType, key string, payload []byte) []byte {
	t.Helper()
	set := &wire.AttributeSet{}
	set.AddValue(wire.NewSymbol(key), kind, payload)
	return packetOfSet(t, &wire.Resource{}, set)
}

// packetOfSet makes a packet with a point for each set.
func packetOfSet(t *testing.T, r *wire.Resource, sets ...*wire.AttributeSet) []byte {
	t.Helper()
	p, err := wire.NewPacker(min(1000+2*sets[0].EncodedLen(), wire.MaxPacketSize))
	require.NoError(t, err)
	p.Start(nil)
	m := &wire.Metric{Scope: &wire.Scope{Resource: r}, Name: wire.NewSymbol("m"), Kind: wire.Gauge}
	for _, set := range sets {
		pt := &wire.Point{Metric: m, Attributes: set}
		result := p.Append(pt)
		if result == wire.Large {
			p.Enlarge(nil)
			result = p.Append(pt)
		}
		require.Equal(t, wire.Added, result)
	}
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: uint16(len(sets))})
	return packet
}

// build builds the one resource of a packet.
func build(t *testing.T, b *Builder, packet []byte) *metricdata.ResourceMetrics {
	t.Helper()
	var d wire.Decoder
	require.NoError(t, d.Reset(packet))
	data, ok := b.Build(&d)
	require.True(t, ok)
	require.Len(t, data, 1)
	return data[0]
}

// TestBuilderRemembersLittle: whatever packets unfold to, what is kept of them is bounded,
// as the heap shows.
func TestBuilderRemembersLittle(t *testing.T) {
	tests := []struct {
		name       string
		packets    int
		remembered bool
		packet     func(i int) []byte
	}{
		{"small sets", 15_000, true, func(i int) []byte {
			return packetWith(t, "", fmt.Sprint(strings.Repeat("x", 300), i), 1)
		}},
		{"large sets", 50, false, func(i int) []byte {
			return packetWith(t, "", strings.Repeat(fmt.Sprint(i%10), 10_000), 20)
		}},
		{"lists of nothing", 1000, false, func(i int) []byte {
			return packetOf(t, wire.SliceValue, fmt.Sprint("k", i), append(wire.AppendCount(nil, 1000), make([]byte, 1000)...))
		}},
		{"small lists of nothing", 3000, true, func(i int) []byte {
			return packetOf(t, wire.SliceValue, fmt.Sprint("k", i), append(wire.AppendCount(nil, 100), make([]byte, 100)...))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := New(cacheSize)
			before := allocs.Heap()
			for i := range tt.packets {
				build(t, b, tt.packet(i))
				require.LessOrEqual(t, b.cache.used, cacheSize)
			}
			assert.Equal(t, tt.remembered, len(b.cache.sets) > 0)
			assert.LessOrEqual(t, allocs.Heap()-before, int64(cacheSize+cacheSize/2))
			runtime.KeepAlive(b)
		})
	}
}

// TestBuilderHoldsNoPacket: only the handler holds what a large packet unfolded to.
func TestBuilderHoldsNoPacket(t *testing.T) {
	b := New(cacheSize)
	small := packetWith(t, "", "v", 1)
	build(t, b, small)
	before := allocs.Heap()
	text, sets := wire.NewSymbol(strings.Repeat("x", 10_000)), make([]*wire.AttributeSet, 8)
	for i := range sets {
		sets[i] = &wire.AttributeSet{}
		for j := range 15 {
			sets[i].AddString(wire.NewSymbol(fmt.Sprint("k", i, j)), text)
		}
	}
	build(t, b, packetOfSet(t, &wire.Resource{}, sets...))
	build(t, b, small)
	assert.Less(t, allocs.Heap()-before, int64(1<<19))
	runtime.KeepAlive(b)
}

// TestLongArrays: the types of arrays that a process makes are bounded. Beyond that,
// packets which would need more are not taken, and others are.
func TestLongArrays(t *testing.T) {
	list := func(kind wire.ValueType, n int) []byte {
		return packetOf(t, kind, "k", append(wire.AppendCount(nil, n), make([]byte, n)...))
	}
	b := New(cacheSize)
	b.arrays = &arrays{}
	var d wire.Decoder
	takes := func(packet []byte) bool {
		require.NoError(t, d.Reset(packet))
		_, ok := b.Build(&d)
		return ok
	}
	for i := range maxLongArrays {
		require.True(t, takes(list(wire.BoolSliceValue, shortArray+1+i)))
	}
	for range 2 {
		assert.False(t, takes(list(wire.BoolSliceValue, shortArray+1+maxLongArrays)))
		assert.False(t, takes(list(wire.SliceValue, shortArray+1)), "another type")
		assert.True(t, takes(list(wire.BoolSliceValue, shortArray+1)), "known")
		assert.True(t, takes(list(wire.SliceValue, shortArray)), "short")
		assert.True(t, takes(packetWith(t, "", "v", wire.MaxAttributes)), "sets are always short")
	}
	require.NoError(t, d.Reset(list(wire.BoolSliceValue, shortArray+1)))
	data, ok := b.Build(&d)
	require.True(t, ok)
	v, _ := data[0].ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[float64]).DataPoints[0].Attributes.Value("k")
	assert.Len(t, v.AsBoolSlice(), shortArray+1, "whole")
}

// TestResourcesAreToldApart: resources differ even if a schema URL looks like the begin of
// the attributes.
func TestResourcesAreToldApart(t *testing.T) {
	b := New(cacheSize)
	for _, schema := range []string{"", "S", "S\x00", "S\x00\x02k0\x04\x01v", "\x00"} {
		for _, attributes := range []int{0, 1, 2} {
			rm := build(t, b, packetWith(t, schema, "v", attributes))
			assert.Equal(t, schema, rm.Resource.SchemaURL())
			assert.Equal(t, attributes, rm.Resource.Len())
		}
	}
}

// TestRepeatedKeys: of attributes with one key the last counts, whether the packet has the
// key once or twice, and in whatever order they are. Long texts are made once a packet.
func TestRepeatedKeys(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, keys := range [][]string{{"a", "a"}, {"b", "a", "b"}, {long + "b", long + "a", long + "b", "a"}, {"", "a", ""}, {"c", "b", "a"}} {
		for _, again := range []bool{false, true} {
			symbols := map[string]*wire.Symbol{}
			set, want := &wire.AttributeSet{}, map[string]string{}
			for i, key := range keys {
				if symbols[key] == nil || again {
					symbols[key] = wire.NewSymbol(key)
				}
				value := fmt.Sprint(long, i%2)
				set.AddString(symbols[key], wire.NewSymbol(value))
				want[key] = value
			}
			b, packet := New(cacheSize), packetOfSet(t, &wire.Resource{}, set)
			for range 2 {
				rm := build(t, b, packet)
				got := map[string]string{}
				attributes := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[float64]).DataPoints[0].Attributes
				for _, kv := range attributes.ToSlice() {
					got[string(kv.Key)] = kv.Value.AsString()
				}
				assert.Equal(t, want, got)
				assert.Equal(t, len(want), attributes.Len())
			}
		}
	}
}
