package exporter

import (
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/plain"
	"github.com/otelgram/otelgram/wire/statsd"
)

// Option configures an exporter. A nil option is an error of New.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithEndpoint sets where the points go: host:port, or the path of a Unix
// datagram socket as in unixgram:///run/otelgram.sock. A name is resolved in the
// background, again every 45 seconds or so, and a new address is followed; while
// none is known yet, or none can be dialled, points are counted as unresolved, and
// [Stats] says why. The default is OTEL_EXPORTER_OTELGRAM_ENDPOINT, else localhost:4319.
func WithEndpoint(hostport string) Option {
	return optionFunc(func(c config) config { c.endpoint = hostport; return c })
}

// WithPreset sets several options at once; see [Preset]. Options given one by
// one win over it. The default is OTEL_EXPORTER_OTELGRAM_PRESET, else none.
func WithPreset(p Preset) Option {
	return optionFunc(func(c config) config {
		c.preset, c.presetAsked = p, true
		return c
	})
}

// WithBufferSize sets how many points the point queue holds, and in event mode how many
// events the event queue does; a power of two. The default is 16384.
func WithBufferSize(points int) Option {
	return optionFunc(func(c config) config { c.bufferSize = points; return c })
}

// WithBatchSize sets how many points are taken out of a queue at once, and half as many as
// events under pressure. The default is 50.
func WithBatchSize(points int) Option {
	return optionFunc(func(c config) config { c.batchSize = points; return c })
}

// WithMaxBatchAge sets how long a packet that is not full may wait for more points, and
// events for others to be packed with: at most until a quarter of the event queue is in
// use, or somebody flushes. That is a matter of event mode: the end of an Export, or of a
// collection, closes its packet at once. It is from 1 ms to 1 h. The default is 100 ms.
func WithMaxBatchAge(d time.Duration) Option {
	return optionFunc(func(c config) config { c.maxBatchAge = d; return c })
}

// WithMaxPacketSize sets the largest UDP payload, in bytes, from 512 to 65507. The
// default suits the path: 7,800 to the host itself, whose IP_MTU is large, 16,000
// to a Unix socket, both on Linux, and else 1472, which fits one Ethernet frame
// over IPv4; but at most 4,095 in StatsD, 8,192 in DogStatsD, which their
// servers take whole, and 20,000 in Plain, whatever is said. Where the path takes less the exporter keeps to that, see [Stats]: IP
// never fragments a packet. That works on Linux, and as far as routers report their
// limit. A point that is larger than a packet, up to 64 KiB, is sent in several.
func WithMaxPacketSize(bytes int) Option {
	return optionFunc(func(c config) config { c.packetSize = bytes; return c })
}

// WithPacing sets how many packets leave a second, and how many of them at
// once after a pause. It counts bytes, 1472 for a packet, whatever the size of those
// that are sent. Zero packets a second means no pacing: a burst larger
// than the receiver's socket buffer (by default on Linux 92 packets of 1472 bytes,
// or 25 of 7,800) is then
// lost. The default is 10,000 packets a second in bursts of 32.
func WithPacing(packetsPerSecond, burst int) Option {
	return optionFunc(func(c config) config {
		c.packetsPerSecond, c.burst = packetsPerSecond, burst
		return c
	})
}

// WithCircuitBreaker sets when sending pauses because nothing gets through; see
// [CircuitBreakerConfig]. The default is an enabled breaker.
func WithCircuitBreaker(b CircuitBreakerConfig) Option {
	return optionFunc(func(c config) config { c.breaker = b; return c })
}

// WithLogger sets where the exporter logs: one line when the circuit breaker opens, at
// level Warn, and one when it closes again (probes are at level Debug); one for each change of what
// keeps the endpoint from being dialled, at level Info when nothing does any more, and
// one when it has not been healthy for long (see [WithHealth]). Nothing on the path of the data logs.
// The default, also for nil, is slog.Default(); slog.New(slog.DiscardHandler)
// silences it.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}

// WithMeterProvider sets where the exporter's own metrics go; see
// [Exporter.Stats] for what they count and the package documentation for their
// names. The default, also for nil, is OpenTelemetry's global provider, also if
// that is set later. It may be one that this exporter itself serves.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithHealth sets by what [Exporter.Health] judges, and what is called when the
// exporter has not been healthy for five minutes; that is logged, too. The
// function is called by a goroutine of its own: one that does not return holds up
// nothing but what shares that goroutine: the next alert, what is to be logged, and
// errors for OpenTelemetry's handler. [Exporter.Shutdown] waits for
// it a tenth of a second at most. The default is the zero [health.Config]; what
// [health.Config.Validate] does not allow is an error of New.
func WithHealth(h health.Config) Option {
	return optionFunc(func(c config) config { c.health = h; return c })
}

// WithTemporalitySelector sets the temporality of each kind of instrument. New asks
// once for each kind there is. The default, also for nil, is
// OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE, else cumulative for all: over a
// network that loses packets a lost cumulative point is made good by the next, a lost
// delta never.
func WithTemporalitySelector(s sdkmetric.TemporalitySelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.temporality = s
		}
		return c
	})
}

// WithAggregationSelector sets the aggregation of each kind of instrument. New asks
// once for each kind there is. The default, also for nil, is the SDK's. On the direct
// path an aggregation that does not fit the kind, or has invalid parameters, is reported
// to OpenTelemetry's error handler when the path is first used, and the kind's default
// taken.
func WithAggregationSelector(s sdkmetric.AggregationSelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.aggregation = s
		}
		return c
	})
}

