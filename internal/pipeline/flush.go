package pipeline

// flush is a ForceFlush under way: it is done when everything that was in the queues when it
// came in is sent or counted.
type flush struct {
	tickets []uint64 // for each source, how many points had been pushed
	step    step
	until   uint64 // packets to be settled, once packed
	done    chan struct{}
}

// step is how far a flush has come.
type step uint8

const (
	draining step = iota // the queues
	packing              // the last packet
	sending              // what was packed
	flushed
)

// begin makes everything that is in the sources now the business of f.
func (f *flush) begin(sources []source) {
	for _, q := range sources {
		f.tickets = append(f.tickets, q.Pushed())
	}
}

// advance moves f on, as far as it goes, and reports whether it did move.
func (f *flush) advance(sources []source, p *packets) (moved bool) {
	before := f.step
	if f.step == draining && f.drained(sources) {
		f.step = packing
	}
	if f.step == packing {
		p.finish()
		f.step, f.until = sending, p.finished
	}
	if f.step == sending && p.settled >= f.until {
		f.step = flushed
		close(f.done)
	}
	return f.step != before
}

// drained reports whether what was in the sources when f began is packed.
func (f *flush) drained(sources []source) bool {
	for i, ticket := range f.tickets {
		if int64(sources[i].Taken()-ticket) < 0 {
			return false
		}
	}
	return true
}
