package session

import "time"

// paced is how many bytes the pace takes for a packet, whatever the size of those
// that are sent.
const paced = 1472

// pacer is a token bucket in virtual time: spent is the instant up to which
// tokens have been taken. It spreads an export over time, because a receive
// buffer of default size holds some 200 KB.
type pacer struct {
	interval time.Duration // for paced bytes; 0: no pacing
	burst    time.Duration // what may leave at once
	spent    time.Time
}

func newPacer(packetsPerSecond, burst int) pacer {
	if packetsPerSecond <= 0 {
		return pacer{}
	}
	interval := max(1, time.Second/time.Duration(packetsPerSecond))
	return pacer{interval: interval, burst: interval * time.Duration(max(1, burst))}
}

// cost is the time that so many bytes take, rounded up.
func (p *pacer) cost(bytes int) time.Duration {
	return (p.interval*time.Duration(bytes) + paced - 1) / paced
}

// take reports whether a packet of so many bytes may leave now, and takes its
// tokens. A packet larger than a burst waits for a whole burst. Those behind it wait
// until the rest of its cost has passed.
func (p *pacer) take(now time.Time, bytes int) bool {
	if p.interval == 0 {
		return true
	}
	if full := now.Add(-p.burst); p.spent.Before(full) {
		p.spent = full
	}
	cost := p.cost(bytes)
	if now.Sub(p.spent) < min(cost, p.burst) {
		return false
	}
	p.spent = p.spent.Add(cost)
	return true
}

// giveBack returns the tokens of bytes that did not leave after all.
func (p *pacer) giveBack(bytes int) { p.spent = p.spent.Add(-p.cost(bytes)) }

// ready returns from when on so many bytes may leave, of which the first packet has first.
// It waits for as many packets of that size as a millisecond brings, rounded up, so that
// waking up is worth it and packets leave together. It does not wait for more: that would
// fill the buffer of a reader that has stopped.
func (p *pacer) ready(first, bytes int) time.Time {
	if p.interval == 0 {
		return p.spent
	}
	one := max(1, p.cost(first))
	worth := (time.Millisecond + one - 1) / one * one
	return p.spent.Add(min(worth, p.cost(bytes), p.burst))
}
