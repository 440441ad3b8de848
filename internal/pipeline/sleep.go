package pipeline

import "time"

// sleep waits until there may be something to do.
func (p *pump) sleep(in *inbox) {
	w := p.lane.waker
	defer w.Forget()
	now := time.Now()
	if !p.open && len(p.ready) == 0 && !p.gather.After(now) {
		// Nothing here has a deadline: callers have to wake the pump.
		w.SetAsleep(true)
		defer w.SetAsleep(false)
	}
	until := p.deadline(now)
	if p.room() {
		if p.next < len(p.run) || p.events != nil && p.events.Pending() > 0 {
			return // there was no room for the rest, and there is now
		}
		if p.lane.len() > 0 || p.events != nil && p.events.Len() > 0 {
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
	case <-w.Woken():
	case <-in.stop:
	case f := <-in.flushes:
		p.accept(f)
	case s := <-in.senders:
		p.link.adopt(s)
	case p.events = <-in.events:
	}
}

// halfPushed is how long to wait for a caller that has claimed a slot of the event queue and
// not filled it yet.
const halfPushed = 50 * time.Microsecond

// deadline returns when the pump has to look again by itself.
func (p *pump) deadline(now time.Time) time.Time {
	until := p.link.deadline(now, p.ready, p.readyBytes)
	if p.gather.After(now) {
		until = earlier(until, p.gather)
	}
	if p.open {
		until = earlier(until, p.openedAt.Add(p.config.MaxBatchAge))
	}
	return until
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
