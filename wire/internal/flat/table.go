package flat

import (
	"hash/maphash"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Memory is what a table charges for what it keeps.
type Memory interface {
	// Take takes that many bytes for a cache, and returns false if there are not that many
	// left. Return gives them back.
	Take(bytes int64) bool
	Return(bytes int64)
	// Need takes that many bytes for what points are dropped without, and returns false if
	// there are not that many left. Give gives them back.
	Need(bytes int64) bool
	Give(bytes int64)
}

const (
	// maxTexts bounds the texts that are a cache, and maxSeries the series, besides the
	// memory. A text that finds no room is made anew for each point.
	maxTexts  = 1 << 16
	maxSeries = 1 << 20
	// A text that no series has is kept for textTime after its last use, or for
	// textTimeFull if there is no room left. A series is kept for seriesTime, or for
	// textTime if memory is short. What a forgotten series has gained when it comes again
	// is not said.
	textTime     = 10 * time.Minute
	textTimeFull = time.Minute
	seriesTime   = time.Hour
	// maxForgotten bounds the forgotten series about which something is remembered.
	maxForgotten = 1 << 16
	// When a packet begins, the table looks for idle texts and series among sweepAtOnce of
	// each, at most once in sweepEvery. Doing so for each packet would cost more than its
	// points.
	sweepAtOnce = 128
	sweepEvery  = 100 * time.Millisecond
	// seriesCost is about what a series takes besides its buckets, in bytes.
	seriesCost = 400
	// maxScratchText is how many bytes of scratch memory a table keeps of each kind.
	maxScratchText = 16 << 10
)

// Table keeps the texts of names and attribute sets, and the series of which a server is
// told differences. What was not used for a while is forgotten, a little at a time.
type Table struct {
	style   Style
	memory  Memory
	left    *leftOut
	metrics texts
	sets    texts
	commons map[string]*common
	series  map[seriesKey]*Series
	list    []*Series
	cursor  int // of sweepSeries

	// now and wall are when the packet began. now is in nanoseconds since base, and does
	// not jump when the clock is set. wall is by the clock, in Unix nanoseconds.
	base      time.Time
	now, wall int64
	swept     int64 // when the table last looked for idle ones, in the unit of now
	// horizon is when the table was made, or when a metric was forgotten together with its
	// list of forgotten series. A series that began before horizon may have been told and
	// forgotten.
	horizon int64

	seed      maphash.Seed
	forgotten int  // number of series in all Text.forgotten
	short     bool // memory was not enough for something since the last sweep

	kept             int // texts that are not needed
	key, buf, values []byte
	tags             []Tag
}

type seriesKey struct{ metric, set *Text }

func newTable(s Style, m Memory, left *leftOut, now time.Time) *Table {
	return &Table{
		style: s, memory: m, left: left, seed: maphash.MakeSeed(), base: now, wall: now.UnixNano(), horizon: now.UnixNano(),
		metrics: newTexts(), sets: newTexts(), commons: map[string]*common{}, series: map[seriesKey]*Series{},
	}
}

// Texts returns the name of a point's metric and its tags. They are valid until the next
// call. series says that Series is called next, for which they must be kept.
func (t *Table) Texts(pt *wire.Point, series bool) (name, tags *Text) {
	needed := series && isNeeded(pt.Metric)
	name = t.name(pt.Metric, needed)
	return name, t.set(name.common, pt.Attributes, needed)
}

// isNeeded reports whether a point of a metric that has series cannot be said without its
// series. The integer part of a monotonic change can.
func isNeeded(m *wire.Metric) bool { return !m.Delta || m.Kind == wire.Sum && !m.Monotonic }

func (t *Table) name(m *wire.Metric, needed bool) *Text {
	e := t.metrics.marked(m.Mark())
	if e == nil {
		t.key = appendMetricKey(Reuse(t.key, maxScratchText), m)
		if e = t.metrics.byKey[string(t.key)]; e == nil {
			c := t.commonOf(m.Scope)
			var cut bool
			t.buf, cut = t.style.AppendName(Reuse(t.buf, maxScratchText), m)
			fit := Whole
			if cut {
				fit = Cut
			}
			e = t.keep(&t.metrics, c, fit, needed)
		}
		m.SetMark(e.mark())
	}
	e.seen = t.now
	return e
}

func (t *Table) set(c *common, s *wire.AttributeSet, needed bool) *Text {
	if s != nil {
		if e := t.sets.marked(s.Mark()); e != nil && e.common == c {
			e.seen = t.now
			return e
		}
	}
	t.key = appendSetKey(append(Reuse(t.key, maxScratchText), c.key...), s)
	e := t.sets.byKey[string(t.key)]
	if e == nil {
		t.tags, t.values = appendTags(t.tags[:0], Reuse(t.values, maxScratchText), c.tags, s)
		var fit Fit
		t.buf, fit = t.style.AppendTags(Reuse(t.buf, maxScratchText), t.tags)
		e = t.keep(&t.sets, c, fit, needed)
	}
	if e.seen = t.now; s != nil {
		s.SetMark(e.mark())
	}
	return e
}

// keep keeps the text in buf under key, if there is room.
func (t *Table) keep(in *texts, c *common, fit Fit, needed bool) *Text {
	cost := int64(textCost + len(t.key) + 2*(len(c.key)+len(t.buf)))
	if !(needed || t.kept < maxTexts) || !t.take(cost, needed) {
		e := &in.spare
		e.Bytes = append(Reuse(e.Bytes, maxScratchText), t.buf...)
		e.Fit, e.common, e.series = fit, c, nil
		return e
	}
	if !needed {
		t.kept++
	}
	e := &Text{Bytes: append([]byte(nil), t.buf...), Fit: fit, key: string(t.key), common: c, cost: cost, needed: needed}
	if fit == Cut {
		t.left.shortened.Add(1)
	}
	if in.add(e) {
		t.left.collisions.Add(1)
	}
	return e
}

// take takes memory. needed says that points are dropped without it.
func (t *Table) take(bytes int64, needed bool) bool {
	ok := needed && t.memory.Need(bytes) || !needed && t.memory.Take(bytes)
	t.short = t.short || !ok
	return ok
}

// give gives memory back.
func (t *Table) give(bytes int64, needed bool) {
	if needed {
		t.memory.Give(bytes)
		return
	}
	t.memory.Return(bytes)
}

// forgetText gives back what a text took.
func (t *Table) forgetText(e *Text) {
	if !e.needed {
		t.kept--
	}
	t.give(e.cost, e.needed)
}

// commonOf returns what all points of a scope have in common.
func (t *Table) commonOf(s *wire.Scope) *common {
	tags := t.style.AppendCommon(nil, s)
	var key []byte
	for _, tag := range tags {
		key = appendText(appendText(key, tag.Key), tag.Value)
	}
	key = appendText(nil, key) // with its length, so that the key ends where it should
	if c := t.commons[string(key)]; c != nil {
		return c
	}
	c := &common{key: string(key), tags: tags}
	if len(t.commons) < maxTexts && t.memory.Take(int64(textCost+2*len(key))) {
		t.commons[c.key] = c
	}
	return c
}

// Series returns the series of a point whose texts Texts has just returned, or nil if there
// is no memory for it. known says that it is known what the server was told about the
// series. That is not known if the series began before the table was made, or was
// forgotten.
func (t *Table) Series(name, tags *Text, pt *wire.Point) (s *Series, known bool) {
	known = true
	if s = tags.nextOf(name); s == nil {
		if s = t.series[seriesKey{name, tags}]; s != nil {
			tags.next = s.place + 1
		}
	}
	if s == nil {
		if s = t.newSeries(name, tags, pt); s == nil {
			return nil, false
		}
		known = !t.mayBeTold(name, tags, pt.StartTime)
	}
	s.seen = t.now
	if more := seriesCost + s.size() - s.cost; more > 0 {
		if !t.take(more, s.needed) {
			return nil, false
		}
		s.cost += more
	}
	return s, known
}

func (t *Table) newSeries(name, tags *Text, pt *wire.Point) *Series {
	needed := isNeeded(pt.Metric)
	if name.index < 0 || tags.index < 0 || len(t.series) >= maxSeries || !t.take(seriesCost, needed) {
		return nil
	}
	s := &Series{
		start: pt.StartTime, cumulative: !pt.Metric.Delta, needed: needed, name: name, tags: tags, cost: seriesCost, index: len(t.list),
	}
	t.series[seriesKey{name, tags}] = s
	t.list = append(t.list, s)
	tags.enter(name, s)
	name.users++
	tags.users++
	return s
}

// mayBeTold reports whether the server may have been told about a series that is not in the
// table: it began before the table was made, or the table has forgotten it.
func (t *Table) mayBeTold(name, tags *Text, start int64) bool {
	if start < max(t.horizon, name.horizon) {
		return true
	}
	hash := maphash.String(t.seed, tags.key)
	at, ok := name.forgotten[hash]
	if !ok {
		return false
	}
	delete(name.forgotten, hash)
	t.forgotten--
	return start < at
}

// remember notes that a cumulative series is forgotten. If there are too many of them, no
// series of the metric that began before counts as known.
func (t *Table) remember(s *Series) {
	name := s.name
	if t.forgotten >= maxForgotten {
		name.horizon = t.wall
		t.forgotten -= len(name.forgotten)
		name.forgotten = nil
		return
	}
	if name.forgotten == nil {
		name.forgotten = map[uint64]int64{}
	}
	before := len(name.forgotten)
	name.forgotten[maphash.String(t.seed, s.tags.key)] = t.wall
	t.forgotten += len(name.forgotten) - before
}

// Collide counts a point that looks like one of another series.
func (t *Table) Collide() { t.left.collisions.Add(1) }

// tick sets the time, and forgets some of what was not used.
func (t *Table) tick(now time.Time) {
	t.now, t.wall = int64(now.Sub(t.base)), now.UnixNano()
	if t.now-t.swept < int64(sweepEvery) {
		return
	}
	t.swept = t.now
	short := t.short
	t.short = false
	oldestSeries, oldest := t.now-int64(seriesTime), t.now-int64(textTime)
	if short {
		oldestSeries = oldest
	}
	if short || t.kept >= maxTexts {
		oldest = t.now - int64(textTimeFull)
	}
	t.sweepSeries(oldestSeries)
	t.metrics.sweep(sweepAtOnce, oldest, short, func(e *Text) {
		t.forgetText(e)
		t.horizon = max(t.horizon, e.horizon)
		if len(e.forgotten) > 0 {
			t.horizon = t.wall
			t.forgotten -= len(e.forgotten)
		}
	})
	t.sets.sweep(sweepAtOnce, oldest, short, t.forgetText)
	if len(t.commons) >= maxTexts {
		for key := range t.commons {
			t.memory.Return(int64(textCost + 2*len(key)))
		}
		clear(t.commons)
	}
}

// sweepSeries looks at some series, and forgets those that were last used before oldest.
func (t *Table) sweepSeries(oldest int64) {
	for range min(sweepAtOnce, len(t.list)) {
		t.cursor++
		if t.cursor >= len(t.list) {
			t.cursor = 0
			if len(t.list) == 0 {
				return
			}
		}
		if s := t.list[t.cursor]; s.seen < oldest && s.pending == 0 {
			t.forget(s)
		}
	}
}

func (t *Table) forget(s *Series) {
	delete(t.series, seriesKey{s.name, s.tags})
	s.tags.leave(s)
	s.name.users--
	s.tags.users--
	if s.cumulative {
		t.remember(s)
	}
	last := len(t.list) - 1
	t.list[s.index] = t.list[last]
	t.list[s.index].index = s.index
	t.list[last] = nil
	t.list = t.list[:last]
	t.give(s.cost, s.needed)
}
