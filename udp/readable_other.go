//go:build !linux

package udp

// readable returns false: on this system ReadBatch reads nothing after Drain.
func readable(socket) bool { return false }
