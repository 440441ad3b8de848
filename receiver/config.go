package receiver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

type config struct {
	receiveBuffer  int
	maxPacketSize  int
	readers        int
	queue          int
	workers        int
	maxSessions    int
	reassemblySize int
	cacheSize      int
	sources        []netip.Prefix // empty: all
	socket         []udp.Option
	logger         *slog.Logger
	// meterProvider is nil for the global one.
	meterProvider metric.MeterProvider
}

const (
	defaultReceiveBuffer = 4 << 20
	defaultQueue         = 4096
	// defaultMaxPacketSize is more than any UDP datagram holds, in bytes: none is cut.
	defaultMaxPacketSize  = 65535
	maxWorkers            = 64
	maxReaders            = 64
	defaultMaxSessions    = 1 << 15
	defaultReassemblySize = 8 << 20
	defaultCacheSize      = 8 << 20
	// coresPerReader is how many processors there are for each socket by default. The
	// goroutines that decode have more to do than the ones that read.
	coresPerReader = 4
)

func newConfig(call string, opts []Option) (config, error) {
	cores := runtime.GOMAXPROCS(0)
	c := config{
		receiveBuffer: defaultReceiveBuffer, maxPacketSize: defaultMaxPacketSize, readers: min(max(1, cores/coresPerReader), maxReaders),
		queue: defaultQueue, workers: min(cores, maxWorkers), maxSessions: defaultMaxSessions,
		reassemblySize: defaultReassemblySize, cacheSize: defaultCacheSize, logger: slog.Default(),
	}
	for i, o := range opts {
		if o == nil {
			return c, fmt.Errorf("otelgram: %s: option %d is nil", call, i+1)
		}
		c = o.apply(c)
	}
	return c, c.validate()
}

// validate returns an error for the first option that is out of bounds.
func (c *config) validate() error {
	for _, b := range []struct {
		option         string
		got, least, to int
		unit           string
	}{
		{"WithReceiveBuffer", c.receiveBuffer, 1, 1 << 30, " bytes"},
		{"WithMaxPacketSize", c.maxPacketSize, wire.MinPacketSize, defaultMaxPacketSize, " bytes"},
		{"WithReaders", c.readers, 1, maxReaders, ""},
		{"WithQueueSize", c.queue, 1, 1 << 20, " packets"},
		{"WithWorkers", c.workers, 1, maxWorkers, ""},
		{"WithMaxSessions", c.maxSessions, 16, 1 << 24, " sessions"},
		{"WithReassemblySize", c.reassemblySize, 1 << 17, 1 << 30, " bytes"},
		{"WithCacheSize", c.cacheSize, 0, 1 << 30, " bytes"},
	} {
		if b.got < b.least || b.got > b.to {
			return fmt.Errorf("otelgram: %s(%d): must be from %d to %d%s", b.option, b.got, b.least, b.to, b.unit)
		}
	}
	for i, p := range c.sources {
		four := p.Addr().Is4In6()
		if !p.IsValid() || four && p.Bits() < 96 {
			return fmt.Errorf("otelgram: WithAllowedSources(%v): want networks such as 10.0.0.0/8 or 2001:db8::/32", c.sources)
		}
		if four { // the prefix means the IPv4 addresses inside it
			c.sources[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return nil
}

// listen opens the sockets.
func (c *config) listen(call, addr string) ([]*udp.Listener, error) {
	listeners, err := udp.ListenMany(addr, c.readers, append(c.socket, udp.WithReceiveBuffer(c.receiveBuffer), udp.WithMaxDatagramSize(c.maxPacketSize))...)
	var cause *udp.AddressError
	if errors.As(err, &cause) {
		err = cause.Err // the message below has addr already
	}
	if err != nil {
		return nil, fmt.Errorf("otelgram: %s(%q): %w", call, addr, err)
	}
	return listeners, nil
}

// warn logs a warning if any host may send.
func (c *config) warn(addr net.Addr) {
	u, ok := addr.(*net.UDPAddr)
	if !ok || u.IP.IsLoopback() || len(c.sources) > 0 {
		return
	}
	c.logger.Warn("otelgram: the receiver takes metrics from anybody who reaches it: nothing authenticates a datagram; "+
		"listen on a loopback or private address, or name the networks that may send (WithAllowedSources, in a Collector allowed_sources)", "address", addr.String())
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
