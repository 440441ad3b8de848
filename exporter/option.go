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

// WithEndpoint sets where the points go: host:port, or the path of a Unix datagram socket as
// in unixgram:///run/otelgram.sock. A name is resolved in the background, and again about
// every 45 seconds: a new address is followed. While no address is known, or none can be
// dialled, points are dropped as unresolved, and [Stats] says why. The default is
// OTEL_EXPORTER_OTELGRAM_ENDPOINT, else localhost:4319.
func WithEndpoint(hostport string) Option {
	return optionFunc(func(c config) config { c.endpoint = hostport; return c })
}

// WithPreset sets several options at once; see [Preset]. An option that is given by itself
// wins over it. The default is OTEL_EXPORTER_OTELGRAM_PRESET, else none.
func WithPreset(p Preset) Option {
	return optionFunc(func(c config) config {
		c.preset, c.presetAsked = p, true
		return c
	})
}

// WithBufferSize sets how many points the point queue has room for and, in event mode, how
// many events the event queue. It is a power of two. The default is 16384.
func WithBufferSize(points int) Option {
	return optionFunc(func(c config) config { c.bufferSize = points; return c })
}

// WithBatchSize sets how many points the pump takes out of a queue at once. Under pressure it
// takes twice as many events. The default is 50.
func WithBatchSize(points int) Option {
	return optionFunc(func(c config) config { c.batchSize = points; return c })
}

// WithMaxBatchAge sets how long a packet that is not full waits for more events, and how long
// events wait to be packed together: until a quarter of the event queue is in use, or a flush
// comes, if that is earlier. It matters in event mode alone: the end of an Export, or of a
// collection, closes its packet at once. It is from 1 ms to 1 h. The default is 100 ms.
func WithMaxBatchAge(d time.Duration) Option {
	return optionFunc(func(c config) config { c.maxBatchAge = d; return c })
}

// WithMaxPacketSize sets the largest UDP payload, in bytes, from 512 to 65507. The default
// suits the path. On Linux it is 7,800 to the host itself, whose IP_MTU is large, and 16,000
// to a Unix socket; else it is 1472, which fits one Ethernet frame over IPv4. StatsD has 4,095
// at most by default, and DogStatsD 8,192, since their servers take no more at once. Plain has
// 20,000 at most in any case.
//
// If the path takes less, the exporter makes smaller packets, see [Stats]: IP never fragments
// a packet. That works on Linux, and as far as routers report their limit. A point that is
// larger than a packet is sent in several, up to 64 KiB.
func WithMaxPacketSize(bytes int) Option {
	return optionFunc(func(c config) config { c.packetSize = bytes; return c })
}

// WithPacing sets how many packets leave a second, and how many may leave at once after a
// pause. It counts bytes: a packet is 1472 of them, whatever the size of those that are sent.
// Zero packets a second means no pacing. Then a burst larger than the receiver's socket
// buffer is lost; by default on Linux that holds 92 packets of 1472 bytes, or 25 of 7,800. The
// default is 10,000 packets a second in bursts of 32.
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

// WithLogger sets where the exporter logs:
//   - when the circuit breaker opens, at level Warn, and when it closes again, at level Info;
//     probes are at level Debug;
//   - when the reason changes for which the endpoint cannot be dialled, at level Warn, and when
//     nothing keeps it from being dialled any more, at level Info;
//   - when the exporter has not been healthy for long, at level Warn, see [WithHealth].
//
// Nothing on the path of the data logs. The default, also for nil, is slog.Default();
// slog.New(slog.DiscardHandler) silences the exporter.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}

// WithMeterProvider sets where the exporter's own metrics go. [Exporter.Stats] says what they
// count, the package documentation what they are called. The default, also for nil, is
// OpenTelemetry's global provider, also if that is set later. It may be a provider whose
// points this exporter sends.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithHealth sets the thresholds by which [Exporter.Health] judges, and a function that is
// called when the exporter has not been healthy for five minutes, which is logged as well. A
// goroutine of its own calls the function, logs, and reports to OpenTelemetry's error handler.
// A function that does not return holds up that goroutine and nothing else.
// [Exporter.Shutdown] waits a tenth of a second for it. The default is the zero
// [health.Config]. What [health.Config.Validate] does not allow is an error of New.
func WithHealth(h health.Config) Option {
	return optionFunc(func(c config) config { c.health = h; return c })
}

// WithTemporalitySelector sets the temporality of each kind of instrument. New asks once for
// each kind. The default, also for nil, is OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE, else
// cumulative for all kinds: on a network that loses packets the next point makes up for a lost
// cumulative point, and nothing makes up for a lost delta.
func WithTemporalitySelector(s sdkmetric.TemporalitySelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.temporality = s
		}
		return c
	})
}

