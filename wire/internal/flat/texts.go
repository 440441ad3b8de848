package flat

const (
	// textCost is about what a text takes besides its bytes, in bytes.
	textCost = 288
	// The low indexBits of a mark are the place in texts.list. The other bits are a serial
	// number, so that a place that is used again gives another mark.
	indexBits = 24
)

// Text is what a dialect has made of a metric's name or of an attribute set.
type Text struct {
	Bytes []byte
	Fit   Fit

	key    string
	common *common
	seen   int64 // when it was used last, in the unit of Table.now
	index  int   // in texts.list; -1: it is not kept
	serial uint64
	cost   int64
	needed bool // points are dropped without it
	users  int  // number of series that have it

	// forgotten are the series of the metric that were forgotten, by a hash of their
	// attributes, with the time. Series that began before horizon may be forgotten, too.
	forgotten map[uint64]int64
	horizon   int64
	// series are the series of an attribute set, in the order in which they came. next is
	// the place of the series after the one found last. Collections repeat their order, so
	// this mostly spares a look-up in Table.series.
	series []metricSeries
	next   int
}

type metricSeries struct {
	metric *Text
	series *Series
}

// nextOf returns the next series of an attribute set, if it is of that metric.
func (e *Text) nextOf(metric *Text) *Series {
	if e.next >= len(e.series) {
		e.next = 0
	}
	if e.next < len(e.series) && e.series[e.next].metric == metric {
		e.next++
		return e.series[e.next-1].series
	}
	return nil
}

func (e *Text) enter(metric *Text, s *Series) {
	s.place = len(e.series)
	e.series = append(e.series, metricSeries{metric, s})
	e.next = len(e.series)
}

func (e *Text) leave(s *Series) {
	last := len(e.series) - 1
	e.series[s.place] = e.series[last]
	e.series[s.place].series.place = s.place
	e.series[last] = metricSeries{}
	e.series = e.series[:last]
}

// common are the attributes that all points of a scope have.
type common struct {
	key  string
	tags []Tag
}

// texts finds a text by the mark of an interned object, or by its content if the object has
// no mark yet.
type texts struct {
	byKey  map[string]*Text
	list   []*Text // with gaps
	gaps   []int
	serial uint64
	same   map[string]int // how many texts have the same bytes
	spare  Text           // holds a text that is not kept
	cursor int            // of sweep
}

func newTexts() texts {
	return texts{byKey: map[string]*Text{}, same: map[string]int{}, spare: Text{index: -1}}
}

// marked returns the text of a mark, or nil if it was forgotten.
func (t *texts) marked(mark uint64) *Text {
	i := mark & (1<<indexBits - 1)
	if mark == 0 || i >= uint64(len(t.list)) {
		return nil
	}
	if e := t.list[i]; e != nil && e.mark() == mark {
		return e
	}
	return nil
}

// mark returns the mark of a text, or 0 for a text that is not kept.
func (e *Text) mark() uint64 {
	if e.index < 0 {
		return 0
	}
	return (e.serial+1)<<indexBits | uint64(e.index)
}

// add adds e, and reports whether another text looks like it.
func (t *texts) add(e *Text) bool {
	e.index, e.serial = len(t.list), t.serial
	t.serial++
	if n := len(t.gaps); n > 0 {
		e.index = t.gaps[n-1]
		t.gaps = t.gaps[:n-1]
		t.list[e.index] = e
	} else {
		t.list = append(t.list, e)
	}
	t.byKey[e.key] = e
	visible := e.visible()
	t.same[visible]++
	return t.same[visible] > 1
}

// visible is what a server sees of a text.
func (e *Text) visible() string { return e.common.key + string(e.Bytes) }

// sweep looks at some texts, and forgets those that no series has and that were last used
// before oldest. It calls forgotten for each. A metric's text that knows which series were
// forgotten is kept, unless all is set.
func (t *texts) sweep(n int, oldest int64, all bool, forgotten func(*Text)) {
	for range min(n, len(t.list)) {
		t.cursor = (t.cursor + 1) % len(t.list)
		e := t.list[t.cursor]
		if e == nil || e.users > 0 || e.seen >= oldest || (e.horizon > 0 || len(e.forgotten) > 0) && !all {
			continue
		}
		t.list[t.cursor] = nil
		t.gaps = append(t.gaps, t.cursor)
		delete(t.byKey, e.key)
		if visible := e.visible(); t.same[visible] > 1 {
			t.same[visible]--
		} else {
			delete(t.same, visible)
		}
		forgotten(e)
	}
}
