package session

import (
	"runtime"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// How large packets are where nobody says. A default receive buffer of Linux holds
// 25 packets of LoopbackSize, which are 195 KB, and 12 of 8,192: it charges memory
// in steps.
const (
	UsualSize    = 1472 // one Ethernet frame over IPv4
	LoopbackSize = 7800
	UnixSize     = 16000
	// loopbackLimit tells the loopback interface from real links: its IP_MTU is 16
	// KiB or more, from which the headers of IPv6 and UDP are taken off here.
	loopbackLimit = 16<<10 - 48
)

// packetSize returns how large packets to address are: as asked for, and else what
// suits the path and the server; but not more than the path takes, 0 where nobody knows.
func packetSize(c *Config, address udp.Address, pathTakes int) int {
	size := c.PacketSize
	switch {
	case size > 0:
	case address.IsUnix() && runtime.GOOS == "linux": // elsewhere 2 KiB are usual
		size = UnixSize
	case pathTakes >= loopbackLimit:
		size = LoopbackSize
	default:
		size = UsualSize
	}
	if c.PacketSize == 0 && c.ServerTakes > 0 {
		size = min(size, c.ServerTakes)
	}
	if pathTakes > 0 {
		size = min(size, pathTakes)
	}
	return max(size, wire.MinPacketSize)
}
