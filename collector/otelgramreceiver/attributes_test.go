package otelgramreceiver

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelgram/otelgram/wire"
)

// viewOf returns the set of a packet with these attributes, given as pairs.
func viewOf(t *testing.T, pairs ...string) *wire.AttributesView {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	p.Start(nil)
	set := &wire.AttributeSet{}
	for i := 0; i < len(pairs); i += 2 {
		set.AddString(wire.NewSymbol(pairs[i]), wire.NewSymbol(pairs[i+1]))
	}
	m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("m"), Kind: wire.Gauge}
	require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Attributes: set}))
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 1})
	var d wire.Decoder
	require.NoError(t, d.Reset(packet))
	require.True(t, d.Next())
	return d.Point().Attributes
}

// TestKnownSets: sets that come in any order, again and again, are written as they are,
// even when the cache is full and begins anew.
func TestKnownSets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	w := newAttributeWriter()
	write := func(pairs ...string) {
		w.sets = w.sets[:0]
		m := pcommon.NewMap()
		v := viewOf(t, pairs...)
		assert.Equal(t, setSize(v), w.attributes(m, v))
		want := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			want[pairs[i]] = pairs[i+1]
		}
		require.Equal(t, want, m.AsRaw())
		require.LessOrEqual(t, w.cached, cacheSize)
	}
	for range 3 {
		for i := range 20 {
			write("a", fmt.Sprint(i), "b", "x")
		}
	}
	for range 200 {
		write("a", fmt.Sprint(r.IntN(20)), "b", "x")
	}
	write("a", "1")
	write("a", "1", "b", "x", "c", "y")
	write("a", "1", "c", "x")
	write("a", "1", "a", "2") // the last counts
	kept := len(w.known)
	cleared := false
	for i := range 2000 {
		before := len(w.known)
		write("a", fmt.Sprintf("%05000d", i))
		cleared = cleared || len(w.known) < before
	}
	assert.True(t, cleared)
	assert.Greater(t, kept, 20)
	write("a", "1", "b", "x")
	write("a", fmt.Sprintf("%09000d", 7)) // too large to be remembered
}

// TestManyEntries: a large set or map is written in another way, with the same result.
func TestManyEntries(t *testing.T) {
	var pairs []string
	want := map[string]any{}
	for i := range manyEntries + 1 {
		pairs = append(pairs, fmt.Sprint("key ", i), fmt.Sprint(i))
		want[fmt.Sprint("key ", i)] = fmt.Sprint(i)
	}
	w := newAttributeWriter()
	m := pcommon.NewMap()
	w.attributes(m, viewOf(t, pairs...))
	assert.Equal(t, want, m.AsRaw())
}

func TestTexts(t *testing.T) {
	names := texts{}
	for i := range 3 * maxTexts {
		text := fmt.Sprint(i)
		assert.Equal(t, text, names.text([]byte(text)))
		assert.Equal(t, text, names.text([]byte(text)))
		require.LessOrEqual(t, len(names), maxTexts)
	}
	long := fmt.Sprintf("%0300d", 1)
	kept := len(names)
	assert.Equal(t, long, names.text([]byte(long)))
	assert.Len(t, names, kept)
}
