package udp

import "fmt"

const (
	defaultReceiveBuffer = 4 << 20
	defaultSendBuffer    = 1 << 20
)

// Option configures [Dial] or [Listen]. An option that does not concern the one
// it is given to is validated and otherwise ignored.
type Option interface {
	apply(config) config
}

type config struct {
	receiveBuffer int
	sendBuffer    int
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithReceiveBuffer sets the size in bytes of the kernel's receive buffer for
// [Listen], which has to hold what arrives while the reader is busy. The kernel
// caps it silently (net.core.rmem_max on Linux, unless the process has
// CAP_NET_ADMIN): [Listener.ReceiveBuffer] tells what it granted. The size must
// be positive. Default: 4 MiB.
func WithReceiveBuffer(bytes int) Option {
	return optionFunc(func(c config) config {
		c.receiveBuffer = bytes
		return c
	})
}

// WithSendBuffer sets the size in bytes of the kernel's send buffer for [Dial].
// When it is full, Send reports [WouldBlock]. The kernel caps it silently
// (net.core.wmem_max on Linux). The size must be positive. Default: 1 MiB.
func WithSendBuffer(bytes int) Option {
	return optionFunc(func(c config) config {
		c.sendBuffer = bytes
		return c
	})
}

func newConfig(opts []Option) (config, error) {
	c := config{receiveBuffer: defaultReceiveBuffer, sendBuffer: defaultSendBuffer}
	for _, opt := range opts {
		c = opt.apply(c)
	}
	if c.receiveBuffer <= 0 {
		return config{}, fmt.Errorf("udp: receive buffer of %d bytes: want a positive size", c.receiveBuffer)
	}
	if c.sendBuffer <= 0 {
		return config{}, fmt.Errorf("udp: send buffer of %d bytes: want a positive size", c.sendBuffer)
	}
	return c, nil
}
