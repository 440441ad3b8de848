package pipeline

import "github.com/otelgram/otelgram/internal/latency"

// Latencies are how long the first point of each packet was on its way: Buffer from
// when it was handed over until the pump took it, Send from then until the kernel
// took the packet, and EndToEnd their sum.
type Latencies struct{ Buffer, Send, EndToEnd latency.Histogram }

// Latencies are those of all packets sent.
func (p *Pipeline) Latencies() *Latencies { return p.latencies }
