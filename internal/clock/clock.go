// Package clock is a clock for hot paths: reading it costs a load instead of a
// system call's worth of work. It is a millisecond coarse and ticks only while
// somebody reads it.
package clock

import (
	"sync/atomic"
	"time"
)

// Resolution is how old a reading may be, give or take the scheduler.
const Resolution = time.Millisecond

// restAfter is how many ticks without a reading put the clock to rest.
const restAfter = 100

// Clock is a coarse clock. Its methods are safe for concurrent use.
type Clock struct {
	now  atomic.Int64 // Unix nanoseconds; 0 while the clock rests
	read atomic.Bool  // since it was last cleared

	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// New returns a clock at rest. Stop ends its goroutine.
func New() *Clock {
	c := &Clock{wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go c.run()
	return c
}

// Now returns the time in Unix nanoseconds. The first reading after a rest is
// exact and sets the clock ticking.
func (c *Clock) Now() int64 {
	if n := c.now.Load(); n != 0 {
		if !c.read.Load() {
			c.read.Store(true)
		}
		return n
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return time.Now().UnixNano()
}

// Stop ends the clock's goroutine. Readings after that are exact. It must be
// called once.
func (c *Clock) Stop() {
	close(c.stop)
	<-c.stopped
}

func (c *Clock) run() {
	defer close(c.stopped)
	for {
		select {
		case <-c.wake:
			if !c.tick() {
				return
			}
		case <-c.stop:
			return
		}
	}
}

// tick keeps the time until nobody reads it any more, and returns false when
// the clock was stopped.
func (c *Clock) tick() bool {
	defer c.now.Store(0)
	t := time.NewTicker(Resolution)
	defer t.Stop()
	c.now.Store(time.Now().UnixNano())
	for unread := 0; unread < restAfter; {
		select {
		case <-t.C:
		case <-c.stop:
			return false
		}
		c.now.Store(time.Now().UnixNano())
		unread++
		if c.read.Load() {
			c.read.Store(false)
			unread = 0
		}
	}
	return true
}
