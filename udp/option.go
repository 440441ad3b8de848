package udp

import (
	"fmt"
	"io/fs"
)

const (
	defaultReceiveBuffer = 4 << 20
	defaultSendBuffer    = 1 << 20
	defaultSocketMode    = 0o666
)

// Option configures [Dial], [Listen] or [ListenMany]. An option that does not concern the
// function or the address is validated and otherwise ignored. A nil option is an error.
type Option interface {
	apply(config) config
}

type config struct {
	receiveBuffer int
	sendBuffer    int
	socketMode    fs.FileMode
	group         string
	groupAsked    bool
	shared        bool
	gid           int // of group, or keepGroup
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
	c := config{receiveBuffer: defaultReceiveBuffer, sendBuffer: defaultSendBuffer, socketMode: defaultSocketMode, gid: keepGroup}
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
