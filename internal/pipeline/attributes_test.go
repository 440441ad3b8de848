package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

func TestCacheIsBoundedAndForgets(t *testing.T) {
	memory := newBudget(100)
	c := newCache[int](4, memory, func(v string) int64 { return int64(len(v)) })
	for i := range 5 {
		c.put(i, "12345")
	}
	require.Equal(t, 4, c.len(), "full")
	assert.Equal(t, int64(80), memory.left.Load())
	// What is asked for stays, the rest goes within two periods.
	for range 3 * 4 * cachePeriod {
		_, ok := c.get(1)
		require.True(t, ok)
	}
	c.get(1)
	assert.Equal(t, 1, c.len())
	_, ok := c.get(2)
	assert.False(t, ok)
	assert.Equal(t, int64(95), memory.left.Load(), "what is forgotten is given back")
	c.put(2, strings.Repeat("v", 96))
	assert.Equal(t, 1, c.len(), "more than is left")
	c.put(2, strings.Repeat("v", 95))
	assert.Equal(t, 2, c.len())
	c.forget()
	assert.Zero(t, c.len())
	assert.Equal(t, int64(100), memory.left.Load())
}

func testSets(n int) []attribute.Set {
	sets := make([]attribute.Set, n)
	for i := range sets {
		sets[i] = attribute.NewSet(attribute.String("key", fmt.Sprint("value ", i)), attribute.Int("n", i), attribute.String("shared", "s"))
	}
	return sets
}

// setPacker makes packets of one point with the sets it interns.
type setPacker struct {
	*attributeSets
	packer *wire.Packer
}

func newSetPacker(t *testing.T, limit int) setPacker {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	return setPacker{newAttributeSets(limit, newBudget(math.MaxInt64)), p}
}

func (a *setPacker) encoded(t *testing.T, set attribute.Set) []byte {
	t.Helper()
	p := a.packer
	w, ok := a.intern(set)
	require.True(t, ok)
	p.Start(nil)
	m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Kind: wire.Gauge}
	require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Attributes: w}))
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 1})
	return packet
}

// TestUncachedSetsAreEncodedAlike: a set that found no room in the cache, or
// whose hash belongs to another set, makes the same bytes.
func TestUncachedSetsAreEncodedAlike(t *testing.T) {
	sets := append(testSets(10), attribute.NewSet(), attribute.Set{},
		attribute.NewSet(attribute.String("long", strings.Repeat("x", 3000))),
		attribute.NewSet(attribute.Float64Slice("f", []float64{1, 2})))
	roomy, full, collides := newSetPacker(t, 100), newSetPacker(t, 2), newSetPacker(t, 100)
	other := &internedSet{set: attribute.NewSet(attribute.Bool("other", true))}
	for _, set := range sets {
		collides.sets.put(set.Equivalent(), other)
	}
	for range 2 {
		for i, set := range sets {
			want := roomy.encoded(t, set)
			assert.Equal(t, want, full.encoded(t, set), "set %d", i)
			assert.Equal(t, want, collides.encoded(t, set), "set %d", i)
		}
	}
	assert.LessOrEqual(t, full.sets.len(), 2)
	assert.LessOrEqual(t, full.symbols.len(), 2)
}

func TestInternAllocations(t *testing.T) {
	sets := testSets(50)
	for _, limit := range []int{100, 10} {
		a := newAttributeSets(limit, newBudget(math.MaxInt64))
		all := func() {
			for _, set := range sets {
				a.intern(set)
			}
		}
		all()
		assert.Zero(t, testing.AllocsPerRun(20, all), "limit %d", limit)
	}
}

func TestIdentitiesAreKept(t *testing.T) {
	ids := newIdentities(math.MaxInt64)
	r1 := ids.resource(resource.NewSchemaless(attribute.String("a", "b")))
	r2 := ids.resource(resource.NewSchemaless(attribute.String("a", "b")))
	assert.Same(t, r1, r2, "one resource, whatever pointer it comes by")
	assert.NotSame(t, r1, ids.resource(resource.NewWithAttributes("url", attribute.String("a", "b"))))
	assert.NotSame(t, r1, ids.resource(nil))
	sm := sums(1).ScopeMetrics[0]
	s1 := ids.scope(r1, &sm.Scope)
	assert.Same(t, s1, ids.scope(r1, &sm.Scope))

	key := metricKey{name: "n", unit: "u", description: "d", kind: wire.Sum, integer: true}
	first := ids.metric(s1, 0, key)
	assert.Same(t, first, ids.metric(s1, 0, key), "at its place")
	assert.Same(t, first, ids.metric(s1, 5, key), "at another place")
	for _, other := range []metricKey{
		{name: "n", unit: "u", description: "d", kind: wire.Gauge, integer: true},
		{name: "n", unit: "u", description: "d", kind: wire.Sum},
		{name: "n", unit: "u", description: "d", kind: wire.Sum, integer: true, monotonic: true},
		{name: "n", unit: "u", description: "d", kind: wire.Sum, integer: true, delta: true},
	} {
		assert.NotSame(t, first, ids.metric(s1, 0, other))
	}
}

func TestIdentitiesAreBounded(t *testing.T) {
	ids := newIdentities(math.MaxInt64)
	for i := range 2 * maxIdentities {
		ids.trim()
		ids.resource(resource.NewSchemaless(attribute.Int("i", i)))
	}
	assert.LessOrEqual(t, len(ids.resources), maxIdentities+1)
	for i := range 2 * maxIdentities {
		ids.trim()
		r := ids.resource(nil)
		sm := sums(1).ScopeMetrics[0]
		name := fmt.Sprint("metric ", i)
		ids.metric(ids.scope(r, &sm.Scope), 0, metricKey{name: name})
	}
	assert.LessOrEqual(t, ids.metrics, maxIdentities+3)
}

// TestWithoutInterningPacketsAreTheSame, byte by byte, on both paths: what is
// forgotten is memory, and nothing of it is repeated in a packet.
func TestWithoutInterningPacketsAreTheSame(t *testing.T) {
	paths := map[string]func(*testing.T, *Pipeline){
		"Export": func(t *testing.T, p *Pipeline) {
			for range 2 {
				require.NoError(t, p.Export(t.Context(), sums(500)))
				require.NoError(t, p.Flush(t.Context()))
			}
		},
		"direct": func(t *testing.T, p *Pipeline) {
			d := p.Direct()
			i := instrument(d, counterConfig("n"))
			for k, set := range testSets(500) {
				require.True(t, d.Record(&Event{Bound: i.Unbound(), Attributes: set, Bits: uint64(k)}))
			}
			require.NoError(t, d.Collect(t.Context()))
		},
	}
	for name, run := range paths {
		var bodies [2][]string
		for n := range bodies {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{}
				c := directConfig(s)
				c.NoInterning = n == 1
				p := start(t, c)
				run(t, p)
				packets, _ := s.packets(t)
				for _, p := range packets {
					bodies[n] = append(bodies[n], string(p.bytes[wire.HeaderSize:len(p.bytes)-wire.TrailerSize]))
				}
				require.NoError(t, p.Close(t.Context()))
			})
		}
		assert.Greater(t, len(bodies[0]), 3, name)
		assert.Len(t, bodies[1], len(bodies[0]), name)
		assert.True(t, slices.Equal(bodies[0], bodies[1]), name)
	}
}
