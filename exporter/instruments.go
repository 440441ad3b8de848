package exporter

import (
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/wire"
)

// description is an instrument that reads the counters.
type description struct {
	make    func(metric.Meter) (metric.Observable, error)
	observe func(o metric.Observer, i metric.Observable, v *view)
}

// descriptions are the instruments that read the counters, by name.
var descriptions = [...]description{
	counter("stats.events.received", "{event}", "Points and events offered.",
		func(v *view) int64 { return int64(v.Offered) }),
	counter("stats.events.sent", "{event}", "Points that the kernel took.",
		func(v *view) int64 { return int64(v.Sent) }),
	{
		make: makeCounter("stats.events.dropped", "{event}", "Points and measurements that will never be sent, by reason."),
		observe: func(o metric.Observer, i metric.Observable, v *view) {
			for reason, n := range v.Dropped {
				o.ObserveInt64(i.(metric.Int64Observable), int64(n), v.sets.reason[reason])
			}
		},
	},
	{
		make: makeCounter("stats.encoding.left_out", "{event}", "What the encoding could not say of points in packets, by reason."),
		observe: func(o metric.Observer, i metric.Observable, v *view) {
			for reason, n := range leftOut(&v.LeftOut) {
				if n > 0 {
					o.ObserveInt64(i.(metric.Int64Observable), int64(n), v.sets.leftOut[reason])
				}
			}
		},
	},
	counter("stats.batches.sent", "{batch}", "Calls in which the kernel took packets with points.",
		func(v *view) int64 { return int64(v.Batches) }),
	gauge("stats.buffer.size", "{event}", "Points and measurements that wait in the rings.",
		func(v *view) int64 { return int64(v.Waiting) }),
	{
		make: func(m metric.Meter) (metric.Observable, error) {
			return m.Float64ObservableGauge("stats.buffer.utilization", metric.WithUnit("1"), metric.WithDescription("How full the fuller queue is at this moment, from 0 to 1."))
		},
		observe: func(o metric.Observer, i metric.Observable, v *view) {
			o.ObserveFloat64(i.(metric.Float64Observable), max(v.Use, v.EventUse), v.sets.plain)
		},
	},
	gauge("stats.buffer.peak", "{event}", "The most points and events that were ever found waiting in the queues.",
		func(v *view) int64 { return int64(v.Peak) }),
	counter("stats.udp.packets.sent", "{packet}", "Packets that the kernel took, reports included.",
		func(v *view) int64 { return int64(v.Packets) }),
	counter("stats.udp.bytes.sent", "By", "Bytes of payload that the kernel took.",
		func(v *view) int64 { return int64(v.Bytes) }),
	counter("stats.udp.errors", "{error}", "Times that the kernel did not take a packet.",
		func(v *view) int64 { return int64(v.SendErrors) }),
	gauge("stats.health.status", "", "0: unhealthy, 1: degraded, 2: healthy.",
		func(v *view) int64 { return v.status }),
	gauge("stats.circuit.state", "", "0: closed, 1: open, 2: half-open.",
		func(v *view) int64 { return int64(v.Circuit) }),
	gauge("stats.udp.packet.limit", "By", "The largest packet that is made at present.",
		func(v *view) int64 { return int64(v.PacketSize) }),
	{
		make: makeCounter("otel.sdk.exporter.metric_data_point.exported", "{data_point}",
			"The number of metric data points for which the export has finished, either successful or failed."),
		observe: func(o metric.Observer, i metric.Observable, v *view) {
			o.ObserveInt64(i.(metric.Int64Observable), int64(v.Sent), v.sets.component)
			for reason, n := range v.Dropped {
				if v.ofPoints(wire.DropReason(reason)) {
					o.ObserveInt64(i.(metric.Int64Observable), int64(n), v.sets.errorType[reason])
				}
			}
		},
	},
	{
		make: func(m metric.Meter) (metric.Observable, error) {
			return m.Int64ObservableUpDownCounter("otel.sdk.exporter.metric_data_point.inflight", metric.WithUnit("{data_point}"),
				metric.WithDescription("The number of metric data points which were passed to the exporter, but that have not been exported yet (neither successful, nor failed)."))
		},
		observe: func(o metric.Observer, i metric.Observable, v *view) {
			o.ObserveInt64(i.(metric.Int64Observable), int64(v.InFlight), v.sets.component)
		},
	},
}

// leftOutReasons name what an encoding could not say.
var leftOutReasons = [...]string{"exemplars", "parts", "unchanged", "unknown", "shortened", "collisions"}

// leftOut returns how often it was so, in the order of leftOutReasons.
func leftOut(l *wire.LeftOut) [len(leftOutReasons)]uint64 {
	return [...]uint64{l.Exemplars, l.Parts, l.Unchanged, l.Unknown, l.Shortened, l.Collisions}
}

func makeCounter(name, unit, text string) func(metric.Meter) (metric.Observable, error) {
	return func(m metric.Meter) (metric.Observable, error) {
		return m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
	}
}

func counter(name, unit, text string, read func(*view) int64) description {
	return description{makeCounter(name, unit, text), number(read)}
}

func gauge(name, unit, text string, read func(*view) int64) description {
	return description{func(m metric.Meter) (metric.Observable, error) {
		return m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(text))
	}, number(read)}
}

func number(read func(*view) int64) func(metric.Observer, metric.Observable, *view) {
	return func(o metric.Observer, i metric.Observable, v *view) {
		o.ObserveInt64(i.(metric.Int64Observable), read(v), v.sets.plain)
	}
}
