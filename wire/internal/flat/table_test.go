package flat

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
)

// plainStyle writes names and tags as they are.
type plainStyle struct{}

func (plainStyle) AppendName(b []byte, m *wire.Metric) ([]byte, bool) {
	return append(b, m.Name.Text()...), false
}

func (plainStyle) AppendCommon(tags []Tag, s *wire.Scope) []Tag {
	return Common{Resource: []string{"service.name"}}.Append(tags, s)
}

func (plainStyle) AppendTags(b []byte, tags []Tag) ([]byte, bool) {
	for _, t := range tags {
		b = fmt.Appendf(b, ",%s=%s", t.Key, t.Value)
	}
	return b, false
}

func newTestTable(m *points.Memory, now time.Time) *Table {
	return newTable(plainStyle{}, m, &leftOut{}, now)
}

// TestTextsAreFoundByContent: an object that was made anew has the text of the one before,
// and the series that goes with it.
func TestTextsAreFoundByContent(t *testing.T) {
	table := newTestTable(&points.Memory{}, time.Unix(1000, 0))
	var first *Series
	for range 3 {
		p := points.Int(points.Counter("c"), 1, "a", "b")
		name, tags := table.Texts(p, true)
		assert.Equal(t, "c", string(name.Bytes))
		assert.Equal(t, ",a=b,service.name=svc", string(tags.Bytes))
		for range 2 { // by its content, and by its mark
			again, same := table.Texts(p, true)
			assert.Same(t, name, again)
			assert.Same(t, tags, same)
		}
		s, fresh := table.Series(name, tags, p)
		assert.Equal(t, first == nil, fresh)
		if first == nil {
			first = s
		}
		assert.Same(t, first, s)
	}
	other := points.Counter("c")
	other.Monotonic = false
	p := points.Int(other, 1, "a", "b")
	name, tags := table.Texts(p, true)
	s, fresh := table.Series(name, tags, p)
	assert.True(t, fresh, "a metric of another kind")
	assert.NotSame(t, first, s)
}

// TestRounds: what is in use stays, whatever was used with it, and the rest goes: a series
// after an hour. Then those that began before count as told.
func TestRounds(t *testing.T) {
	m := &points.Memory{}
	now := time.Unix(1000, 0)
	table := newTestTable(m, now)
	use := func(name string) *Series {
		p := points.Int(points.Counter(name), 1, "set", name)
		text, tags := table.Texts(p, true)
		s, _ := table.Series(text, tags, p)
		return s
	}
	kept, gone, underWay := use("kept"), use("gone"), use("under way")
	underWay.pending = 1
	all := m.Taken
	require.Positive(t, all)
	before := now.UnixNano()
	for range 3 {
		now = now.Add(roundTime)
		table.tick(now)
		assert.Same(t, kept, use("kept"))
	}
	assert.Len(t, table.series, 3)
	for range int(seriesTime/roundTime) + 1 {
		now = now.Add(roundTime)
		table.tick(now)
		assert.Same(t, kept, use("kept"))
	}
	assert.Len(t, table.series, 2)
	assert.Len(t, table.metrics.byKey, 2)
	assert.Len(t, table.sets.byKey, 2)
	assert.Less(t, m.Taken, all)
	assert.Same(t, underWay, use("under way"))
	assert.NotSame(t, gone, use("gone"))
	assert.Equal(t, all, m.Taken)
	assert.True(t, table.Before(before))
	underWay.pending = 0
	for range int(seriesTime/roundTime) + 2 {
		now = now.Add(roundTime)
		table.tick(now)
	}
	assert.Empty(t, table.series)
	assert.Empty(t, table.metrics.byKey)
	assert.Empty(t, table.sets.same)
	assert.Zero(t, m.Taken)
}

