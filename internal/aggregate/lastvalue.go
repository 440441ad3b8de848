package aggregate

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// lastValue keeps the last measurement. If one call has returned before another begins, its
// measurement is never reported after the other's.
type lastValue[N Number] struct {
	oneWord
	value atomic.Uint64
}

func (l *lastValue[N]) record(_ *Series[N], v N) result {
	l.value.Store(bitsOf(v))
	return taken
}

// takeBack returns v: a caller that has stored v late stores it again in the series that is
// found.
func (l *lastValue[N]) takeBack(v N) (N, bool) { return v, true }

func (l *lastValue[N]) collect(_ *Config, r *reading, p *wire.Point) outcome {
	r.kill()
	p.Bits = l.value.Load()
	return nothing // also for a series that dies: a caller that has just stored a value stores it again
}
