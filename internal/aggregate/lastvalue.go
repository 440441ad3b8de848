package aggregate

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// lastValue keeps the last measurement. That of a call which had returned before
// another one began is never reported after the other's.
type lastValue[N Number] struct {
	oneWord
	value atomic.Uint64
}

func (l *lastValue[N]) record(_ *Series[N], v N) result {
	l.value.Store(bitsOf(v))
	return taken
}

// takeBack returns v: who has stored it late stores it again where it is found.
func (l *lastValue[N]) takeBack(v N) (N, bool) { return v, true }

func (l *lastValue[N]) collect(_ *Config, r *reading, p *wire.Point) outcome {
	r.kill()
	p.Bits = l.value.Load()
	return nothing // of a series that dies: who has just stored it stores it again
}
