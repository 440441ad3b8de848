package receiver

import (
	"fmt"
	"runtime"
)

// Option configures a Receiver.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

type config struct {
	readBuffer int
	queue      int
	workers    int
}

const (
	defaultReadBuffer = 4 << 20
	defaultQueue      = 4096
	maxWorkers        = 64
)

func newConfig(opts []Option) (config, error) {
	c := config{
		readBuffer: defaultReadBuffer,
		queue:      defaultQueue,
		workers:    min(runtime.GOMAXPROCS(0), maxWorkers),
	}
	for _, o := range opts {
		c = o.apply(c)
	}
	switch {
	case c.readBuffer < 1 || c.readBuffer > 1<<30:
		return c, fmt.Errorf("otelgram: WithReadBuffer(%d): must be from 1 to %d bytes", c.readBuffer, 1<<30)
	case c.queue < 1 || c.queue > 1<<20:
		return c, fmt.Errorf("otelgram: WithQueueSize(%d): must be from 1 to %d packets", c.queue, 1<<20)
	case c.workers < 1 || c.workers > maxWorkers:
		return c, fmt.Errorf("otelgram: WithWorkers(%d): must be from 1 to %d", c.workers, maxWorkers)
	}
	return c, nil
}

// WithReadBuffer sets the size of the socket's receive buffer, in bytes, as
// asked of the kernel; [Stats] says what it granted. It is what rides out a
// burst. The default is 4 MiB.
func WithReadBuffer(bytes int) Option {
	return optionFunc(func(c config) config { c.readBuffer = bytes; return c })
}

// WithQueueSize sets how many packets may wait for each of the goroutines that
// decode them and call the handler: of usual size, fewer of more than 2 KiB. The
// default is 4096.
func WithQueueSize(packets int) Option {
	return optionFunc(func(c config) config { c.queue = packets; return c })
}

// WithWorkers sets how many goroutines decode packets and call the handler,
// from 1 to 64. A session is always served by the same one. The default is
// GOMAXPROCS.
func WithWorkers(n int) Option {
	return optionFunc(func(c config) config { c.workers = n; return c })
}
