package aggregate

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// Handle remembers the series of one attribute set of a stream, so that recording needs no
// look-up. It is safe for concurrent use, and must not be copied.
type Handle[N Number] struct {
	Stream *Stream[N]
	series atomic.Pointer[Series[N]]
}

// Record takes a measurement, and reports whether it did in ok. If again is true, it has
// not taken the measurement, because there is no series yet, or none any more: the caller
// passes left to RecordAnew.
func (h *Handle[N]) Record(v N) (left N, again, ok bool) {
	e := h.series.Load()
	if e == nil || e.flags.Load()&(admitted|dead) != admitted && !e.readmit() {
		return v, true, false
	}
	r := e.state.record(e, v)
	if r == taken && e.flags.Load() == current {
		return 0, false, true
	}
	left, r = e.settle(v, r)
	return left, r == late, r == taken
}

// Alive reports whether there is a series that is not dead.
func (h *Handle[N]) Alive() bool {
	e := h.series.Load()
	return e != nil && !e.isDead()
}

// RecordAnew records on the stream. It remembers the series, unless that is the overflow
// series, which stands for the set only this time.
func (h *Handle[N]) RecordAnew(set attribute.Set, v N) bool {
	e, ok := h.Stream.record(nil, set, v)
	if ok && !e.overflow {
		h.series.Store(e)
	}
	return ok
}