// TestSeriesOfASet: each metric finds its own series of a set, in whatever order they come,
// also when others were forgotten.
func TestSeriesOfASet(t *testing.T) {
	now := time.Unix(1000, 0)
	table := newTestTable(&points.Memory{}, now)
	found := map[int]*Series{}
	var metrics []*wire.Metric
	for i := range 5 {
		metrics = append(metrics, points.Counter(fmt.Sprint("c", i)))
	}
	use := func(i int) {
		p := points.Int(metrics[i], 1, "a", "b")
		name, tags := table.Texts(p, true)
		s, fresh := table.Series(name, tags, p)
		assert.Equal(t, found[i] == nil, fresh, i)
		if !fresh {
			assert.Same(t, found[i], s, i)
		}
		found[i] = s
	}
	for _, i := range []int{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 3, 2, 2, 0, 4, 1} {
		use(i)
	}
	for range int(seriesTime/roundTime) + 2 {
		now = now.Add(roundTime)
		table.tick(now)
		use(4)
		use(2)
	}
	for _, i := range []int{0, 1, 3} {
		delete(found, i)
	}
	for _, i := range []int{4, 2, 0, 2, 3, 1, 4, 0, 3} {
		use(i)
	}
}

// TestMarksOfAnotherRound: a text that has moved is not taken for another.
func TestMarksOfAnotherRound(t *testing.T) {
	now := time.Unix(1000, 0)
	table := newTestTable(&points.Memory{}, now)
	var pts []*wire.Point
	for i := range 10 {
		pts = append(pts, points.Int(points.Counter(fmt.Sprint("c", i)), 1, "n", fmt.Sprint(i)))
	}
	for round := range 6 {
		for i, p := range pts {
			if i < 10-round {
				name, tags := table.Texts(p, false)
				assert.Equal(t, fmt.Sprint("c", i), string(name.Bytes))
				assert.Equal(t, fmt.Sprintf(",n=%d,service.name=svc", i), string(tags.Bytes))
			}
		}
		now = now.Add(roundTime)
		table.tick(now)
	}
	for i, p := range pts {
		name, _ := table.Texts(p, false)
		assert.Equal(t, fmt.Sprint("c", i), string(name.Bytes))
	}
}

// TestOneSetOfTwoScopes: the attributes of a resource go with the points of its own scopes.
func TestOneSetOfTwoScopes(t *testing.T) {
	table := newTestTable(&points.Memory{}, time.Unix(1000, 0))
	a, b := points.Int(points.Counter("a"), 1, "k", "v"), points.Int(points.Counter("b"), 1)
	b.Attributes = a.Attributes
	b.Metric.Scope.Resource.Attributes = points.Set("service.name", "other")
	for range 2 {
		_, tags := table.Texts(a, false)
		assert.Equal(t, ",k=v,service.name=svc", string(tags.Bytes))
		_, tags = table.Texts(b, false)
		assert.Equal(t, ",k=v,service.name=other", string(tags.Bytes))
	}
}

// TestNoMemory: a text is made all the same, and not kept; a series cannot be.
func TestNoMemory(t *testing.T) {
	table := newTestTable(&points.Memory{Limited: true}, time.Unix(1000, 0))
	for _, name := range []string{"a", "b", "a"} {
		p := points.Int(points.Counter(name), 1, "k", name)
		text, tags := table.Texts(p, false)
		assert.Equal(t, name, string(text.Bytes))
		assert.Equal(t, ",k="+name+",service.name=svc", string(tags.Bytes))
		s, _ := table.Series(text, tags, p)
		assert.Nil(t, s)
	}
	assert.Empty(t, table.metrics.byKey)
}

func TestCollisions(t *testing.T) {
	table := newTestTable(&points.Memory{}, time.Unix(1000, 0))
	gauge := points.Metric("c", wire.Gauge)
	for _, p := range []*wire.Point{points.Int(points.Counter("c"), 1, "a", "1"), points.Int(gauge, 1, "a", "1"), points.Int(gauge, 1, "a", "2")} {
		table.Texts(p, false)
	}
	assert.Equal(t, uint64(1), table.left.collisions.Load(), "two metrics of one name")
	one := &wire.AttributeSet{}
	one.AddValue(wire.NewSymbol("a"), wire.Int64Value, wire.AppendInt64(nil, 2))
	table.Texts(&wire.Point{Metric: gauge, Attributes: one}, false)
	assert.Equal(t, uint64(2), table.left.collisions.Load(), "and two sets of one text")
}
