package faultproxy

import (
	"math/rand/v2"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Faults is what happens to datagrams. The zero value lets them all pass.
type Faults struct {
	// Loss is the probability that a datagram is lost, from 0 to 1.
	Loss float64
	// Lose is how many of every Of datagrams are lost, the first ones: a
	// pattern, for tests that count.
	Lose, Of int
	// SpareReports keeps sender reports and goodbyes from being lost.
	SpareReports bool
	// Reorder holds back every other datagram, on average, until up to so many
	// later ones have passed, or none comes for a while.
	Reorder int
	// Duplicate sends every so manieth datagram twice.
	Duplicate int
	// Damage flips one to eight bits of one byte in every so manieth datagram. With
	// Repair they are in the body, and the checksum is right again.
	Damage int
	Repair bool
	// Delay holds each datagram up, for up to Jitter longer.
	Delay, Jitter time.Duration
	// Rate is how many bytes pass in a second; those that would have to wait for
	// more than MaxWait are lost. 0: no limit.
	Rate int
	// MTU loses datagrams with more bytes, silently. 0: no limit.
	MTU int
	// BlackHole loses all.
	BlackHole bool
}

// MaxWait is how long the queue is that a Rate makes.
const MaxWait = 200 * time.Millisecond

// flush is after what time a datagram held back goes on if no later ones come.
const flush = 50 * time.Millisecond

// fault is why a datagram was lost.
type fault uint8

const (
	none fault = iota
	byChance
	byPattern
	byRate
	bySize
	byHole
	byClose
)

// fate is what is to become of one datagram.
type fate struct {
	lost      fault
	after     int // later datagrams to let pass
	wait      time.Duration
	duplicate bool
	damaged   bool
}

// dice decides on fates, one datagram after the other: by its seed and what was
// before, never by the clock, except for the rate.
type dice struct {
	random *rand.Rand
	seen   int
	busy   time.Time // until when the line is
}

func (d *dice) decide(f *Faults, size int, report bool, now time.Time) (x fate) {
	n := d.seen
	d.seen++
	chance := d.random.Float64() // always drawn, so that one fault does not shift another
	switch spared := report && f.SpareReports; {
	case f.BlackHole:
		x.lost = byHole
	case f.MTU > 0 && size > f.MTU:
		x.lost = bySize
	case chance < f.Loss && !spared:
		x.lost = byChance
	case f.Of > 0 && n%f.Of < f.Lose && !spared:
		x.lost = byPattern
	}
	if x.lost != none {
		return x
	}
	if f.Rate > 0 {
		if d.busy.Before(now) {
			d.busy = now
		}
		if x.wait = d.busy.Sub(now); x.wait > MaxWait {
			return fate{lost: byRate}
		}
		d.busy = d.busy.Add(time.Duration(size) * time.Second / time.Duration(f.Rate))
	}
	x.wait += f.Delay
	if f.Jitter > 0 {
		x.wait += time.Duration(d.random.Int64N(int64(f.Jitter)))
	}
	if f.Reorder > 0 && d.random.IntN(2) == 0 {
		x.after = 1 + d.random.IntN(f.Reorder)
	}
	x.duplicate = f.Duplicate > 0 && n%f.Duplicate == f.Duplicate-1
	x.damaged = f.Damage > 0 && n%f.Damage == f.Damage-1
	return x
}

// damage flips bits of a byte.
func (d *dice) damage(b []byte, repair bool) {
	first, end := 0, len(b)
	h, cause := wire.CheckHeader(b)
	if repair && cause == wire.Accepted {
		first, end = wire.HeaderSize, len(b)-wire.TrailerSize
	}
	if end <= first {
		return
	}
	b[first+d.random.IntN(end-first)] ^= byte(1 + d.random.IntN(255))
	if repair && cause == wire.Accepted {
		wire.Stamp(b, &h)
	}
}
