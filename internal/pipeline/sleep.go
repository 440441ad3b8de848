package pipeline

import (
	"slices"
	"time"
)

// sleep waits until there may be something to do.
func (p *pump) sleep(in *inbox) {
	defer p.lane.waker.forget()
	now := time.Now()
	until := p.deadline(now)
	if p.rousable(now, until) {
		p.lane.waker.asleep.Store(true)
		defer p.lane.waker.asleep.Store(false)
	}
	if p.room() && (p.next < len(p.run) || p.folder != nil && p.folder.busy()) {
		return // there was no room for the rest, and there is now
	}
	if p.due(now) {
		if !p.stalled {
			p.stalled = true
			return
		}
		until = now.Add(halfPushed)
	}
	p.stalled = false
	p.timer.Reset(until.Sub(now))
	select {
	case <-p.timer.C:
	case <-p.lane.waker.wake:
	case <-in.stop:
	case f := <-in.flushes:
		p.accept(f)
	case s := <-in.senders:
		p.link.adopt(s)
	case p.folder = <-in.folders:
	case o := <-p.observed(in):
		p.folder.accept(o)
	}
}

// rousable reports whether callers have to wake a pump that sleeps until then: nothing
// here has a deadline, or it has one that is too late for events to be folded.
func (p *pump) rousable(now, until time.Time) bool {
	if p.gather.After(now) {
		return false
	}
	folds := p.folder != nil && !p.folder.every
	return !p.open && len(p.ready) == 0 || folds && until.Sub(now) > p.config.MaxBatchAge
}

// due reports whether something in the lanes is not to wait any longer, and need not
// wait for room. Events that are folded need none; they may gather, unless they have
// done so, were hidden by one half pushed, or a flush waits for them.
func (p *pump) due(now time.Time) bool {
	f, room := p.folder, p.room()
	switch {
	case p.lane.len() > 0 && room:
		return true
	case f == nil || f.lane.ring.Len() == 0:
		return false
	case f.every:
		return room
	}
	return f.toFold > 0 || !p.gather.After(now) || slices.ContainsFunc(p.flushes, flush.drains)
}

// halfPushed is how long to wait for a caller that has claimed a slot of the
// lane and not filled it yet.
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
