package pipeline

import (
	"github.com/otelgram/otelgram/internal/event"
	"github.com/otelgram/otelgram/internal/handoff"
)

// baseMemory is an allowance for the packer's tables, buffers and goroutines, in bytes.
const baseMemory = 192 << 10

// FixedMemory is what a pipeline takes at most whatever comes, in bytes: a queue for points
// and, in event mode, one for as many events, the runs that are taken out of them, and
// buffers for packets of at most packet bytes. Buffers for larger bodies are charged to the
// budget when they are made.
func FixedMemory(points, run, packet int, events bool) int64 {
	fixed := handoff.SlotSize*int64(points) + handoff.RunSlotSize*int64(run) + int64(maxReadyBytes+enoughBytes+3*packet) + baseMemory
	if events {
		fixed += event.SlotSize * int64(points+2*run)
	}
	return fixed
}
