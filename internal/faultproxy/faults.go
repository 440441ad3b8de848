package faultproxy

import (
	"math/rand/v2"
	"time"

	"github.com/otelgram/otelgram/wire"
)

// Faults is what happens to datagrams. With the zero value all of them pass.
type Faults struct {
	// Loss is the probability that a datagram is lost, from 0 to 1.
	Loss float64
	// Lose is how many of every Of datagrams are lost, the first ones. It is a pattern for
	// tests that count.
	Lose, Of int
	// SpareReports keeps sender reports and goodbyes from all faults except a black hole
	// and an MTU. Reports come by the clock. Without them the same seed does the same to
	// the same points.
	SpareReports bool
	// Reorder holds back every other datagram, on average, until up to that many later ones
	// have passed, or for MaxHold if too few come.
	Reorder int
	// Duplicate sends every Duplicate-th datagram twice.
	Duplicate int
	// Damage flips one to eight bits of one byte in every Damage-th datagram. With Repair
	// the byte is in the body, and the checksum is made right again.
	Damage int
	Repair bool
	// Delay holds up each datagram. Jitter is by how much more at most.
	Delay, Jitter time.Duration
	// Rate is how many bytes pass in a second. A datagram that would have to wait longer
	// than MaxWait is lost. 0 means no limit.
	Rate int
	// MTU loses datagrams with more bytes, silently. 0 means no limit.
	MTU int
	// BlackHole loses all datagrams.
	BlackHole bool
}

// MaxWait is how long a datagram may wait because of Rate.
const MaxWait = 200 * time.Millisecond

// MaxHold is after what time a datagram that was held back goes on if not enough later ones
// come.
const MaxHold = 500 * time.Millisecond

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
	bySend
)

// fate is what happens to one datagram.
type fate struct {
	lost      fault
	after     int // how many later datagrams pass first
	wait      time.Duration
	duplicate bool
	damaged   bool
}

// dice decides on fates, one datagram after the other. A fate depends on the seed and on
// how many datagrams came before, never on the clock, except for the rate. Each fault has a
// stream of random numbers of its own, from which each datagram takes the same number, so
// that one fault does not shift another.
type dice struct {
	loss, jitter, reorder, harm *rand.Rand
	seen                        int
	busy                        time.Time // until when the line is busy
}

func newDice(seed uint64) dice {
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	return dice{loss: stream(0), jitter: stream(1), reorder: stream(2), harm: stream(3)}
}

func (d *dice) decide(f *Faults, size int, report bool, now time.Time) (x fate) {
	switch {
	case f.BlackHole:
		return fate{lost: byHole}
	case f.MTU > 0 && size > f.MTU:
		return fate{lost: bySize}
	case report && f.SpareReports:
		return fate{}
	}
	n, chance, late := d.seen, d.loss.Float64(), d.jitter.Float64()
	held, behind := d.reorder.IntN(2) == 0, d.reorder.IntN(max(1, f.Reorder))
	d.seen++
	switch {
	case chance < f.Loss:
		return fate{lost: byChance}
	case f.Of > 0 && n%f.Of < f.Lose:
		return fate{lost: byPattern}
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
	x.wait += f.Delay + time.Duration(late*float64(f.Jitter))
	if f.Reorder > 0 && held {
		x.after = 1 + behind
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
	b[first+d.harm.IntN(end-first)] ^= byte(1 + d.harm.IntN(255))
	if repair && cause == wire.Accepted {
		wire.Stamp(b, &h)
	}
}
