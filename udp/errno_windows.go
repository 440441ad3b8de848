package udp

import (
	"errors"

	"golang.org/x/sys/windows"
)

const (
	errInterrupted = windows.WSAEINTR
	errInvalid     = windows.WSAEINVAL
	errNetworkDown = windows.WSAENETDOWN
	errNoSegments  = windows.ERROR_NOT_SUPPORTED // no system but Linux has segmentation here
	// flagTruncated is MSG_TRUNC of ws2def.h.
	flagTruncated = 0x100
)

func outcomeOf(err error) Outcome {
	var errno windows.Errno
	if !errors.As(err, &errno) {
		return Failed
	}
	switch errno {
	case windows.WSAEWOULDBLOCK:
		return WouldBlock
	case windows.WSAENOBUFS:
		return NoBuffers
	case windows.WSAECONNREFUSED, windows.WSAECONNRESET:
		// Winsock reports an ICMP port unreachable as a reset.
		return Refused
	case windows.WSAEMSGSIZE:
		return TooLarge
	case windows.WSAEACCES:
		return Denied
	case windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN:
		return Unreachable
	}
	return Failed
}
