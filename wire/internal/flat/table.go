package flat

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Memory is what a table charges what it keeps to.
type Memory interface {
	// Take takes so many bytes, and returns false where they are not there. Need is Take
	// for what points are dropped without.
	Take(bytes int64) bool
	Need(bytes int64) bool
	Give(bytes int64)
}

const (
	// maxTexts and maxSeries bound what is kept, beside the memory: texts, and those of
	// series. A text that finds no room is made anew for each point.
	maxTexts  = 1 << 16
	maxSeries = 1 << 20
	// roundTime is how often what nobody used is forgotten, and minRoundTime how often
	// where there is no room left.
	roundTime    = 10 * time.Minute
	minRoundTime = time.Minute
	// seriesTime is how long a series is remembered that nobody used, if there is room: one
	// that comes again when it is forgotten is not told what has come meanwhile.
	seriesTime = time.Hour
	// seriesCost is about what a series takes beside its buckets, in bytes.
	seriesCost = 384
)

// Table keeps the texts of names and attribute sets, and the series of which a server is
// told differences. What nobody used for a while is forgotten.
type Table struct {
	style   Style
	memory  Memory
	left    *leftOut
	metrics texts
	sets    texts
	commons map[string]*common
	series  map[seriesKey]*Series

	round   uint32
	began   time.Time // of the round
	horizon int64     // a series that began before it may have been told, and forgotten

	max              int // texts
	key, buf, values []byte
	tags             []Tag
}

type seriesKey struct{ metric, set *Text }

func newTable(s Style, m Memory, left *leftOut, now time.Time) *Table {
	return &Table{
		style: s, memory: m, left: left, round: 1, began: now, horizon: now.UnixNano(),
		metrics: newTexts(), sets: newTexts(), commons: map[string]*common{}, series: map[seriesKey]*Series{},
	}
}

// Texts returns the name of a point's metric and its tags. They are valid until the next
// call. series says that Series comes next.
func (t *Table) Texts(pt *wire.Point, series bool) (name, tags *Text) {
	t.max = maxTexts
	if series {
		t.max = maxSeries
	}
	name = t.name(pt.Metric)
	return name, t.set(name.common, pt.Attributes)
}

func (t *Table) name(m *wire.Metric) *Text {
	if e := t.metrics.marked(m.Mark(), t.round); e != nil {
		return e
	}
	t.key = appendMetricKey(t.key[:0], m)
	e := t.metrics.byKey[string(t.key)]
	if e == nil {
		var cut bool
		t.buf, cut = t.style.AppendName(t.buf[:0], m)
		e = t.keep(&t.metrics, t.commonOf(m.Scope), cut)
	}
	m.SetMark(t.metrics.use(e, t.round))
	return e
}

func (t *Table) set(c *common, s *wire.AttributeSet) *Text {
	if s != nil {
		if e := t.sets.marked(s.Mark(), t.round); e != nil && e.common == c {
			return e
		}
	}
	t.key = appendSetKey(append(t.key[:0], c.key...), s)
	e := t.sets.byKey[string(t.key)]
	if e == nil {
		t.tags, t.values = appendTags(t.tags[:0], t.values[:0], c.tags, s)
		var cut bool
		t.buf, cut = t.style.AppendTags(t.buf[:0], t.tags)
		e = t.keep(&t.sets, c, cut)
	}
	if mark := t.sets.use(e, t.round); s != nil {
		s.SetMark(mark)
	}
	return e
}

// keep keeps the text in buf under key, where there is room.
func (t *Table) keep(in *texts, c *common, cut bool) *Text {
	cost := int64(textCost + len(t.key) + len(t.buf))
	if len(in.byKey) >= t.max || !t.memory.Take(cost) {
		in.spare.Bytes = append(in.spare.Bytes[:0], t.buf...)
		in.spare.common = c
		return &in.spare
	}
	e := &Text{Bytes: append([]byte(nil), t.buf...), key: string(t.key), common: c, cost: cost}
	if cut {
		t.left.shortened.Add(1)
	}
	if in.add(e) {
		t.left.collisions.Add(1)
	}
	return e
}

// commonOf returns what all points of a scope have in common.
func (t *Table) commonOf(s *wire.Scope) *common {
	t.tags, t.values = t.style.AppendCommon(t.tags[:0], s), t.values[:0]
	key := make([]byte, 0, 256)
	for _, tag := range t.tags {
		key = appendText(appendText(key, tag.Key), tag.Value)
	}
	if c := t.commons[string(key)]; c != nil {
		return c
	}
	c := &common{key: string(appendText(nil, key))}
	for _, tag := range t.tags {
		c.tags = append(c.tags, Tag{Key: append([]byte(nil), tag.Key...), Value: append([]byte(nil), tag.Value...)})
	}
	if len(t.commons) < maxTexts {
		t.commons[string(key)] = c
	}
	return c
}

// Series returns the series of a point, whose texts Texts has just returned. fresh says
// that it was not there before: nothing was told of it, unless it began before there was a
// table, or before others were forgotten. It returns nil where there is no memory for it.
func (t *Table) Series(name, tags *Text, pt *wire.Point) (s *Series, fresh bool) {
	if s = tags.nextOf(name); s != nil {
		s.seen = t.began
		return s, false
	}
	key := seriesKey{name, tags}
	if s = t.series[key]; s != nil {
		s.seen = t.began
		tags.next = s.place + 1
		return s, false
	}
	buckets := 0
	if d := pt.Distribution; d != nil {
		buckets = len(d.BucketCounts) + len(d.Positive.Counts) + len(d.Negative.Counts)
	}
	cost := int64(seriesCost + 16*buckets)
	if name == &t.metrics.spare || tags == &t.sets.spare || len(t.series) >= maxSeries || !t.memory.Need(cost) {
		return nil, false
	}
	s = &Series{start: pt.StartTime, seen: t.began, cost: cost}
	t.series[key] = s
	tags.enter(name, s)
	return s, true
}

// Before reports whether a series with that start may have been told before it was first
// seen.
func (t *Table) Before(start int64) bool { return start < t.horizon }

// tick begins another round when it is time for one.
func (t *Table) tick(now time.Time) {
	gone := now.Sub(t.began)
	full := len(t.sets.byKey) >= maxTexts || len(t.metrics.byKey) >= maxTexts || len(t.series) >= maxSeries
	if gone < roundTime && (!full || gone < minRoundTime) {
		return
	}
	oldest := now.Add(-seriesTime)
	if len(t.series) >= maxSeries {
		oldest = t.began
	}
	for key, s := range t.series {
		if !s.seen.Before(oldest) || s.pending > 0 {
			key.metric.used, key.set.used = t.round, t.round
			continue
		}
		delete(t.series, key)
		key.set.leave(s)
		t.memory.Give(s.cost)
		t.horizon = now.UnixNano()
	}
	t.memory.Give(t.metrics.sweep(t.round) + t.sets.sweep(t.round))
	if len(t.commons) >= maxTexts {
		clear(t.commons)
	}
	t.round++
	t.began = now
}
