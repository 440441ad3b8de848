package aggregate

import (
	"github.com/otelgram/otelgram/wire"
)

// precomputed is a sum that callbacks observe as an absolute value. Observations of one
// round add up if their sets differ only in attributes that are not kept. The observations
// of the next round replace them. Measurements come under the lock of a [Round], and the
// collector reads after the round has ended.
type precomputed[N Number] struct {
	oneWord
	stream  *base
	value   N
	sent    N      // the value at the last collection
	round   uint32 // the last round in which it was observed
	several bool   // more than one observation went into value
	// composed is the value of several when the value was last collected as a whole.
	composed bool
}

func (p *precomputed[N]) record(_ *Series[N], v N) result {
	if p.round != p.stream.round {
		var nothing N // plus -0 is 0, as in the SDK
		p.value, p.round, p.several = nothing+v, p.stream.round, false
	} else {
		p.value += v
		p.several = true
	}
	return taken
}

func (*precomputed[N]) takeBack(N) (v N, some bool) { return 0, false }

func (p *precomputed[N]) collect(_ *Config, r *reading, to *wire.Point) outcome {
	r.kill()
	if p.stream.partial {
		if p.several || p.composed {
			return withheld // a part of the sum may be missing; the next round observes it anew
		}
	} else {
		p.composed = p.several
	}
	v := p.value
	if p.stream.config.Delta {
		v -= p.sent
	}
	p.sent = p.value
	to.Bits = bitsOf(v)
	return nothing // unless it was measured
}
