package receiver

import (
	"io/fs"
	"log/slog"
	"net/netip"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/udp"
)

// Option configures a Receiver. A nil Option is an error.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithReceiveBuffer sets the size of the receive buffer of each socket, in bytes, as asked
// of the kernel. The buffer is what absorbs a burst. [Stats] says what size the kernel
// granted. The default is 4 MiB.
func WithReceiveBuffer(bytes int) Option {
	return optionFunc(func(c config) config { c.receiveBuffer = bytes; return c })
}

// WithMaxPacketSize sets the longest packet that is taken, from 512 to 65,535 bytes. A
// longer packet is rejected. The default is 65,535, which no datagram exceeds. With
// [WithoutReceiveOffload] a socket has room to read 32 packets of this size, and otherwise
// 2 MiB.
func WithMaxPacketSize(bytes int) Option {
	return optionFunc(func(c config) config { c.maxPacketSize = bytes; return c })
}

// WithoutReceiveOffload has each packet read from the kernel by itself. Otherwise the kernel
// may hand over up to 64 KiB of packets of one sender as one, which costs it a fraction of the
// CPU (UDP_GRO). Some network devices receive less with it. [Stats] says whether it is used.
// See [udp.WithoutReceiveOffload].
func WithoutReceiveOffload() Option {
	return optionFunc(func(c config) config { c.socket = append(c.socket, udp.WithoutReceiveOffload()); return c })
}

// WithSharedAddress lets several receivers of one user listen at one address, if all of
// them have this option. So a new process can start before the old one stops. While both
// run, the kernel spreads senders over them. The older receiver takes what its sockets hold
// before it closes them. The fragments of one body may be divided between the two.
//
// At a Unix socket the newer receiver takes over. A sender that has dialled the older one
// stays with it until it is closed. Then the sender's next packet gets connection refused,
// once. The option works on Linux. Elsewhere listening again at a UDP address is an error,
// as it is without the option. See [udp.WithSharedAddress].
func WithSharedAddress() Option {
	return optionFunc(func(c config) config { c.socket = append(c.socket, udp.WithSharedAddress()); return c })
}

// WithReaders sets how many sockets there are at a UDP address, from 1 to 64, each with a
// goroutine that reads it. The kernel spreads senders over them by source address and port
// (SO_REUSEPORT), so that one session is read by one goroutine. Each socket has a receive
// buffer, and memory to read packets into, see [WithMaxPacketSize]. At a Unix socket, and on systems
// other than Linux, there is one. The default is one for each four of GOMAXPROCS, and at
// least one.
func WithReaders(n int) Option {
	return optionFunc(func(c config) config { c.readers = n; return c })
}

// WithQueueSize sets how many packets may wait for each of the goroutines that decode
// packets and call the handler, from 1 to 1,048,576, see [WithWorkers]. A packet larger
// than 2 KiB counts as one for each 2 KiB of it, so that a queue takes up to 3 KiB of
// memory a packet. When it fills, a session that has much in it finds no place before the
// others. The default is 4096.
func WithQueueSize(packets int) Option {
	return optionFunc(func(c config) config { c.queue = packets; return c })
}

// WithWorkers sets how many goroutines decode packets and call the handler, from 1 to 64. A
// session is always served by the same goroutine. Each has a queue ([WithQueueSize]), a
// cache ([WithCacheSize]) and some MiB for what the largest packet unfolds to. The default
// is GOMAXPROCS, at most 64.
func WithWorkers(n int) Option {
	return optionFunc(func(c config) config { c.workers = n; return c })
}

// WithMaxSessions sets how many sessions have books at a time, from 16 to 16,777,216. The
// default is 32,768. A session is one socket of one sender, and a sender opens another
// every 15 minutes. A closed session stays for ten minutes if there is room.
//
// A session takes 1 KiB, and up to sixteen bits for each packet that came in two seconds. What
// is remembered of the sessions that left takes up to 0.5 KiB more for each. If there are
// more senders, sessions push each other out: nothing is counted twice, but what is out of
// order meanwhile is late, and not delivered.
func WithMaxSessions(n int) Option {
	return optionFunc(func(c config) config { c.maxSessions = n; return c })
}

// WithReassemblySize sets how many bytes of memory unfinished bodies may take, over all
// sessions, from 128 KiB to 1 GiB. A body is unfinished while fragments of it are missing.
// The default is 8 MiB. The largest body takes 64 KiB, so 128 senders can be in the middle
// of one.
func WithReassemblySize(bytes int) Option {
	return optionFunc(func(c config) config { c.reassemblySize = bytes; return c })
}

// WithCacheSize sets how many bytes of memory each of the goroutines that decode may take
// for attribute sets, resources, names and other texts, from 0 to 1 GiB, see [WithWorkers]. A
// set that is in the cache is not made again. The default is 8 MiB, which is enough for 10,000
// sets of five attributes. It has no effect on [ListenPackets].
func WithCacheSize(bytes int) Option {
	return optionFunc(func(c config) config { c.cacheSize = bytes; return c })
}

// WithAllowedSources accepts packets from these networks only. Packets from other networks
// count as rejected before anything in them is looked at. A source address can be forged,
// so this keeps out mistakes and strangers, not attackers on the same network. IPv4
// networks, also in their IPv6 form (::ffff:10.0.0.0/104), hold for IPv4 senders on
// dual-stack sockets. On a Unix socket the option has no effect. The default, also for no
// network, is all.
func WithAllowedSources(networks ...netip.Prefix) Option {
	networks = append([]netip.Prefix(nil), networks...)
	return optionFunc(func(c config) config { c.sources = append([]netip.Prefix(nil), networks...); return c })
}

// WithSocketMode sets the permissions of the file of a Unix socket, such as 0o660. A
// process that may write to the file may send. The default is 0o666, so that the
// permissions of the directory decide. At a UDP address it has no effect.
func WithSocketMode(mode fs.FileMode) Option {
	return optionFunc(func(c config) config { c.socket = append(c.socket, udp.WithSocketMode(mode)); return c })
}

// WithSocketGroup sets the group of the file of a Unix socket, by name or number. The
// default is the group of the process. An unknown group is an error, even at a UDP address,
// where the option has no effect.
func WithSocketGroup(group string) Option {
	return optionFunc(func(c config) config { c.socket = append(c.socket, udp.WithSocketGroup(group)); return c })
}

// WithMeterProvider sets where the receiver's own metrics go: the totals of [Stats], under
// names that begin with stats.receiver. The default, also for nil, is OpenTelemetry's
// global provider, even if that is set later.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithLogger sets where the receiver logs. It warns if the receiver listens beyond the
// loopback interface without WithAllowedSources, and at the first packet that is refused
// for each cause. The warnings about packets are written by a goroutine of their own: Close
// does not wait for a logger that blocks. The default, also for nil, is slog.Default().
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}
