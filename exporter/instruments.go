package exporter

import (
	"github.com/otelgram/otelgram/internal/selfmetrics"
	"github.com/otelgram/otelgram/wire"
)

// instruments are the exporter's own instruments that read the counters.
var instruments = []selfmetrics.Instrument[view]{
	{Name: "stats.events.received", Unit: "{event}", Description: "Points and events offered.",
		Value: func(v *view) int64 { return int64(v.Offered) }},
	{Name: "stats.events.sent", Unit: "{event}", Description: "Points that the kernel took.",
		Value: func(v *view) int64 { return int64(v.Sent) }},
	{Name: "stats.events.dropped", Unit: "{event}", Description: "Points and measurements that will never be sent, by reason.",
		Each: func(v *view, observe selfmetrics.Observe) {
			for reason, n := range v.Dropped {
				if n > 0 {
					observe(int64(n), v.sets.reason[reason])
				}
			}
		}},
	{Name: "stats.encoding.left_out", Unit: "{event}", Description: "What the encoding could not say of points in packets, by reason.",
		Each: func(v *view, observe selfmetrics.Observe) {
			for reason, n := range leftOut(&v.LeftOut) {
				if n > 0 {
					observe(int64(n), v.sets.leftOut[reason])
				}
			}
		}},
	{Name: "stats.batches.sent", Unit: "{batch}", Description: "Calls in which the kernel took packets with points.",
		Value: func(v *view) int64 { return int64(v.Batches) }},
	{Name: "stats.buffer.size", Unit: "{event}", Description: "Points and events that wait in the queues.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Waiting) }},
	{Name: "stats.buffer.utilization", Unit: "1", Description: "How full the fuller queue is at this moment, from 0 to 1.", Kind: selfmetrics.Ratio,
		Ratio: func(v *view) float64 { return max(v.Use, v.EventUse) }},
	{Name: "stats.buffer.peak", Unit: "{event}", Description: "The most points and events that were ever found waiting in the queues.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Peak) }},
	{Name: "stats.udp.packets.sent", Unit: "{packet}", Description: "Packets that the kernel took, reports included.",
		Value: func(v *view) int64 { return int64(v.Packets) }},
	{Name: "stats.udp.bytes.sent", Unit: "By", Description: "Bytes of payload that the kernel took.",
		Value: func(v *view) int64 { return int64(v.Bytes) }},
	{Name: "stats.udp.errors", Unit: "{error}", Description: "Times that the kernel did not take a packet.",
		Value: func(v *view) int64 { return int64(v.SendErrors) }},
	{Name: "stats.health.status", Description: "0: unhealthy, 1: degraded, 2: healthy.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return v.status }},
	{Name: "stats.circuit.state", Description: "0: closed, 1: open, 2: half-open.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Circuit) }},
	{Name: "stats.udp.packet.limit", Unit: "By", Description: "The largest packet that is made at present.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.PacketSize) }},
	{Name: "otel.sdk.exporter.metric_data_point.exported", Unit: "{data_point}",
		Description: "The number of metric data points for which the export has finished, either successful or failed.",
		Each: func(v *view, observe selfmetrics.Observe) {
			observe(int64(v.Sent), v.sets.component)
			for reason, n := range v.Dropped {
				if n > 0 && v.ofPoints(wire.DropReason(reason)) {
					observe(int64(n), v.sets.errorType[reason])
				}
			}
		}},
	{Name: "otel.sdk.exporter.metric_data_point.inflight", Unit: "{data_point}", Kind: selfmetrics.UpDownCounter,
		Description: "The number of metric data points which were passed to the exporter, but that have not been exported yet (neither successful, nor failed).",
		Each:        func(v *view, observe selfmetrics.Observe) { observe(int64(v.InFlight), v.sets.component) }},
}

// leftOutReasons are the names of what an encoding could not say.
var leftOutReasons = [...]string{"exemplars", "parts", "unchanged", "unknown", "shortened", "collisions"}

// leftOut returns how often each of leftOutReasons occurred, in their order.
func leftOut(l *wire.LeftOut) [len(leftOutReasons)]uint64 {
	return [...]uint64{l.Exemplars, l.Parts, l.Unchanged, l.Unknown, l.Shortened, l.Collisions}
}
