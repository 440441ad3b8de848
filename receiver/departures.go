package receiver

// departed is what is remembered of a session that has left the table.
type departed struct {
	newest, missed      mark
	latest              int64
	provisional, joined bool
	closed, proven      bool
}

// departures remember the sessions that left the table last: at least n of them, and
// at most twice as many.
type departures struct {
	recent, older map[uint64]departed
	n             int
}

func newDepartures(n int) departures {
	return departures{recent: map[uint64]departed{}, older: map[uint64]departed{}, n: n}
}

// add remembers a session and reports whether others were forgotten for it.
func (d *departures) add(id uint64, how departed) (forgot bool) {
	if len(d.recent) >= d.n {
		forgot = len(d.older) > 0
		d.recent, d.older = map[uint64]departed{}, d.recent
	}
	d.recent[id] = how
	return forgot
}

// take returns what is remembered of a session, and forgets it.
func (d *departures) take(id uint64) (how departed, ok bool) {
	for _, from := range []map[uint64]departed{d.recent, d.older} {
		if how, ok = from[id]; ok {
			delete(from, id)
			return how, true
		}
	}
	return departed{}, false
}
