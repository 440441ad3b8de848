package pipeline

import (
	"context"
	"errors"
	"sync"
)

// cancelled remembers how many points a cancelled Export lost. When the SDK's periodic
// reader is shut down it cancels the Export under way, exports what is new and shuts
// the exporter down. So the error of Close is where somebody learns of those points.
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

// justNow returns the points of the last cancelled Export, if it was one of the last
// two Exports.
func (c *cancelled) justNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exports > 1 {
		return 0
	}
	return c.points
}
