package pipeline

import "time"

// Latency is how long the first point of a packet was on its way: from when it
// was handed over until the pump took it, and from then until the kernel took the
// packet.
type Latency struct{ Buffer, Send time.Duration }

// maxLatencies is how many packets' latencies wait to be taken out. Those of
// further packets are left out.
const maxLatencies = 512

// Latencies moves what is known of the latencies of packets sent since it was last
// called to the front of to, and returns their number. One goroutine at a time may
// call it.
func (p *Pipeline) Latencies(to []Latency) int {
	total := 0
	for total < len(to) {
		n := p.latencies.TryPopBatch(to[total:])
		if n == 0 {
			break
		}
		total += n
	}
	return total
}
