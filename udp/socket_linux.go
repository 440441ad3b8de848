package udp

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prepareToSend tunes a socket that only sends. Sending works without any of this, so
// errors are ignored.
//
// It also forbids fragments: a packet larger than the path allows gets EMSGSIZE, and can be
// packed again. Otherwise the loss of one fragment would lose the whole packet (RFC 8085,
// section 3.2).
func prepareToSend(conn socket, sendBuffer int, remote netip.Addr) {
	_ = conn.SetWriteBuffer(sendBuffer)
	// With extended errors on, a packet that a queue below the socket drops is reported as
	// ENOBUFS; without, the kernel pretends that it was sent (udp_send_skb in
	// net/ipv4/udp.c). Of a run it reports nothing if it could queue a part of it. The
	// setting also queues a copy of each ICMP error, which nobody
	// reads. The receive buffer bounds that queue, and errors are reported when it is full
	// as well, so a small receive buffer keeps the queue from holding memory.
	_ = conn.SetReadBuffer(minReceiveBuffer)
	control(conn, func(fd int) {
		if remote.Is4() {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
		} else {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO)
		}
	})
}

// Headers in front of a payload, in bytes: IP without options, and UDP.
const (
	headers4 = 20 + 8
	headers6 = 40 + 8
)

// payloadLimit returns how many bytes the path to remote takes in one packet, as far as the
// kernel knows, or 0 if it does not.
func payloadLimit(conn syscall.Conn, remote netip.Addr) (bytes int) {
	level, option, headers := unix.IPPROTO_IP, unix.IP_MTU, headers4
	if remote.Is6() {
		level, option, headers = unix.IPPROTO_IPV6, unix.IPV6_MTU, headers6
	}
	control(conn, func(fd int) {
		if mtu, err := unix.GetsockoptInt(fd, level, option); err == nil {
			bytes = max(0, mtu-headers)
		}
	})
	return bytes
}

// pendingError takes the error that the socket would return for the next call.
func pendingError(conn syscall.Conn) error {
	pending := 0
	control(conn, func(fd int) {
		pending, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	})
	if pending == 0 {
		return nil
	}
	return unix.Errno(pending)
}

// minReceiveBuffer asks for the least. The kernel raises it to its own minimum.
const minReceiveBuffer = 1

// growReceiveBuffer asks for size bytes. If the limit for all users is lower, it asks with
// privilege.
func growReceiveBuffer(conn socket, size int) {
	_ = conn.SetReadBuffer(size)
	if receiveBufferSize(conn) < size {
		control(conn, func(fd int) {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
		})
	}
}

// receiveBufferSize returns the size of the receive buffer in the unit in which it is asked
// for: half of what the kernel reports, see SO_RCVBUF in socket(7).
func receiveBufferSize(conn socket) (size int) {
	control(conn, func(fd int) {
		if doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil {
			size = doubled / 2
		}
	})
	return size
}

// canShare says that several sockets on one port share what arrives there.
const canShare = true

// sharePort lets a socket share its port with others of this user.
func sharePort(raw syscall.RawConn) error {
	var refused error
	err := raw.Control(func(fd uintptr) {
		refused = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
	if err != nil {
		return err
	}
	return refused
}

// discardPort is the port from which nothing ever comes (RFC 863).
const discardPort = 9

// stopArrivals keeps new datagrams from a listener. It returns false if they arrive as
// before.
//
// A UDP socket that shares its address is connected: from then on it takes datagrams from
// one address and port alone, and the kernel chooses among the other sockets
// (reuseport_select_sock in net/core/sock_reuseport.c). A socket that has the address to
// itself is left as it is, since no other socket would take what it does not. A Unix socket
// is shut down for reading: its senders get connection refused, and what is queued can be
// read.
func stopArrivals(conn socket, shared bool) (stopped bool) {
	switch addr := conn.LocalAddr().(type) {
	case *net.UnixAddr:
		control(conn, func(fd int) { stopped = unix.Shutdown(fd, unix.SHUT_RD) == nil })
	case *net.UDPAddr:
		if shared {
			control(conn, func(fd int) { stopped = unix.Connect(fd, nobody(fd, addr.AddrPort().Addr().Unmap())) == nil })
		}
	}
	return stopped
}

// nobody returns an address to which a socket bound to local can be connected, and from
// which no datagram comes.
func nobody(fd int, local netip.Addr) unix.Sockaddr {
	if local.IsUnspecified() {
		local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if family, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: discardPort, Addr: local.As4()}
	}
	sa := &unix.SockaddrInet6{Port: discardPort, Addr: local.As16()}
	if i, err := net.InterfaceByName(local.Zone()); err == nil {
		sa.ZoneId = uint32(i.Index)
	}
	return sa
}

// dropCounter extends the kernel's count, which has 32 bits, across wraps. It has to be
// read at least once per 2^32 drops.
type dropCounter struct {
	last  uint32
	total uint64
	known bool
}

func (c *dropCounter) read(conn socket) (dropped uint64, ok bool) {
	if info, ok := memInfo(conn); ok {
		drops := info[unix.SK_MEMINFO_DROPS]
		c.total += uint64(drops - c.last)
		c.last, c.known = drops, true
	}
	return c.total, c.known
}

// memInfo reads SO_MEMINFO, for which package unix has no function.
func memInfo(conn syscall.Conn) (info [unix.SK_MEMINFO_VARS]uint32, ok bool) {
	control(conn, func(fd int) {
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size == uint32(unsafe.Sizeof(info))
	})
	return info, ok
}

// control runs f with the socket's file descriptor. If the socket is closed, f does not
// run.
func control(conn syscall.Conn, f func(fd int)) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) })
}
