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

func (plainStyle) AppendTags(b []byte, tags []Tag) ([]byte, Fit) {
	for _, t := range tags {
		b = fmt.Appendf(b, ",%s=%s", t.Key, t.Value)
	}
	return b, Whole
}

func newTestTable(m *points.Memory, now time.Time) *Table {
	return newTable(plainStyle{}, m, &leftOut{}, now)
}

// TestTextsAreFoundByContent: an object that was made anew has the text of the one before,
// and the series that belongs to it.
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
		s, known := table.Series(name, tags, p)
		assert.True(t, known)
		if first == nil {
			first = s
		}
		assert.Same(t, first, s)
	}
	other := points.Counter("c")
	other.Monotonic = false
	p := points.Int(other, 1, "a", "b")
	name, tags := table.Texts(p, true)
	s, _ := table.Series(name, tags, p)
	assert.NotSame(t, first, s, "a metric of another kind")
}

// TestForgetting: what is in use stays, with what it needs. The rest is forgotten, a series
// after an hour. Then nothing is known about series of its metric that began before.
func TestForgetting(t *testing.T) {
	m := &points.Memory{}
	now := time.Unix(1000, 0)
	table := newTestTable(m, now)
	use := func(name string) *Series {
		p := points.Int(points.Counter(name), 1, "set", name)
		text, tags := table.Texts(p, true)
		s, _ := table.Series(text, tags, p)
		return s
	}
	before := now.UnixNano()
	now = now.Add(time.Second)
	table.tick(now)
	kept, underWay := use("kept"), use("under way")
	use("gone")
	underWay.pending = 1
	idle := points.Int(points.Counter("idle"), 1)
	table.Texts(idle, false)
	all := m.Taken
	require.Positive(t, all)
	pass := func(d time.Duration) {
		for range 12 {
			now = now.Add(d / 12)
			table.tick(now)
			assert.Same(t, kept, use("kept"))
		}
	}
	pass(seriesTime / 2)
	assert.Len(t, table.series, 3)
	assert.Len(t, table.metrics.byKey, 3, "without the idle one")
	pass(seriesTime)
	assert.Len(t, table.series, 2)
	assert.Len(t, table.list, 2)
	assert.Less(t, m.Taken, all)
	assert.Same(t, underWay, use("under way"))
	begin := now.UnixNano() - int64(seriesTime)
	told := func(metric, set string, start int64) bool {
		p := points.Int(points.Counter(metric), 1, "set", set)
		p.StartTime = start
		name, tags := table.Texts(p, true)
		_, known := table.Series(name, tags, p)
		return !known
	}
	assert.True(t, told("gone", "gone", begin), "perhaps before it was forgotten")
	assert.False(t, told("gone", "another set", begin), "a new one of an old instrument")
	assert.False(t, told("kept", "gone", begin), "of another metric")
	assert.True(t, told("kept", "old", before-1), "it began before the table")
	underWay.pending = 0
	for range 40 {
		now = now.Add(seriesTime / 10)
		table.tick(now)
	}
	assert.Empty(t, table.series)
	assert.Len(t, table.metrics.byKey, 3, "which know what was forgotten")
	assert.Empty(t, table.sets.same)
	table.metrics.sweep(10, table.now, true, table.forgetText)
	assert.Empty(t, table.metrics.byKey)
	assert.Zero(t, table.kept)
	for key := range table.commons {
		m.Give(int64(textCost + 2*len(key)))
	}
	assert.Zero(t, m.Taken)
	assert.Same(t, use("new"), use("new"), "in a gap")
	assert.LessOrEqual(t, len(table.metrics.list), 5)
}

// TestSeriesOfASet: each metric finds its own series of a set, in whatever order they come,
// even after others were forgotten.
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
		s, _ := table.Series(name, tags, p)
		if found[i] != nil {
			assert.Same(t, found[i], s, i)
		}
		found[i] = s
	}
	for _, i := range []int{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 3, 2, 2, 0, 4, 1} {
		use(i)
	}
	for range 20 {
		now = now.Add(seriesTime / 10)
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

// TestMarksOfForgottenTexts: a text that takes the place of another is not taken for it.
func TestMarksOfForgottenTexts(t *testing.T) {
	now := time.Unix(1000, 0)
	table := newTestTable(&points.Memory{}, now)
	var pts []*wire.Point
	for i := range 10 {
		pts = append(pts, points.Int(points.Counter(fmt.Sprint("c", i)), 1, "n", fmt.Sprint(i)))
	}
	for round := range 12 {
		for i, p := range pts {
			if (i+round)%3 > 0 {
				name, tags := table.Texts(p, false)
				assert.Equal(t, fmt.Sprint("c", i), string(name.Bytes))
				assert.Equal(t, fmt.Sprintf(",n=%d,service.name=svc", i), string(tags.Bytes))
			}
		}
		now = now.Add(textTime / 2)
		table.tick(now)
	}
	assert.LessOrEqual(t, len(table.sets.list), 10)
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

// TestNoMemory: a text is made all the same, and not kept. A series cannot be made.
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
	described := points.Counter("c")
	described.Description = wire.NewSymbol("described")
	table.Texts(points.Int(described, 1, "a", "1"), false)
	assert.Equal(t, uint64(2), table.left.collisions.Load(), "one with another description")
	one := &wire.AttributeSet{}
	one.AddValue(wire.NewSymbol("a"), wire.Int64Value, wire.AppendInt64(nil, 2))
	table.Texts(&wire.Point{Metric: gauge, Attributes: one}, false)
	assert.Equal(t, uint64(3), table.left.collisions.Load(), "and two sets of one text")
}

// TestManyForgottenSeries: if there are too many to remember, no series of their metric
// that began before counts as known.
func TestManyForgottenSeries(t *testing.T) {
	now := time.Unix(1000, 0)
	table := newTestTable(&points.Memory{}, now)
	m := points.Counter("c")
	of := func(i int, start int64) bool {
		p := points.Int(m, 1)
		p.Attributes = points.Set("n", fmt.Sprint(i))
		p.StartTime = start
		name, tags := table.Texts(p, true)
		_, known := table.Series(name, tags, p)
		return known
	}
	begin := now.Add(time.Second).UnixNano()
	for i := range maxForgotten + 10 {
		assert.True(t, of(i, begin))
	}
	now = now.Add(seriesTime + time.Minute)
	for range 2 * maxForgotten / sweepAtOnce {
		now = now.Add(sweepEvery)
		table.tick(now)
	}
	assert.Empty(t, table.series)
	assert.LessOrEqual(t, table.forgotten, maxForgotten)
	assert.False(t, of(-1, begin), "a new one is not known either")
	assert.True(t, of(-2, now.UnixNano()))
}

// TestPressure: if there is no memory, what is not used is forgotten sooner, and what can
// be made anew takes nothing from series.
func TestPressure(t *testing.T) {
	now := time.Unix(1000, 0)
	m := &points.Memory{Limited: true, Left: 5000}
	table := newTestTable(m, now)
	text := func(i int) { table.Texts(points.Int(points.Counter("c"), 1, "n", fmt.Sprint(i)), false) }
	for i := range 100 {
		text(i)
	}
	kept := table.kept
	require.Less(t, kept, 100)
	now = now.Add(2 * textTimeFull)
	text(0)
	table.tick(now)
	assert.Less(t, table.kept, kept)
}
