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

	"github.com/otelgram/otelgram/internal/pipeline"
)

func (t *interned) enter(h uint64, kind uint8, name string, tags []Tag) (*entry, bool) {
	text, _ := keep(kind, name, tags)
	return t.add(h, kind, name, tags, text, func() pipeline.Bound { return pipeline.Bound{} })
}

// TestInternedIsBounded fills the table: it finds all it took in, and no more
// comes in.
func TestInternedIsBounded(t *testing.T) {
	table := newInterned()
	tags := func(i int) []Tag { return []Tag{{"a", "b"}, {"i", fmt.Sprint(i)}} }
	for i := range maxInterned {
		_, added := table.enter(table.hash(1, "n", tags(i)), 1, "n", tags(i))
		require.True(t, added)
	}
	none, added := table.enter(table.hash(1, "n", nil), 1, "n", nil)
	assert.Nil(t, none)
	assert.False(t, added)
	known := table.find(table.hash(1, "n", tags(0)), 1, "n", tags(0))
	require.NotNil(t, known)
	again, added := table.enter(table.hash(1, "n", tags(0)), 1, "n", tags(0))
	assert.Same(t, known, again, "what is known stays known")
	assert.False(t, added)
	assert.Nil(t, table.find(table.hash(1, "n", tags(maxInterned)), 1, "n", tags(maxInterned)))
	for i := range maxInterned {
		require.NotNil(t, table.find(table.hash(1, "n", tags(i)), 1, "n", tags(i)), i)
	}
}

// TestInternedTellsApart has hashes collide.
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
	bounds := map[*pipeline.Bound]bool{}
	for range 2 {
		for _, k := range keys {
			e, _ := table.enter(7, k.kind, k.name, k.tags)
			bounds[&e.bound] = true
			assert.Same(t, e, table.find(7, k.kind, k.name, k.tags))
		}
	}
	assert.Len(t, bounds, len(keys))
	assert.NotEqual(t, table.hash(1, "n", []Tag{{"a", "b"}}), table.hash(1, "n", []Tag{{"b", "a"}}))
}

// TestRecorderConcurrentSafe has the same and different names meet.
func TestRecorderConcurrentSafe(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 2000 {
				tags := []Tag{{"i", fmt.Sprint(i % 500)}, {"g", fmt.Sprint(g % 2)}}
				for !r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags) {
					assert.NoError(t, w.pipeline.Flush(t.Context()))
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, w.Collect(t.Context()))
	s := w.pipeline.Stats()
	assert.Equal(t, uint64(16_000), s.Folded)
	assert.Equal(t, uint64(1000), s.Sent, "a point a series")
	w.close(t)
}

// TestRecorderPastItsBounds: names and tags that find no room are recorded all
// the same.
func TestRecorderPastItsBounds(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	r.interned.count = maxInterned
	tags := []Tag{{"a", "b"}}
	for range 3 {
		assert.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	}
	require.NoError(t, w.Collect(t.Context()))
	assert.Equal(t, uint64(3), w.pipeline.Stats().Folded)
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

// TestTagsAreNotRetained: the caller may use names and tags again.
func TestTagsAreNotRetained(t *testing.T) {
	w := open(t, time.Hour)
	r := NewRecorder(w.Provider)
	tags := []Tag{{"a", "b"}}
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	tags[0].Value = strings.Repeat("c", 2)
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	tags[0].Value = "b"
	require.True(t, r.Record(sdkmetric.InstrumentKindCounter, "n", 1, tags))
	assert.Equal(t, 2, r.interned.count)
	w.close(t)
}

// TestResourceIsReported also where nobody ever makes an instrument, and not by who
// records.
func TestResourceIsReported(t *testing.T) {
	l := listen(t)
	w := openWith(t, time.Hour, resource.NewSchemaless(attribute.String("big", strings.Repeat("x", 70_000))))
	require.True(t, NewRecorder(w.Provider).Record(sdkmetric.InstrumentKindCounter, "n", 1, nil))
	require.NoError(t, w.Collect(t.Context()))
	w.close(t)
	require.Len(t, l.lines(), 1)
	assert.Contains(t, l.lines()[0], "resource of 700")
}

// TestInvalidWithoutRoom: what an instrument refuses for which there was no room is
// counted, too.
func TestInvalidWithoutRoom(t *testing.T) {
	listen(t)
	w := open(t, time.Hour)
	for size := 1 << 30; size > 0; size /= 2 {
		for w.config.Direct.Reserve(size) {
		}
	}
	c, err := w.Meter("m").Float64Counter("c")
	require.NoError(t, err)
	for _, v := range []float64{1, -1, math.NaN()} {
		c.Add(t.Context(), v)
	}
	assert.Equal(t, uint64(3), w.pipeline.Stats().Offered)
	assert.Equal(t, uint64(3), w.dropped())
	w.close(t)
}
