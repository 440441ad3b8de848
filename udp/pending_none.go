//go:build !unix

package udp

func pendingError(socket) error { return nil }
