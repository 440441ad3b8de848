package flat

const (
	// textCost is about what a text takes beside its bytes, in bytes.
	textCost = 240
	// indexBits of a mark number the text, the others the round in which that holds.
	indexBits = 24
)

// Text is what a dialect has made of a metric's name or of an attribute set.
type Text struct {
	Bytes  []byte
	key    string
	common *common
	used   uint32 // the last round
	index  int    // in texts.list
	cost   int64

	// series are those of an attribute set, in the order in which they came, and next is
	// the place of the one that comes after the last: collections repeat their order, so
	// that this mostly spares a look into Table.series.
	series []metricSeries
	next   int
}

type metricSeries struct {
	metric *Text
	series *Series
}

// nextOf returns the next series of an attribute set, if it is one of that metric.
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

// texts finds a text by the mark that an interned object carries, and by its content where
// that is an object's first time in a round.
type texts struct {
	byKey map[string]*Text
	list  []*Text
	same  map[string]int // how many texts have the same bytes
	spare Text           // one that is not kept
}

func newTexts() texts {
	return texts{byKey: map[string]*Text{}, same: map[string]int{}, spare: Text{index: -1}}
}

// marked returns the text that a mark of this round stands for.
func (t *texts) marked(mark uint64, round uint32) *Text {
	if uint32(mark>>indexBits) != round {
		return nil
	}
	e := t.list[mark&(1<<indexBits-1)]
	e.used = round
	return e
}

// use notes that e is in use, and returns its mark.
func (t *texts) use(e *Text, round uint32) uint64 {
	if e.index < 0 {
		return 0
	}
	e.used = round
	return uint64(round)<<indexBits | uint64(e.index)
}

// add adds e, and reports whether another one looks like it.
func (t *texts) add(e *Text) bool {
	e.index = len(t.list)
	t.list = append(t.list, e)
	t.byKey[e.key] = e
	text := e.common.key + string(e.Bytes)
	t.same[text]++
	return t.same[text] > 1
}

// sweep forgets what was not used in a round, and returns what it took.
func (t *texts) sweep(round uint32) (cost int64) {
	kept := t.list[:0]
	for _, e := range t.list {
		if e.used == round {
			e.index = len(kept)
			kept = append(kept, e)
			continue
		}
		cost += e.cost
		delete(t.byKey, e.key)
		text := e.common.key + string(e.Bytes)
		if t.same[text]--; t.same[text] == 0 {
			delete(t.same, text)
		}
	}
	clear(t.list[len(kept):])
	t.list = kept
	return cost
}
