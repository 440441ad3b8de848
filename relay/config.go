package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Option configures a Relay. A nil option is an error of New.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// config is what New builds a relay from. It is passed by value.
type config struct {
	batchSize     int
	batchSizeSet  bool // else it is what suits the queue
	batchAge      time.Duration
	queueSize     int
	maxMemory     int64
	exportTimeout time.Duration
	retry         RetryConfig
	retryable     func(error) bool
	logger        *slog.Logger
	meterProvider metric.MeterProvider // nil: the global one
}

const (
	defaultBatchSize     = 8192
	defaultBatchAge      = time.Second
	defaultQueueSize     = 65_536
	defaultMaxMemory     = 64 << 20
	defaultExportTimeout = 10 * time.Second

	maxQueueSize = 1 << 24
	minMaxMemory = 1 << 20
	minDuration  = time.Millisecond
	maxDuration  = 24 * time.Hour
)

func newConfig(next sdkmetric.Exporter, opts []Option) (config, error) {
	c := config{
		batchAge:      defaultBatchAge,
		queueSize:     defaultQueueSize,
		maxMemory:     defaultMaxMemory,
		exportTimeout: defaultExportTimeout,
		retryable:     func(error) bool { return true },
		logger:        slog.Default(),
	}
	if next == nil {
		return c, errors.New("otelgram: New: next is nil: want an exporter")
	}
	for i, o := range opts {
		if o == nil {
			return c, fmt.Errorf("otelgram: New: option %d is nil", i+1)
		}
		c = o.apply(c)
	}
	if err := c.validate(); err != nil {
		return c, err
	}
	c.retry = c.retry.withDefaults()
	if !c.batchSizeSet {
		c.batchSize = min(defaultBatchSize, c.queueSize/2)
	}
	return c, nil
}

// validate names the first option with a value that is not allowed.
func (c *config) validate() error {
	switch {
	case c.queueSize < 2 || c.queueSize > maxQueueSize:
		return fmt.Errorf("otelgram: WithQueueSize(%d): must be from 2 to %d points", c.queueSize, maxQueueSize)
	case c.maxMemory < minMaxMemory:
		return fmt.Errorf("otelgram: WithMaxMemory(%d): must be at least %d bytes", c.maxMemory, minMaxMemory)
	case c.batchSizeSet && c.batchSize < 1 || c.batchSize > c.queueSize/2:
		return fmt.Errorf("otelgram: WithBatchSize(%d): must be from 1 to %d points, half of the queue", c.batchSize, c.queueSize/2)
	case c.batchAge < minDuration || c.batchAge > maxDuration:
		return fmt.Errorf("otelgram: WithMaxBatchAge(%v): must be from %v to %v, such as time.Second", c.batchAge, minDuration, maxDuration)
	case c.exportTimeout < minDuration || c.exportTimeout > maxDuration:
		return fmt.Errorf("otelgram: WithExportTimeout(%v): must be from %v to %v, such as 10*time.Second", c.exportTimeout, minDuration, maxDuration)
	}
	return c.retry.validate()
}

// WithBatchSize sets how many points a batch has at most, from 1 to half of the queue;
// data that Handle got in one piece and that is larger is a batch of its own. A batch
// leaves as soon as so many points wait, or points that take half of [WithMaxMemory].
// Larger batches make fewer and larger requests: OTLP takes about a hundred bytes a point.
// The default is 8192, or half of a smaller queue.
func WithBatchSize(points int) Option {
	return optionFunc(func(c config) config {
		c.batchSize, c.batchSizeSet = points, true
		return c
	})
}

// WithMaxBatchAge sets how long points wait for others of their batch at most, from 1 ms
// to 24 h. It is what the relay adds to the time that points take, and, below the batch
// size, the least time between two requests for a resource. The default is 1 s.
func WithMaxBatchAge(d time.Duration) Option {
	return optionFunc(func(c config) config { c.batchAge = d; return c })
}

// WithQueueSize sets how many points the relay holds at most, those being exported
// or tried again included, from 2 to 16,777,216. What finds no room is dropped and
// counted as queue_full. A queue rides out an outage of its size divided by the rate of
// points: 65,536 points are 16 seconds of 4,000 a second. A longer queue needs more
// memory, see [WithMaxMemory]. The default is 65,536.
func WithQueueSize(points int) Option {
	return optionFunc(func(c config) config { c.queueSize = points; return c })
}

// WithMaxMemory sets how much memory the points that the relay holds take at most, in
// bytes, from 1 MiB on, by an estimate of all that they consist of. What finds no room is
// dropped and counted as memory. A point of a counter takes about 600 bytes if it alone
// has its five attributes, and 100 if others that came with it have the same; many
// buckets, exemplars and long attributes take more, up to half a megabyte for a point
// that somebody made for it. While a batch is put together, its points themselves, without
// their attributes, are there twice; what Export makes of the data is not counted. The
// default is 64 MiB, a kilobyte for each point of the default queue.
func WithMaxMemory(bytes int64) Option {
	return optionFunc(func(c config) config { c.maxMemory = bytes; return c })
}

// WithExportTimeout sets how long one call of the next exporter's Export may take, from
// 1 ms to 24 h: its context ends then. While it lasts all that is queued waits, since
// Export is never called concurrently. The default is 10 s.
func WithExportTimeout(d time.Duration) Option {
	return optionFunc(func(c config) config { c.exportTimeout = d; return c })
}

// WithRetry sets how long an Export that failed is tried again; see [RetryConfig]. The
// default is the zero RetryConfig: up to a minute.
func WithRetry(r RetryConfig) Option {
	return optionFunc(func(c config) config { c.retry = r; return c })
}

// WithRetryable sets which errors of Export are worth another try. The points of others
// are counted as failed at once, and the target counts as one that answers. It is called
// by the goroutine that exports, never concurrently. The default, also for nil, is every
// error, since an exporter does not say: then what the target refuses for good waits for
// further tries for as long as [WithRetry] says, and so does what comes after of the same
// resource; what the target took in part is sent to it again; and somebody who sends bad
// data in the name of several resources can make the target look as if it were down. The
// package documentation shows a function for OTLP.
func WithRetryable(retryable func(error) bool) Option {
	return optionFunc(func(c config) config {
		if retryable != nil {
			c.retryable = retryable
		}
		return c
	})
}

// WithMeterProvider sets where the relay's own metrics go, the books of [Stats] under
// names that begin with stats.relay. The default, also for nil, is OpenTelemetry's
// global provider, also if that is set later.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithLogger sets where the relay logs: a warning when Export begins to fail, with its
// error, and a line when it works again, and the same when the target counts as down and
// when it is up again; one pair a minute at most of each. The goroutine
// that exports calls the logger, so that a slow one delays what waits. The default, also
// for nil, is slog.Default().
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}
