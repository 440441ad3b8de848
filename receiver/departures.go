package receiver

// departed is what is remembered of a session that has left the table.
type departed struct {
	newest, missed      mark
	latest              int64
	provisional, joined bool
	closed, proven      bool
}

// departures remember the sessions that left the table last: at least n of them, and at
// most twice as many.
type departures struct {
	recent, older map[sessionKey]departed
	n             int
}

func newDepartures(n int) departures {
	return departures{recent: map[sessionKey]departed{}, older: map[sessionKey]departed{}, n: n}
}

// add remembers a session and reports whether others were forgotten to make room.
func (d *departures) add(key sessionKey, how departed) (forgot bool) {
	if len(d.recent) >= d.n {
		forgot = len(d.older) > 0
		d.recent, d.older = map[sessionKey]departed{}, d.recent
	}
	d.recent[key] = how
	return forgot
}

// take returns what is remembered of a session, and forgets it.
func (d *departures) take(key sessionKey) (how departed, ok bool) {
	for _, from := range []map[sessionKey]departed{d.recent, d.older} {
		if how, ok = from[key]; ok {
			delete(from, key)
			return how, true
		}
	}
	return departed{}, false
}