// WithAggregationSelector sets the aggregation of each kind of instrument. New asks once for
// each kind. The default, also for nil, is the SDK's. If an aggregation does not fit a kind on
// the direct path, or has invalid parameters, that is reported to OpenTelemetry's error handler
// when the path is first used, and the kind has its default aggregation.
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

// WithFlushInterval sets how often the direct path runs callbacks and sends a point of every
// series. The first time comes at random within the first interval, so that a fleet does not
// send in step. It is 1 ms or more; the default is OTEL_METRIC_EXPORT_INTERVAL, else 10 s.
//
// Zero is event mode: every measurement is sent as a point of its own. Counters and histograms
// are deltas, up-down counters running totals, gauges as they are. A drop strategy decides
// what is lost under pressure, see [WithDropStrategy].
func WithFlushInterval(d time.Duration) Option {
	return optionFunc(func(c config) config { c.flushInterval = d; return c })
}

// WithCardinalityLimit sets how many attribute sets an instrument of the direct path may have,
// the overflow set among them; under delta, in each interval anew. Measurements with other
// sets go into one series with the attribute otel.metric.overflow=true, as in the SDK
// (opentelemetry-specification, metrics/sdk.md, "Cardinality limits"), and
// [Stats].CardinalityOverflow is set. If several callers are the first to measure the last set
// for which there is room, at the same time, some of these measurements may go there, too.
// Zero or less means no limit but [WithMaxMemory]. The default is
// OTEL_GO_X_CARDINALITY_LIMIT, else 2000.
func WithCardinalityLimit(n int) Option {
	return optionFunc(func(c config) config { c.cardinalityLimit = max(0, n); return c })
}

// WithDropStrategy sets what event mode loses under pressure, see [WithFlushInterval]. At any
// other flush interval measurements are aggregated and none is lost because of pressure: New
// says once through OpenTelemetry's error handler that the strategy has no effect. The total
// of an up-down counter stays wrong by each event of it that is lost or left out by sampling:
// use an observable up-down counter, or give it a high priority under [drop.ByPriority]. The
// default, also for nil, is [drop.Newest].
func WithDropStrategy(s drop.Strategy) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.strategy = s
		}
		return c
	})
}

// WithPriority gives a priority to the instruments whose names match pattern, for
// [drop.ByPriority] in event mode. An asterisk stands for any number of characters. If several
// patterns match, the one that was given last counts. Like [WithDropStrategy] it has no effect
// at any other flush interval. An empty pattern is an error of New. The default is drop.Normal.
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

// WithResource sets the resource of the direct path alone: the SDK's points carry the resource
// of the SDK's MeterProvider. As in the SDK, it is merged over OTEL_RESOURCE_ATTRIBUTES and
// OTEL_SERVICE_NAME. What is wrong with these variables, or a schema URL that differs from
// theirs, goes to OpenTelemetry's error handler. The default, also for nil, is
// resource.Default(), which has both.
func WithResource(r *resource.Resource) Option {
	return optionFunc(func(c config) config { c.resource = r; return c })
}

// WithMaxMemory bounds the memory of queues, pools, caches, names and series together, in
// bytes, as well as each can be estimated. Beyond it the measurements of new series are dropped
// as memory. Series that are known go on, and so does Export, which keeps less for the next
// time. A budget smaller than what queues and packets need is an error of New. The default,
// also for zero, is no bound but the bound of each part.
func WithMaxMemory(bytes int64) Option {
	return optionFunc(func(c config) config { c.maxMemory = bytes; return c })
}

// WithoutSegmentationOffload has each packet handed to the kernel by itself. Otherwise packets
// of one size, as many as may leave at a time, are handed over as one, which costs a fraction
// of the CPU (UDP_SEGMENT). The network sees the same packets. Where the kernel says that it
// cannot do so, the exporter stops by itself: [Stats] says so. The option is for a network
// device or tunnel that loses or damages such packets without saying so. The default is
// OTEL_EXPORTER_OTELGRAM_SEGMENTATION_OFFLOAD, else to use it where the system has it. See
// [udp.WithoutSegmentationOffload].
func WithoutSegmentationOffload() Option {
	return optionFunc(func(c config) config { c.noSegmentation = true; return c })
}

// WithoutInterning forgets attribute sets and their strings with every packet
// instead of keeping them for the next: less memory, more work. It changes nothing
// for the direct path, whose series keep theirs. The default is to keep them.
func WithoutInterning() Option {
	return optionFunc(func(c config) config { c.noInterning = true; return c })
}
