package pipeline

const (
	// What a slot of each queue takes, and hardly less in the runs that are taken out of
	// it, in bytes. The point queue takes as many as are in use at once.
	pointSlot = 72
	eventSlot = 48
	// baseMemory is an allowance for the packer's tables, buffers and goroutines.
	baseMemory = 192 << 10
)

// FixedMemory is what a pipeline takes at most whatever comes, in bytes: a queue of so many
// points and, in event mode, one of as many events, runs, and buffers for packets of so many
// bytes. Those for larger bodies are charged to the budget when they are made.
func FixedMemory(points, run, packet int, events bool) int64 {
	fixed := pointSlot*int64(points+run) + int64(maxReadyBytes+2*packet) + baseMemory
	if events {
		fixed += eventSlot * int64(points+2*run)
	}
	return fixed
}
