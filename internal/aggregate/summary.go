package aggregate

// summary is what both kinds of histograms have beside their buckets.
type summary[N Number] struct {
	count         uint64 // what is in a bucket
	sum, min, max N
	some          bool // min and max are those of a measurement
}

func (s *summary[N]) add(v N) {
	s.count++
	s.sum += v
	s.widen(v, v)
}

func (s *summary[N]) widen(least, most N) {
	if !s.some || least < s.min {
		s.min = least
	}
	if !s.some || most > s.max {
		s.max = most
	}
	s.some = true
}

// move adds from to s.
func (s *summary[N]) move(from *summary[N]) {
	if !from.some {
		return
	}
	s.count += from.count
	s.sum += from.sum
	s.widen(from.min, from.max)
}
