package pipeline

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minRedial = time.Second
	maxRedial = 30 * time.Second
)

// dial calls Config.Dial until it succeeds and hands the socket to the pump.
// It closes tried after the first attempt. A name that does not resolve yet is
// thus no failure; the pump counts points as unresolved meanwhile.
func (p *Pipeline) dial(ctx context.Context, tried chan struct{}) {
	defer close(p.dialed)
	for pause := minRedial; ; pause = min(2*pause, maxRedial) {
		s, err := p.config.Dial(ctx)
		if err == nil {
			select {
			case p.inbox.senders <- s:
			case <-ctx.Done():
				_ = s.Close() // never used
			}
		}
		if tried != nil {
			close(tried)
			tried = nil
		}
		if err == nil || !sleep(ctx, jitter(pause)) {
			return
		}
	}
}

// sleep returns false if ctx ended before d was over.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads d by a fifth to both sides, so that a fleet does not move in
// step.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
