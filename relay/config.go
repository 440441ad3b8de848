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
	batchSizeSet  bool // otherwise the size follows from the queue
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

// validate returns an error for the first option with a value that is not allowed.
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

// WithBatchSize sets how many points a batch has at most, from 1 to half of the queue. Data
// that one call of Handle gave and that is larger is a batch of its own. A batch leaves as
// soon as that many points wait, or points that take half of [WithMaxMemory]. Larger
// batches make fewer and larger requests: OTLP takes about a hundred bytes a point. The
// default is 8192, or half of a smaller queue.
func WithBatchSize(points int) Option {
	return optionFunc(func(c config) config {
		c.batchSize, c.batchSizeSet = points, true
		return c
	})
}

// WithMaxBatchAge sets how long points wait at most for others of their batch, from 1 ms to
// 24 h. The relay delays points by up to this time. As long as a batch does not reach its
// size, this is also the least time between two requests for a resource. The default is 1
// s.
func WithMaxBatchAge(d time.Duration) Option {
	return optionFunc(func(c config) config { c.batchAge = d; return c })
}

// WithQueueSize sets how many points the relay holds at most, from 2 to 16,777,216. Points
// that are being exported or wait for a retry are included. What finds no room is dropped
// and counted as queue_full. A queue bridges an outage as long as its size divided by the
// rate of points: 65,536 points are 16 seconds at 4,000 a second. A longer queue needs more
// memory, see [WithMaxMemory]. The default is 65,536.
func WithQueueSize(points int) Option {
	return optionFunc(func(c config) config { c.queueSize = points; return c })
}

// WithMaxMemory sets how much memory the points that the relay holds may take, in bytes,
// from 1 MiB on. What finds no room is dropped and counted as memory. The default is 64
// MiB, a kilobyte for each point of the default queue.
//
// The memory is estimated from all that the points consist of. A point of a counter takes
// about 600 bytes if no other point has its five attributes, and 100 if others that came
// with it have the same. Many buckets, exemplars and long attributes take more, up to half
// a megabyte for a point that is made for that purpose. While a batch is put together, its
// points are in memory twice, without their attributes. What Export makes of the data is
// not counted.
func WithMaxMemory(bytes int64) Option {
	return optionFunc(func(c config) config { c.maxMemory = bytes; return c })
}

// WithExportTimeout sets how long one call of the next exporter's Export may take, from 1
// ms to 24 h. Then its context ends. Meanwhile all that is queued waits, since Export is
// never called concurrently. The default is 10 s.
func WithExportTimeout(d time.Duration) Option {
	return optionFunc(func(c config) config { c.exportTimeout = d; return c })
}

// WithRetry sets for how long a failed Export is tried again, see [RetryConfig]. The
// default is the zero RetryConfig: up to a minute.
func WithRetry(r RetryConfig) Option {
	return optionFunc(func(c config) config { c.retry = r; return c })
}

// WithRetryable sets which errors of Export are worth a retry. After any other error the
// points are counted as failed at once, and the target counts as one that answers. The
// goroutine that exports calls the function, never concurrently. The default, also for nil,
// is every error, since an exporter does not say which are permanent.
//
// The default has three costs. What the target refuses for good is retried for as long as
// [WithRetry] says, and what comes after it of the same resource waits. What the target
// took in part is sent to it again. And a sender of bad data in the name of several
// resources can make the target look as if it were down. The package documentation shows a
// function for OTLP.
func WithRetryable(retryable func(error) bool) Option {
	return optionFunc(func(c config) config {
		if retryable != nil {
			c.retryable = retryable
		}
		return c
	})
}

// WithMeterProvider sets where the relay's own metrics go: the books of [Stats], under
// names that begin with stats.relay. The default, also for nil, is OpenTelemetry's global
// provider, even if that is set later.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c config) config { c.meterProvider = mp; return c })
}

// WithLogger sets where the relay logs. It logs a warning with the error when Export begins
// to fail, and a line when Export works again. It does the same when the target counts as
// down and when it is up again. There is at most one such pair a minute of each kind. The
// goroutine that exports calls the logger, so a slow logger delays what waits. The default,
// also for nil, is slog.Default().
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}
