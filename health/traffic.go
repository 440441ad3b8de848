package health

import "time"

const (
	// few is how much traffic makes a single loss count. One packet refused of two is no
	// outage.
	few = 20
	// longest is how long traffic may go on and still be judged as one export.
	longest = 5 * time.Second
	// memory is how long a loss is held against an exporter that is idle.
	memory = 10 * time.Minute
)

// export is what an exporter settled between two samples at which nothing was under way:
// one whole export, or several.
type export struct{ begin, end Sample }

// note finds the ends of exports, from what the exporter says it has settled; and reports,
// which are packets without points.
func (m *Monitor) note(s *Sample) {
	_, before := m.rest.count(leaving)
	_, now := s.count(leaving)
	// Queued counts only what has entered the queue: it may be 0 while an Export is under way.
	empty := s.Points.Offered == s.Points.Sent+s.Points.Dropped
	switch idle := empty && now == before; {
	case empty && s.Exports > m.rest.Exports, !idle && s.Time.Sub(m.rest.Time) >= longest:
		m.exports = [2]export{m.exports[1], {m.rest, *s}}
	case !idle:
		return
	case s.Packets != m.rest.Packets:
		m.reports = [2]export{m.reports[1], {m.rest, *s}}
	}
	s.rest, m.rest = true, *s
}

// before returns the sample before the last two of some exports, without those that are
// too old; or the begin of the window if that is earlier.
func (m *Monitor) before(last *[2]export) *Sample {
	for i := range last {
		e := &last[i]
		if m.last().Time.Sub(e.end.Time) <= memory && e.begin.Time.Before(m.begin.Time) {
			return &e.begin
		}
	}
	return &m.begin
}

// loss is what was lost of a kind of traffic since a sample.
type loss struct {
	kind      kind
	since     *Sample
	lost, all uint64
}

// rate returns the part that was lost, at most 1: it may have been handed over earlier.
func (l loss) rate() float64 { return min(1, float64(l.lost)/float64(max(1, l.all))) }

// worst returns the worst loss: in the window, the last two exports or the last two
// reports. A small loss that happened once is no reason for the status s, but a reason to
// keep it.
func (m *Monitor) worst(k kind, s Status) (worst loss) {
	for _, since := range [...]*Sample{&m.begin, m.before(&m.exports), m.before(&m.reports)} {
		lost, all := since.count(k)
		l, times := loss{kind: k, since: since}, 0
		for i := range m.samples {
			n, of := m.samples[i].count(k)
			if n-lost > l.lost {
				times++
			}
			l.lost, l.all = n-lost, of-all
		}
		if l.rate() > worst.rate() && (m.status <= s || times > 1 || max(l.all, l.lost) >= few) {
			worst = l
		}
	}
	return worst
}
