package pipeline

import (
	"context"
	"fmt"
	"strings"

	"github.com/otelgram/otelgram/wire"
)

// BeginClose says that Close follows: its error tells of what is lost from here on. Points
// are still taken. Without it the error tells of what is lost since Close was called.
func (p *Pipeline) BeginClose() { p.began.Do(func() { p.before = p.Stats() }) }

// Close takes no more points, sends what it holds at the usual pace until ctx ends, says
// goodbye and releases the socket. It must be called once. Its error says how many points were
// not sent since BeginClose, and why. If there never was a socket and points were lost for
// that, be it before BeginClose, it says what keeps the endpoint from being dialled.
func (p *Pipeline) Close(ctx context.Context) error {
	p.BeginClose()
	p.points.Close()
	p.closeEvents()
	cause := p.Flush(ctx)
	p.dialer.Stop()
	close(p.pump.stop)
	<-p.pump.done
	return unsent(p.before, p.Stats(), p.points.Cancelled(), cause)
}

func (p *Pipeline) closeEvents() {
	p.eventsMu.Lock()
	defer p.eventsMu.Unlock()
	p.eventsClosed = true
	if q := p.events.Load(); q != nil {
		q.Close()
	}
}

// unsent makes the error of Close. It tells of the points that were dropped between two
// snapshots, of those that a cancelled Export lost before, of those that were lost because
// there never was a socket, and of connections refused between the snapshots.
func unsent(before, after Stats, cancelled int, cause error) error {
	var reasons []string
	total := uint64(0)
	for i := range after.Dropped {
		if n := after.Dropped[i] - before.Dropped[i]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("%s %d", wire.DropReason(i), n))
			total += n
		}
	}
	var parts []string
	if total > 0 {
		parts = append(parts, fmt.Sprintf("%d points not sent (%s)", total, strings.Join(reasons, ", ")))
	}
	if cancelled > 0 {
		parts = append(parts, fmt.Sprintf("%d points not handed over: their Export was cancelled (%s)", cancelled, wire.Deadline))
	}
	if after.DialError != "" && after.Sessions == 0 && after.Dropped[wire.Unresolved] > 0 {
		parts = append(parts, "the endpoint cannot be dialled: "+after.DialError)
	}
	// An exporter that never sent a point has lost none there, whoever listens.
	if refused := after.ConnectionsRefused - before.ConnectionsRefused; refused > 0 && after.Sent > 0 {
		parts = append(parts, fmt.Sprintf("the other side refused packets %d times (no open port at %s): what was sent last is lost", refused, after.Address))
	}
	if len(parts) == 0 {
		return nil
	}
	text := strings.Join(parts, "; ")
	if cause != nil {
		return fmt.Errorf("otelgram: shutdown: %s: %w", text, cause)
	}
	return fmt.Errorf("otelgram: shutdown: %s", text)
}
