package udp

import (
	"fmt"
	"io/fs"
)

const (
	defaultReceiveBuffer = 4 << 20
	defaultSendBuffer    = 1 << 20
	defaultSocketMode    = 0o666
	// defaultMaxDatagram is more than any UDP datagram holds, in bytes: none is cut.
	defaultMaxDatagram = 65535
)

// Option configures [Dial], [Listen] or [ListenMany]. An option that does not concern the
// function or the address is validated and otherwise ignored. A nil option is an error.
type Option interface {
	apply(config) config
}

type config struct {
	receiveBuffer  int
	sendBuffer     int
	maxDatagram    int
	segmentation   bool
	receiveOffload bool
	socketMode     fs.FileMode
	group          string
	groupAsked     bool
	shared         bool
	gid            int // of group, or keepGroup
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithReceiveBuffer sets the size of the kernel's receive buffer for [Listen], in bytes.
// The buffer has to hold what arrives while the reader is busy. The kernel caps the size
// silently (net.core.rmem_max on Linux, unless the process has CAP_NET_ADMIN);
// [Listener.ReceiveBuffer] tells what it granted. The size must be positive. The default is
// 4 MiB.
func WithReceiveBuffer(bytes int) Option {
	return optionFunc(func(c config) config {
		c.receiveBuffer = bytes
		return c
	})
}

// WithSendBuffer sets the size of the kernel's send buffer for [Dial], in bytes. When the
// buffer is full, Send reports [WouldBlock]. The kernel caps the size silently
// (net.core.wmem_max on Linux). The size must be positive. The default is 1 MiB.
func WithSendBuffer(bytes int) Option {
	return optionFunc(func(c config) config {
		c.sendBuffer = bytes
		return c
	})
}

// WithMaxDatagramSize sets how much of a datagram [Listener.ReadBatch] returns, in bytes,
// from 1 to 65,535. The rest of a longer one is lost, and it is marked as truncated. The
// default is 65,535, which no UDP datagram exceeds. On Linux a UDP socket takes 32 times this
// size in memory, or 2 MiB with receive offload, and elsewhere once this size.
func WithMaxDatagramSize(bytes int) Option {
	return optionFunc(func(c config) config {
		c.maxDatagram = bytes
		return c
	})
}

// WithoutSegmentationOffload has [Dial] make a socket that hands packets to the kernel one by
// one, and not in runs (UDP_SEGMENT). Runs are cheaper wherever they work, and where the
// kernel says that they do not work, they stop by themselves. This option is for a network
// device or tunnel that loses or damages runs without saying so.
//
// Runs are not used on systems other than Linux, at Unix sockets, on kernels before 4.18,
// which do not have them, and on 7.0 to 7.1.4, which damage headers in some network devices.
func WithoutSegmentationOffload() Option {
	return optionFunc(func(c config) config {
		c.segmentation = false
		return c
	})
}

// WithoutReceiveOffload has [Listen] make a socket that takes datagrams from the kernel one
// by one. Otherwise the kernel may hand over several datagrams of one sender as one
// (UDP_GRO), and ReadBatch takes them apart. This option is for a network device that
// receives less with it.
//
// Receive offload is not used on systems other than Linux, at Unix sockets, and on kernels
// before 5.12, which have it with faults.
func WithoutReceiveOffload() Option {
	return optionFunc(func(c config) config {
		c.receiveOffload = false
		return c
	})
}

// WithSocketMode sets the permissions of the file that [Listen] makes for a Unix socket,
// whatever the umask is. A sender needs the permission to write. The mode must have
// permission bits only, among them the owner's permission to write, 0o200. The default is
// 0o666, so that the permissions of the directory decide which processes may send.
func WithSocketMode(mode fs.FileMode) Option {
	return optionFunc(func(c config) config {
		c.socketMode = mode
		return c
	})
}

// WithSocketGroup sets the group of the file that [Listen] makes for a Unix socket, by name
// or number. A process without privileges can give the file to groups that it is a member
// of. With [WithSocketMode](0o660) the members of the group may send. An unknown group is
// an error. The default is the group of the process, or of the directory on systems that do
// so.
func WithSocketGroup(group string) Option {
	return optionFunc(func(c config) config {
		c.group, c.groupAsked = group, true
		return c
	})
}

// WithSharedAddress lets [Listen] and [ListenMany] take an address on which a process of
// the same user listens already, if both have this option. So a new process can start
// before the old one stops. The kernel spreads datagrams over all sockets by their source
// (SO_REUSEPORT in socket(7)), and [Listener.Drain] lets a socket leave without a loss.
// Listeners without the option can be joined, too, if ListenMany opened several sockets for
// them.
//
// At the path of a Unix socket the newer listener takes over. It replaces the file. A
// sender that has dialled the older listener stays with it until that is closed. The path
// must be four bytes shorter than otherwise, for the name under which the new file is made.
//
// The option works on Linux and, for Unix sockets, on all systems except Windows. Elsewhere
// it has no effect.
func WithSharedAddress() Option {
	return optionFunc(func(c config) config {
		c.shared = true
		return c
	})
}

// newConfig applies the options of a call of function, and validates the result.
func newConfig(function string, opts []Option) (config, error) {
	c := config{
		receiveBuffer: defaultReceiveBuffer, sendBuffer: defaultSendBuffer, maxDatagram: defaultMaxDatagram,
		segmentation: true, receiveOffload: true, socketMode: defaultSocketMode, gid: keepGroup,
	}
	for i, opt := range opts {
		if opt == nil {
			return config{}, fmt.Errorf("udp: %s: option %d is nil", function, i+1)
		}
		c = opt.apply(c)
	}
	if c.receiveBuffer <= 0 {
		return config{}, fmt.Errorf("udp: WithReceiveBuffer(%d): want a positive number of bytes", c.receiveBuffer)
	}
	if c.sendBuffer <= 0 {
		return config{}, fmt.Errorf("udp: WithSendBuffer(%d): want a positive number of bytes", c.sendBuffer)
	}
	if c.maxDatagram < 1 || c.maxDatagram > defaultMaxDatagram {
		return config{}, fmt.Errorf("udp: WithMaxDatagramSize(%d): want from 1 to %d bytes", c.maxDatagram, defaultMaxDatagram)
	}
	if c.socketMode&^fs.ModePerm != 0 {
		return config{}, fmt.Errorf("udp: WithSocketMode(%#o): want permission bits only, such as 0o660", uint32(c.socketMode))
	}
	if c.socketMode&0o200 == 0 {
		return config{}, fmt.Errorf("udp: WithSocketMode(%#o): the owner must be allowed to write (0o200)", uint32(c.socketMode))
	}
	if c.groupAsked {
		gid, err := groupID(c.group)
		if err != nil {
			return config{}, fmt.Errorf("udp: WithSocketGroup(%q): %w", c.group, err)
		}
		c.gid = gid
	}
	return c, nil
}
