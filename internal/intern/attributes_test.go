package intern

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCacheIsBoundedAndForgets(t *testing.T) {
	memory := account.NewBudget(100)
	c := newCache[int](4, memory, func(v string) int64 { return int64(len(v)) })
	for i := range 5 {
		c.put(i, "12345")
	}
	require.Equal(t, 4, c.len(), "full")
	assert.Equal(t, int64(80), memory.Left())
	// What is asked for stays. The rest is forgotten within two periods.
	for range 3 * 4 * cachePeriod {
		_, ok := c.get(1)
		require.True(t, ok)
	}
	c.get(1)
	assert.Equal(t, 1, c.len())
	_, ok := c.get(2)
	assert.False(t, ok)
	assert.Equal(t, int64(95), memory.Left(), "what is forgotten is given back")
	c.put(2, strings.Repeat("v", 96))
	assert.Equal(t, 1, c.len(), "more than is left")
	c.put(2, strings.Repeat("v", 95))
	assert.Equal(t, 2, c.len())
	c.forget()
	assert.Zero(t, c.len())
	assert.Equal(t, int64(100), memory.Left())
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
	*AttributeSets
	packer *wire.Packer
}

func newSetPacker(t *testing.T, limit int) setPacker {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	return setPacker{NewAttributeSets(limit, account.NewBudget(math.MaxInt64)), p}
}

func (a *setPacker) encoded(t *testing.T, set attribute.Set) []byte {
	t.Helper()
	p := a.packer
	w, ok := a.Intern(set)
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
	other := &InternedSet{set: attribute.NewSet(attribute.Bool("other", true))}
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
	for _, set := range sets {
		assert.Nil(t, collides.Candidate(set).Is(set), "another set with its hash")
		want, ok := roomy.Intern(set)
		require.True(t, ok)
		if known := roomy.Candidate(set); known != nil {
			assert.Same(t, want, known.Is(set))
		} else {
			assert.True(t, set.Len() == 0, "%v is not kept", set.ToSlice())
		}
	}
	assert.LessOrEqual(t, full.sets.len(), 2)
	assert.LessOrEqual(t, full.symbols.len(), 2)
}

func TestInternAllocations(t *testing.T) {
	sets := testSets(50)
	for _, limit := range []int{100, 10} {
		a := NewAttributeSets(limit, account.NewBudget(math.MaxInt64))
		all := func() {
			for _, set := range sets {
				a.Intern(set)
			}
		}
		all()
		assert.Zero(t, testing.AllocsPerRun(20, all), "limit %d", limit)
	}
}

func TestIdentitiesAreKept(t *testing.T) {
	ids := NewIdentities(math.MaxInt64)
	r1 := ids.Resource(resource.NewSchemaless(attribute.String("a", "b")))
	r2 := ids.Resource(resource.NewSchemaless(attribute.String("a", "b")))
	assert.Same(t, r1, r2, "one resource, whatever pointer it comes by")
	assert.NotSame(t, r1, ids.Resource(resource.NewWithAttributes("url", attribute.String("a", "b"))))
	assert.NotSame(t, r1, ids.Resource(nil))
	scope := instrumentation.Scope{Name: "scope"}
	s1 := ids.Scope(r1, &scope)
	assert.Same(t, s1, ids.Scope(r1, &scope))

	key := MetricKey{Name: "n", Unit: "u", Description: "d", Kind: wire.Sum, Integer: true}
	first := ids.Metric(s1, 0, &key)
	assert.Same(t, first, ids.Metric(s1, 0, &key), "at its place")
	assert.Same(t, first, ids.Metric(s1, 5, &key), "at another place")
	for _, other := range []MetricKey{
		{Name: "n", Unit: "u", Description: "d", Kind: wire.Gauge, Integer: true},
		{Name: "n", Unit: "u", Description: "d", Kind: wire.Sum},
		{Name: "n", Unit: "u", Description: "d", Kind: wire.Sum, Integer: true, Monotonic: true},
		{Name: "n", Unit: "u", Description: "d", Kind: wire.Sum, Integer: true, Delta: true},
	} {
		assert.NotSame(t, first, ids.Metric(s1, 0, &other))
	}
}

func TestIdentitiesAreBounded(t *testing.T) {
	ids := NewIdentities(math.MaxInt64)
	for i := range 2 * MaxIdentities {
		ids.Trim()
		ids.Resource(resource.NewSchemaless(attribute.Int("i", i)))
	}
	assert.LessOrEqual(t, len(ids.resources), MaxIdentities+1)
	for i := range 2 * MaxIdentities {
		ids.Trim()
		r := ids.Resource(nil)
		scope := instrumentation.Scope{Name: "scope"}
		name := fmt.Sprint("metric ", i)
		ids.Metric(ids.Scope(r, &scope), 0, &MetricKey{Name: name})
	}
	assert.LessOrEqual(t, ids.metrics, MaxIdentities+3)
}
