package aggregate

import "math"

// summary is what both kinds of histograms have besides their buckets. The count is in the
// buckets.
type summary[N Number] struct{ sum, min, max N }

// noSummary is the summary of no measurement: its minimum is above its maximum.
func noSummary[N Number]() summary[N] {
	if isInteger[N]() {
		least, most := int64(math.MinInt64), int64(math.MaxInt64)
		return summary[N]{min: N(most), max: N(least)}
	}
	return summary[N]{min: N(math.Inf(1)), max: N(math.Inf(-1))}
}

// empty reports whether there is no measurement.
func (s *summary[N]) empty() bool { return s.min > s.max }

func (s *summary[N]) add(v N) {
	s.sum += v
	if v < s.min {
		s.min = v
	}
	if v > s.max {
		s.max = v
	}
}

// move adds from to s.
func (s *summary[N]) move(from *summary[N]) {
	if from.empty() {
		return
	}
	s.sum += from.sum
	s.min, s.max = min(s.min, from.min), max(s.max, from.max)
}
