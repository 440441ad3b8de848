package direct

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// The eight synchronous instruments differ only in their interfaces. What they do is in
// instrument. Each has a type of its own because its Bind returns its own interface.

type int64Counter struct {
	embedded.Int64Counter
	instrument[int64]
}

func (i *int64Counter) Add(_ context.Context, v int64, opts ...metric.AddOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, addAttributes(opts))
}
func (i *int64Counter) Enabled(context.Context) bool { return i.enabled() }
func (i *int64Counter) Bind(kvs ...attribute.KeyValue) metric.Int64Counter {
	return &int64Counter{instrument: i.bind(kvs)}
}

type int64UpDownCounter struct {
	embedded.Int64UpDownCounter
	instrument[int64]
}

func (i *int64UpDownCounter) Add(_ context.Context, v int64, opts ...metric.AddOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, addAttributes(opts))
}
func (i *int64UpDownCounter) Enabled(context.Context) bool { return i.enabled() }
func (i *int64UpDownCounter) Bind(kvs ...attribute.KeyValue) metric.Int64UpDownCounter {
	return &int64UpDownCounter{instrument: i.bind(kvs)}
}

type int64Histogram struct {
	embedded.Int64Histogram
	instrument[int64]
}

func (i *int64Histogram) Record(_ context.Context, v int64, opts ...metric.RecordOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, recordAttributes(opts))
}
func (i *int64Histogram) Enabled(context.Context) bool { return i.enabled() }
func (i *int64Histogram) Bind(kvs ...attribute.KeyValue) metric.Int64Histogram {
	return &int64Histogram{instrument: i.bind(kvs)}
}

type int64Gauge struct {
	embedded.Int64Gauge
	instrument[int64]
}

func (i *int64Gauge) Record(_ context.Context, v int64, opts ...metric.RecordOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, recordAttributes(opts))
}
func (i *int64Gauge) Enabled(context.Context) bool { return i.enabled() }
func (i *int64Gauge) Bind(kvs ...attribute.KeyValue) metric.Int64Gauge {
	return &int64Gauge{instrument: i.bind(kvs)}
}

type float64Counter struct {
	embedded.Float64Counter
	instrument[float64]
}

func (i *float64Counter) Add(_ context.Context, v float64, opts ...metric.AddOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, addAttributes(opts))
}
func (i *float64Counter) Enabled(context.Context) bool { return i.enabled() }
func (i *float64Counter) Bind(kvs ...attribute.KeyValue) metric.Float64Counter {
	return &float64Counter{instrument: i.bind(kvs)}
}

type float64UpDownCounter struct {
	embedded.Float64UpDownCounter
	instrument[float64]
}

func (i *float64UpDownCounter) Add(_ context.Context, v float64, opts ...metric.AddOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, addAttributes(opts))
}
func (i *float64UpDownCounter) Enabled(context.Context) bool { return i.enabled() }
func (i *float64UpDownCounter) Bind(kvs ...attribute.KeyValue) metric.Float64UpDownCounter {
	return &float64UpDownCounter{instrument: i.bind(kvs)}
}

type float64Histogram struct {
	embedded.Float64Histogram
	instrument[float64]
}

func (i *float64Histogram) Record(_ context.Context, v float64, opts ...metric.RecordOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, recordAttributes(opts))
}
func (i *float64Histogram) Enabled(context.Context) bool { return i.enabled() }
func (i *float64Histogram) Bind(kvs ...attribute.KeyValue) metric.Float64Histogram {
	return &float64Histogram{instrument: i.bind(kvs)}
}

type float64Gauge struct {
	embedded.Float64Gauge
	instrument[float64]
}

func (i *float64Gauge) Record(_ context.Context, v float64, opts ...metric.RecordOption) {
	if len(opts) == 0 {
		i.record(v)
		return
	}
	i.recordWith(v, recordAttributes(opts))
}
func (i *float64Gauge) Enabled(context.Context) bool { return i.enabled() }
func (i *float64Gauge) Bind(kvs ...attribute.KeyValue) metric.Float64Gauge {
	return &float64Gauge{instrument: i.bind(kvs)}
}
