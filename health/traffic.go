package health

import "time"

const (
	// few is how much traffic does not say anything if something of it was lost
	// but once: one refused packet of two is no outage.
	few = 20
	// burst is how long an export may take: what moves within it belongs together,
	// and is not traffic twice.
	burst = 2 * time.Second
	// memory is how long what happened is held against an exporter that is idle.
	memory = 10 * time.Minute
)

// traffic follows one kind of what passes through an exporter. Exports may come a
// minute apart, so that the time since the last says nothing: what matters is what
// became of the last two.
type traffic struct {
	all, lost func(*Sample) uint64 // since the start

	moves [2]move      // the last but one and the last
	grew  [2]time.Time // when lost has last grown, likewise
	// edge is the traffic that goes on, or has just ended, where the window begins.
	edge move
}

// move is a burst of traffic: when it began, and the sample before.
type move struct {
	began  time.Time
	before Sample
}

// note takes two samples, one after the other.
func (t *traffic) note(before, s *Sample) {
	if t.lost(s) > t.lost(before) {
		t.grew[0], t.grew[1] = t.grew[1], s.Time
	}
	if t.all(s) > t.all(before) && s.Time.Sub(t.moves[1].began) >= burst {
		t.moves[0], t.moves[1] = t.moves[1], move{s.Time, *before}
	}
}

// base is the sample before the last two moves, or before the last one if the
// other is forgotten; nil if both are.
func (t *traffic) base(now time.Time) *Sample {
	for i := range t.moves {
		if m := &t.moves[i]; !m.began.IsZero() && now.Sub(m.began) <= memory {
			return &m.before
		}
	}
	return nil
}

// leave takes the first two samples of the window when the first leaves it.
func (t *traffic) leave(first, next *Sample) {
	switch {
	case t.all(next) == t.all(first):
		t.edge = move{}
	case t.edge.began.IsZero():
		t.edge = move{next.Time, *first}
	}
}

// whole returns the first sample of the window or, where the next goes on with an
// export that had begun before, after a silence, the sample before that: half an
// export says nothing about the whole.
func (t *traffic) whole(first, next *Sample) *Sample {
	if !t.edge.began.IsZero() && next.Time.Sub(t.edge.began) < burst && t.all(next) > t.all(first) {
		return &t.edge.before
	}
	return first
}

// loss is what was lost of what moved since a sample.
type loss struct {
	since     *Sample
	lost, all uint64
	often     bool // it was lost at two times
}

func (t *traffic) since(first, last *Sample) loss {
	return loss{first, t.lost(last) - t.lost(first), t.all(last) - t.all(first), t.grew[0].After(first.Time)}
}

// rate is the part that was lost. What is lost may have moved before.
func (l loss) rate() float64 {
	if l.lost == 0 {
		return 0
	}
	return min(1, float64(l.lost)/float64(max(1, l.all)))
}

// tells reports whether it is worth judging.
func (l loss) tells() bool { return l.often || max(l.all, l.lost) >= few }
