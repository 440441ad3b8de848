package pipeline

import "time"

// sleep waits until there may be something to do.
func (p *pump) sleep() {
	defer p.waker.Forget()
	now := time.Now()
	if !p.packets.open && len(p.packets.ready) == 0 && !p.gather.After(now) {
		// Nothing here has a deadline: callers have to wake the pump.
		p.waker.SetAsleep(true)
		defer p.waker.SetAsleep(false)
	}
	until := p.deadline(now)
	if p.packets.room() {
		if p.pending() > 0 {
			return // there was no room for the rest, and there is now
		}
		if p.waiting() > 0 {
			if !p.stalled {
				p.stalled = true
				return
			}
			until = now.Add(halfPushed)
		}
	}
	p.stalled = false
	p.timer.Reset(until.Sub(now))
	select {
	case <-p.timer.C:
	case <-p.waker.Woken():
	case <-p.stop:
	case f := <-p.newFlushes:
		p.accept(f)
	case d := <-p.session.Dialled():
		p.session.Begin(d)
	case q := <-p.newEvents:
		p.sources = append(p.sources, q)
	}
}

// halfPushed is how long to wait for a caller that has claimed a slot of the event queue and
// has not filled it yet.
const halfPushed = 50 * time.Microsecond

// deadline returns when the pump has to look again by itself.
func (p *pump) deadline(now time.Time) time.Time {
	until := p.session.Deadline(now, p.packets.ready)
	if p.gather.After(now) && p.gather.Before(until) {
		until = p.gather
	}
	if p.packets.open {
		if old := p.packets.openedAt.Add(p.config.MaxBatchAge); old.Before(until) {
			until = old
		}
	}
	return until
}
