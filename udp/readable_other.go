//go:build !linux

package udp

// readable says that what is left after Drain is not read: this system is not asked
// whether there is anything.
func readable(socket) bool { return false }
