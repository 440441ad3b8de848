package session

import (
	"time"

	"github.com/otelgram/otelgram/internal/latency"
)

// Latencies are how long the first point of each packet was under way: Buffer from when it
// was handed over until the pump took it, Send from then until the kernel took the packet,
// and EndToEnd their sum.
type Latencies struct{ Buffer, Send, EndToEnd latency.Histogram }

// add counts those of a packet that has left. Points are handed over by the wall clock,
// which may jump.
func (l *Latencies) add(p *Packet) {
	if p.Recorded == 0 {
		return
	}
	buffer := max(0, time.Duration(p.OpenedAt.UnixNano()-p.Recorded))
	send := time.Since(p.OpenedAt)
	l.Buffer.Add(buffer)
	l.Send.Add(send)
	l.EndToEnd.Add(buffer + send)
}