// WithEncoding sets how points are written into packets. The default is
// OTEL_EXPORTER_OTELGRAM_ENCODING, else Compact.
func WithEncoding(e Encoding) Option {
	return optionFunc(func(c config) config { c.encoding = e; return c })
}

// WithPlain sets the encoding to Plain, with options. The default is the zero
// [plain.Options].
func WithPlain(o plain.Options) Option {
	return optionFunc(func(c config) config { c.encoding, c.plain = Plain, o; return c })
}

// WithStatsD sets the encoding to StatsD, with options. What [statsd.Options.Validate] does
// not allow is an error of New. The default is the zero [statsd.Options].
func WithStatsD(o statsd.Options) Option {
	return optionFunc(func(c config) config { c.encoding, c.statsd = StatsD, o; return c })
}

// WithDogStatsD sets the encoding to DogStatsD, with options, like [WithStatsD].
func WithDogStatsD(o statsd.Options) Option {
	return optionFunc(func(c config) config { c.encoding, c.dogstatsd = DogStatsD, o; return c })
}

// WithInflux sets the encoding to Influx, with options. The default is the zero
// [influx.Options].
func WithInflux(o influx.Options) Option {
	return optionFunc(func(c config) config { c.encoding, c.influx = Influx, o; return c })
}

// WithFlushInterval sets how often the direct path runs callbacks and sends a
// point of every series; the first time comes at random within the first
// interval, so that a fleet does not send in step. Zero is event mode: every measurement is
// sent as a point of its own, counters and histograms as deltas, up-down counters as
// running totals, gauges as they are, and a drop strategy decides what is lost under
// pressure. Any other interval is 1 ms at least. The default
// is OTEL_METRIC_EXPORT_INTERVAL, else 10 s.
func WithFlushInterval(d time.Duration) Option {
	return optionFunc(func(c config) config { c.flushInterval = d; return c })
}

// WithCardinalityLimit sets how many attribute sets an instrument of the direct path may
// have, that of the overflow included; under delta, in each interval anew. What is beyond
// goes into one series with the attribute otel.metric.overflow=true, as in the SDK
// (opentelemetry-specification, metrics/sdk.md, "Cardinality limits"), and
// [Stats].CardinalityOverflow says so. Where several callers measure the last set for
// which there is room first at the same time, a measurement of it may go there, too. Zero or less means no limit but that of
// [WithMaxMemory]. The default is OTEL_GO_X_CARDINALITY_LIMIT, else 2000.
func WithCardinalityLimit(n int) Option {
	return optionFunc(func(c config) config { c.cardinalityLimit = max(0, n); return c })
}

// WithDropStrategy sets what event mode loses under pressure, see [WithFlushInterval]. At
// any other interval measurements are aggregated, and none is lost for pressure: that the
// strategy rules nothing then is said once through OpenTelemetry's error handler. The total
// of an up-down counter stays off by what is lost of it, or left out by sampling: where
// that matters use an observable one, or give it a high priority under
// [drop.ByPriority]. The default, also for nil, is [drop.Newest].
func WithDropStrategy(s drop.Strategy) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.strategy = s
		}
		return c
	})
}

// WithPriority gives a priority to the instruments whose names match pattern, for
// [drop.ByPriority] in event mode, and like [WithDropStrategy] for nothing else; an asterisk
// stands for any number of characters. Of several patterns that match, the one given last counts. An empty
// pattern is an error of New. The default is drop.Normal.
func WithPriority(pattern string, p drop.Priority) Option {
	return optionFunc(func(c config) config {
		if pattern == "" {
			c.badPriority = fmt.Errorf("otelgram: WithPriority(%q, %d): the pattern is empty: want the name of an instrument, or a part of it with an asterisk", pattern, p)
		}
		if p < drop.Low || p > drop.High {
			c.badPriority = fmt.Errorf("otelgram: WithPriority(%q, %d): unknown priority: want drop.Low, drop.Normal or drop.High", pattern, p)
		}
		c.priorities = c.priorities.With(pattern, p)
		return c
	})
}

// WithResource sets the resource of the direct path, and of nothing else: what the SDK
// hands over carries the resource of its MeterProvider. As there, it is merged over
// what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say. What is wrong with these, or
// a schema URL other than theirs, goes to OpenTelemetry's error handler. The default,
// also for nil, is resource.Default(), which has both, too.
func WithResource(r *resource.Resource) Option {
	return optionFunc(func(c config) config { c.resource = r; return c })
}

// WithMaxMemory bounds the memory of rings, pools, caches, names and series
// together, in bytes, as far as an estimate of each can. Past it measurements of new
// series are dropped and counted as memory; series that are known go on, and so does
// Export, with less kept for the next time. A budget smaller than what rings and
// packets need is an error of New. The default, also for zero, is no bound but those
// of each part.
func WithMaxMemory(bytes int64) Option {
	return optionFunc(func(c config) config { c.maxMemory = bytes; return c })
}

// WithoutInterning forgets attribute sets and their strings with every packet
// instead of keeping them for the next: less memory, more work. It changes nothing
// for the direct path, whose series keep theirs. The default is to keep them.
func WithoutInterning() Option {
	return optionFunc(func(c config) config { c.noInterning = true; return c })
}
