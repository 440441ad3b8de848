//go:build !windows

package udp

import (
	"errors"
	"syscall"
)

const (
	errInterrupted = syscall.EINTR
	errInvalid     = syscall.EINVAL
	errNetworkDown = syscall.ENETDOWN
	errNoSegments  = syscall.EIO
	flagTruncated  = syscall.MSG_TRUNC
)

func outcomeOf(err error) Outcome {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return Failed
	}
	// EWOULDBLOCK is EAGAIN on every platform of Go.
	switch errno {
	case syscall.EAGAIN:
		return WouldBlock
	case syscall.ENOBUFS:
		return NoBuffers
	case syscall.ECONNREFUSED, syscall.ENOTCONN, syscall.EPIPE:
		// When the listener of a Unix socket has gone, the sender gets one error and is
		// disconnected from then on. EPIPE says that the listener takes no more.
		return Refused
	case syscall.EMSGSIZE:
		return TooLarge
	case syscall.EPERM, syscall.EACCES:
		return Denied
	case syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTUNREACH, syscall.EHOSTDOWN:
		return Unreachable
	}
	return Failed
}
