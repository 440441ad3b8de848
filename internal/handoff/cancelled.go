package handoff

import (
	"context"
	"errors"
	"sync"
)

// cancelled remembers how many points a cancelled Export lost. When the SDK's periodic reader
// is shut down, it cancels the Export under way, exports what is new, and shuts the exporter
// down. Nobody sees the error of the cancelled Export, so the error of the exporter's
// Shutdown tells of those points.
type cancelled struct {
	mu      sync.Mutex
	points  int
	exports int // since then
}

// note notes that an Export has ended, and for how many points there was no room.
func (c *cancelled) note(ctx context.Context, points int) {
	cut := points > 0 && errors.Is(ctx.Err(), context.Canceled)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exports++
	if cut {
		c.points, c.exports = points, 0
	}
}

// recent returns the points of the last cancelled Export, if it was one of the last
// two Exports.
func (c *cancelled) recent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exports > 1 {
		return 0
	}
	return c.points
}
