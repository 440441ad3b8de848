package pipeline

import "time"

// pacer is a token bucket in virtual time: spent is the instant up to which
// tokens have been taken. It spreads an export over time, because a receive
// buffer of default size holds fewer than a hundred packets.
type pacer struct {
	interval time.Duration // between two packets; 0: no pacing
	burst    int
	spent    time.Time
}

func newPacer(packetsPerSecond, burst int) pacer {
	if packetsPerSecond <= 0 {
		return pacer{}
	}
	return pacer{interval: max(1, time.Second/time.Duration(packetsPerSecond)), burst: max(1, burst)}
}

// take returns how many of n packets may leave now, and takes their tokens.
func (p *pacer) take(now time.Time, n int) int {
	if p.interval == 0 {
		return n
	}
	if full := now.Add(-p.interval * time.Duration(p.burst)); p.spent.Before(full) {
		p.spent = full
	}
	n = min(n, int(now.Sub(p.spent)/p.interval))
	if n <= 0 {
		return 0
	}
	p.spent = p.spent.Add(p.interval * time.Duration(n))
	return n
}

// giveBack returns the tokens of n packets that did not leave after all.
func (p *pacer) giveBack(n int) { p.spent = p.spent.Add(-p.interval * time.Duration(n)) }

// ready returns when n packets may leave, or as many as make waking up worth
// it: what a millisecond brings or half a burst, whichever is more.
func (p *pacer) ready(n int) time.Time {
	if p.interval == 0 {
		return p.spent
	}
	worth := max(1, int(time.Millisecond/p.interval), p.burst/2)
	return p.spent.Add(p.interval * time.Duration(min(n, worth, p.burst)))
}
