package aggregate

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// Series is one attribute set of a stream, and what was measured for it. Callers record on
// it at any time. Everything except flags and state belongs to the collector.
//
// A series dies when it was not measured for long, if the stream allows that, and when the
// provider is closed. The collector first sets dead in flags, and takes what is there
// afterwards. A caller reads flags after it has recorded. If the series is dead by then,
// the caller takes back what it finds, and records that on the series that has taken its
// place. So either the collector or a caller takes each measurement, and only once.
type Series[N Number] struct {
	flags    atomic.Uint32
	size     uint32 // for how much its attributes were charged, in bytes
	idle     uint8  // collections without a measurement
	overflow bool   // it is the overflow series
	known    bool   // it was ever measured
	dying    bool   // the collector lets it die
	state    state[N]
	stream   *Stream[N]
	key      attribute.Distinct
	labels   labels
	start    int64 // of the next point, under delta, in Unix nanoseconds
}

// The flags of a series.
const (
	// measured is set after a measurement. The collector clears it before it reads the
	// state: what is not in this point is in the next.
	measured = 1 << iota
	// admitted says that the series counts towards the limit. It does so from its first
	// measurement on. If only what was measured is sent, the next collection clears it.
	admitted
	// dead is set once and never cleared.
	dead

	// current are the flags with which a caller has nothing to do except record.
	current = measured | admitted
)

// state is what an aggregation keeps for a series. Only the code that makes a series
// depends on the kind of aggregation.
type state[N Number] interface {
	// record takes a measurement. It may be called concurrently, and never waits.
	record(e *Series[N], v N) result
	// takeBack returns what is left in a dead series of the measurement v, and perhaps of
	// others, and whether anything is left.
	takeBack(v N) (N, bool)
	// collect puts what there is into a point.
	collect(c *Config, r *reading, p *wire.Point) outcome
	// giveUp lets callers use again what the collector wanted and no longer waits for.
	giveUp()
	// drop forgets the memory of a dead series. It returns how much of that was charged
	// since the series was made, in bytes.
	drop() int64
}

// oneWord is for states of one word: no caller holds them, and they take no further memory.
type oneWord struct{}

func (oneWord) giveUp()     {}
func (oneWord) drop() int64 { return 0 }

// result is what became of a measurement.
type result uint8

const (
	taken result = iota
	late         // the series is dead
	lost         // and counted as dropped already
)

// outcome is what a collection found in a series.
type outcome uint8

const (
	// found: the point has what was measured since the last collection, or ever.
	found outcome = iota
	// nothing: the state has nothing new. The point is sent all the same if the series is marked
	// as measured, or if what was sent before goes on to hold.
	nothing
	// withheld: no point may be sent, for what the state has may be wrong or incomplete.
	withheld
	// part: found, except what a caller was just recording.
	part
	// busy: a caller is in the middle of a measurement.
	busy
)

func (e *Series[N]) isDead() bool { return e.flags.Load()&dead != 0 }

// record takes a measurement. If the result is late, the caller must record what is left
// elsewhere.
func (e *Series[N]) record(v N) (left N, r result) {
	if r = e.state.record(e, v); r == taken && e.flags.Load() == current {
		return 0, taken
	}
	return e.settle(v, r)
}

// settle ends a measurement that the state did not take, that met the collector, or that
// was the first one.
func (e *Series[N]) settle(v N, r result) (left N, _ result) {
	if r != taken {
		return v, r
	}
	if e.flags.Or(measured)&dead == 0 {
		return 0, taken
	}
	if left, some := e.state.takeBack(v); some {
		return left, late
	}
	return 0, taken
}

// readmit makes an existing series count towards the limit again, if the limit has room.
func (e *Series[N]) readmit() bool {
	s := e.stream
	switch {
	case e.isDead() || s.registry.closed.Load() || !s.reserve():
		return false
	case e.setAdmitted():
		return true
	}
	s.admitted.Add(-1) // another caller was faster
	return e.flags.Load()&(admitted|dead) == admitted
}

// setAdmitted sets the flag for a caller that has reserved, and reports whether the flag
// was not set before. It does not set the flag of a dead series.
func (e *Series[N]) setAdmitted() bool {
	flags := e.flags.Load()
	return flags&(admitted|dead) == 0 && e.flags.CompareAndSwap(flags, flags|admitted)
}

// clear clears flags, and returns which of them were set. A series that is no longer
// admitted makes room for another.
func (e *Series[N]) clear(flags uint32) (were uint32) {
	were = e.flags.And(^flags) & flags
	if were&admitted != 0 && !e.overflow {
		e.stream.admitted.Add(-1)
	}
	return were
}
