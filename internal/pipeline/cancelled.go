package pipeline

import (
	"context"
	"errors"
	"sync"
)

// cancelled remembers what the last Export lost whose context was cancelled. The
// SDK's periodic reader cancels the one under way when it is shut down, exports
// what is new and shuts the exporter down: the error of that is the only place
// where somebody learns of the points.
type cancelled struct {
	mu      sync.Mutex
	points  int
	exports int // since then
}

// note notes an Export that has ended, and how many points it had no room for.
func (c *cancelled) note(ctx context.Context, points int) {
	cut := points > 0 && errors.Is(ctx.Err(), context.Canceled)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exports++
	if cut {
		c.points, c.exports = points, 0
	}
}

// justNow returns how many points that were, if it was one of the last two.
func (c *cancelled) justNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exports > 1 {
		return 0
	}
	return c.points
}
