package direct

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

func (t *interned) enter(h uint64, kind uint8, name string, tags []Tag) *entry {
	return t.add(&entry{hash: h, text: keep(kind, name, tags)})
}

// TestInternedFinds: it finds what was entered, and nothing else.
func TestInternedFinds(t *testing.T) {
	table := newInterned()
	tags := func(i int) []Tag { return []Tag{{"a", "b"}, {"i", fmt.Sprint(i)}} }
	entries := map[*entry]bool{}
	for i := range maxInterned {
		entries[table.enter(table.hash(1, "n", tags(i)), 1, "n", tags(i))] = true
	}
	assert.Len(t, entries, maxInterned)
	for i := range maxInterned {
		e := table.find(table.hash(1, "n", tags(i)), 1, "n", tags(i))
		require.True(t, entries[e], i)
		require.Same(t, e, table.enter(table.hash(1, "n", tags(i)), 1, "n", tags(i)))
	}
	assert.Nil(t, table.find(table.hash(1, "n", tags(maxInterned)), 1, "n", tags(maxInterned)))
}

// TestHashesDiffer: each part of a name or tag changes the hash, whatever callers choose.
// Sets of keys of one length that differ in little hardly ever collide.
func TestHashesDiffer(t *testing.T) {
	table := newInterned()
	for _, length := range []int{1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100} {
		places := map[uint64]int{}
		most, n := 0, 0
		for at := range length {
			for b := range 64 {
				text := []byte(strings.Repeat("\x00", length))
				text[at] = 1 + byte(b)
				for _, h := range []uint64{
					table.hash(1, string(text), nil), table.hash(1, "n", []Tag{{string(text), "v"}}), table.hash(1, "n", []Tag{{"k", string(text)}}),
					table.hash(1, "n", []Tag{{"k", "v"}, {string(text), "v"}}),
				} {
					n++
					places[h&(1<<16-1)]++
					most = max(most, places[h&(1<<16-1)])
				}
			}
		}
		assert.LessOrEqual(t, most, 12, "length %d: %d hashes", length, n)
	}
}

// TestInternedTellsApart: it tells entries apart whose hashes collide.
func TestInternedTellsApart(t *testing.T) {
	table := newInterned()
	short, long := strings.Repeat("x", 254), strings.Repeat("x", 255)
	keys := []struct {
		kind uint8
		name string
		tags []Tag
	}{
		{1, short, nil}, {1, long, nil}, {1, "n", []Tag{{long, short}}}, {1, "n", []Tag{{short, long}}},
		{1, "n", []Tag{{long, long}}}, {1, "n", []Tag{{long, long + "y"}}}, {1, "", nil},
		{1, "n", nil}, {2, "n", nil}, {1, "m", nil}, {1, "n", []Tag{{"a", "b"}}}, {1, "n", []Tag{{"b", "a"}}},
		{1, "n", []Tag{{"a", "b"}, {"a", "b"}}}, {1, "n", []Tag{{"", ""}}}, {1, "n", []Tag{{"ab", ""}}},
	}
	entries := map[*entry]bool{}
	for range 2 {
		for _, k := range keys {
			e := table.enter(7, k.kind, k.name, k.tags)
			entries[e] = true
			assert.Same(t, e, table.find(7, k.kind, k.name, k.tags))
		}
	}
	assert.Len(t, entries, len(keys))
	assert.NotEqual(t, table.hash(1, "n", []Tag{{"a", "b"}}), table.hash(1, "n", []Tag{{"b", "a"}}))
}

// TestRecorderConcurrentSafe: callers record the same and different names at once.
func TestRecorderConcurrentSafe(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 2000 {
				tags := []Tag{{"i", fmt.Sprint(i % 500)}, {"g", fmt.Sprint(g % 2)}}
				assert.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
			}
		})
	}
	group.Wait()
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, 16_000.0, w.total())
	assert.Equal(t, uint64(1000), w.pipeline.Stats().Sent, "a point a series")
	w.close(t)
}

// TestRecorderPastItsBounds: names and tags that find no room are recorded all the same.
func TestRecorderPastItsBounds(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	r.interned.count.Store(maxInterned)
	tags := []Tag{{"a", "b"}}
	for range 3 {
		assert.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	}
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, 3.0, w.total())
	assert.Equal(t, uint64(1), w.pipeline.Stats().Sent)
	w.close(t)
}

func TestTags(t *testing.T) {
	set := attributes([]Tag{{"b", "1"}, {"a", ""}, {"b", "2"}, {"", "empty"}})
	want := attribute.NewSet(attribute.String("", "empty"), attribute.String("a", ""), attribute.String("b", "2"))
	assert.Equal(t, want, set)
	none := attributes(nil)
	assert.Zero(t, none.Len())
}

// TestTagsAreNotRetained: the caller may use the memory of names and tags again.
func TestTagsAreNotRetained(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	tags := []Tag{{"a", "b"}}
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	tags[0].Value = strings.Repeat("c", 2)
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	tags[0].Value = "b"
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	assert.Equal(t, int64(2), r.interned.count.Load())
	w.close(t)
}

// TestResourceIsReported: a bad resource is reported even if no instrument is ever made,
// and not by the caller that records.
func TestResourceIsReported(t *testing.T) {
	l := listen(t)
	w := openWith(t, time.Hour, resource.NewSchemaless(attribute.String("big", strings.Repeat("x", 70_000))))
	require.True(t, NewRecorder(w.Provider).Record(sdkmetric.InstrumentKindCounter, "n", 1, nil))
	require.NoError(t, w.Collect(t.Context()))
	w.close(t)
	require.Len(t, l.lines(), 1)
	assert.Contains(t, l.lines()[0], "resource of 700")
}

// TestInvalidWithoutRoom: an invalid measurement of an instrument without room is counted,
// too.
func TestInvalidWithoutRoom(t *testing.T) {
	listen(t)
	w := open(t, time.Hour)
	w.spend()
	c, err := w.Meter("m").Float64Counter("c")
	require.NoError(t, err)
	for _, v := range []float64{1, -1, math.NaN()} {
		c.Add(t.Context(), v)
	}
	assert.Equal(t, uint64(3), w.pipeline.Stats().Offered)
	assert.Equal(t, uint64(3), w.dropped())
	w.close(t)
}

// TestForgottenNames: a name and tags whose series was forgotten take no memory, so that
// there is room for others, and count as before when they come again.
func TestForgottenNames(t *testing.T) {
	w := openDelta(t)
	r := NewRecorder(w.Provider)
	record := func(from, to int) {
		for k := from; k < to; k++ {
			require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, []Tag{{"k", fmt.Sprint(k)}}))
		}
	}
	record(0, 1)
	require.NoError(t, w.Collect(t.Context()))
	left := w.config.Memory.Left()
	for round := range 3 {
		record(round*1000+1, round*1000+1000)
		assert.Equal(t, int64(1000), r.interned.count.Load())
		for range 9 {
			record(0, 1)
			require.NoError(t, w.Collect(t.Context()))
		}
		assert.Equal(t, int64(1), r.interned.count.Load())
	}
	assert.Greater(t, w.config.Memory.Left(), left-(512<<10), "payloads and series' strings aside")
	record(0, 1000)
	w.close(t)
}
