package udp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// canSegment reports whether a socket can send runs. Whether the path takes them is known
// only once one is sent.
func canSegment(conn socket) Offload {
	if !segmentsRightly(kernelRelease()) {
		return OffloadUnavailable
	}
	can := OffloadUnavailable
	control(conn, func(fd int) {
		if _, err := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT); err == nil {
			can = OffloadActive
		}
	})
	return can
}

// coalesce lets the kernel hand over several datagrams of one sender as one.
func coalesce(conn socket) Offload {
	if !coalescesRightly(kernelRelease()) {
		return OffloadUnavailable
	}
	does := OffloadUnavailable
	control(conn, func(fd int) {
		if unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil {
			does = OffloadActive
		}
	})
	return does
}

// release is the version of a kernel.
type release struct{ major, minor, patch int }

func (r release) before(major, minor, patch int) bool {
	if r.major != major {
		return r.major < major
	}
	if r.minor != minor {
		return r.minor < minor
	}
	return r.patch < patch
}

// segmentsRightly is false for a release that is unknown, and for the kernels that damage the
// headers of runs in some network devices: commit b10b446 came with 7.0 (tailscale#19918).
func segmentsRightly(r release) bool {
	return r != release{} && (r.before(7, 0, 0) || !r.before(7, 1, 5))
}

// coalescesRightly is false for a release that is unknown, and for the kernels with known
// faults in UDP_GRO: wireguard-go uses it from 5.12 on.
func coalescesRightly(r release) bool { return !r.before(5, 12, 0) }

func kernelRelease() release {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return release{}
	}
	return parseRelease(unix.ByteSliceToString(name.Release[:]))
}

// parseRelease reads the begin of a text such as 6.18.2-amd64. What is missing is 0.
func parseRelease(s string) (r release) {
	_, _ = fmt.Sscanf(s, "%d.%d.%d", &r.major, &r.minor, &r.patch)
	return r
}
