package receiver

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"

	"go.opentelemetry.io/otel/metric"
)

// Option configures a Receiver.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

type config struct {
	receiveBuffer int
	queue         int
	workers       int
	sources       []netip.Prefix // empty: all
	logger        *slog.Logger
	// meterProvider is nil for the global one.
	meterProvider metric.MeterProvider
}

const (
	defaultReceiveBuffer = 4 << 20
	defaultQueue         = 4096
	maxWorkers           = 64
)

func newConfig(opts []Option) (config, error) {
	c := config{
		receiveBuffer: defaultReceiveBuffer,
		queue:         defaultQueue,
		workers:       min(runtime.GOMAXPROCS(0), maxWorkers),
		logger:        slog.Default(),
	}
	for _, o := range opts {
		c = o.apply(c)
	}
	switch {
	case c.receiveBuffer < 1 || c.receiveBuffer > 1<<30:
		return c, fmt.Errorf("otelgram: WithReceiveBuffer(%d): must be from 1 to %d bytes", c.receiveBuffer, 1<<30)
	case c.queue < 1 || c.queue > 1<<20:
		return c, fmt.Errorf("otelgram: WithQueueSize(%d): must be from 1 to %d packets", c.queue, 1<<20)
	case c.workers < 1 || c.workers > maxWorkers:
		return c, fmt.Errorf("otelgram: WithWorkers(%d): must be from 1 to %d", c.workers, maxWorkers)
	}
	for _, p := range c.sources {
		if !p.IsValid() {
			return c, fmt.Errorf("otelgram: WithAllowedSources(%v): want networks such as 10.0.0.0/8 or 2001:db8::/32", c.sources)
		}
	}
	return c, nil
}

// WithReceiveBuffer sets the size of the socket's receive buffer, in bytes, as
// asked of the kernel; [Stats] says what it granted. It is what rides out a
// burst. The default is 4 MiB.
func WithReceiveBuffer(bytes int) Option {
	return optionFunc(func(c config) config { c.receiveBuffer = bytes; return c })
}

// WithQueueSize sets how many packets may wait for each of the goroutines that
// decode them and call the handler, see [WithWorkers]. Packets larger than 2 KiB
// count for more than one. The default is 4096.
func WithQueueSize(packets int) Option {
	return optionFunc(func(c config) config { c.queue = packets; return c })
}

// WithWorkers sets how many goroutines decode packets and call the handler,
// from 1 to 64. A session is always served by the same one. The default is
// GOMAXPROCS, at most 64.
func WithWorkers(n int) Option {
	return optionFunc(func(c config) config { c.workers = n; return c })
}

// WithAllowedSources accepts packets from these networks only; those from others
// are counted as rejected before anything in them is looked at. A source address
// can be forged, so this keeps out mistakes and strangers, not attackers on the
// same network. IPv4 networks also hold for IPv4 senders on dual-stack sockets.
// On a Unix socket it has no effect. The default, also for none, is all.
func WithAllowedSources(networks ...netip.Prefix) Option {
	return optionFunc(func(c config) config { c.sources = append([]netip.Prefix(nil), networks...); return c })
}

// WithMeterProvider sets where the receiver's own metrics go, the totals of
// [Stats] under names that begin with stats.receiver. The default, also for nil,
// is OpenTelemetry's global provider, also if that is set later.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithLogger sets where the receiver logs: one warning, where it listens beyond
// the loopback interface without WithAllowedSources. The default, also for nil,
// is slog.Default().
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}

// warn logs a warning if everybody may send.
func (c *config) warn(addr net.Addr) {
	u, ok := addr.(*net.UDPAddr)
	if !ok || u.IP.IsLoopback() || len(c.sources) > 0 {
		return
	}
	c.logger.Warn("otelgram: the receiver takes metrics from anybody who reaches it: nothing authenticates a datagram; "+
		"listen on a loopback or private address, or name the senders' networks with WithAllowedSources", "address", addr.String())
}

// allowed reports whether packets from a source are taken.
func (c *config) allowed(source netip.AddrPort) bool {
	if len(c.sources) == 0 || !source.IsValid() {
		return true
	}
	for _, p := range c.sources {
		if p.Contains(source.Addr().WithZone("")) {
			return true
		}
	}
	return false
}
