// Package exporter sends OpenTelemetry metrics over UDP, at the cost of a
// datagram.
//
// [New] makes an exporter for the OpenTelemetry SDK:
//
//	exp, err := exporter.New(ctx)
//	if err != nil { ... }
//	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))
//	otel.SetMeterProvider(mp)
//	defer mp.Shutdown(ctx)
//
// # What it promises
//
// Each point handed to [Exporter.Export] is delivered at most once, or counted
// in exactly one field of [Dropped]. At any moment
//
//	Offered = Sent + Dropped + Queued + Folded
//
// up to the points that are moving while the counters are read; at rest and
// after Shutdown it holds exactly. Sent means that the kernel took the packet.
// What the network loses after that, the receiver counts: every packet says
// how many points came before it. Folded counts the measurements of the direct
// path that went into a series; without the direct path it is 0.
//
// # How it behaves
//
// Export copies points into a ring and returns; one goroutine packs them into
// datagrams and sends them at a steady pace, because a burst overruns the
// receiver's socket buffer. When the ring is full, Export waits until its
// context ends. It runs on the reader's goroutine, so the application never
// waits. Temporality is cumulative by default: a lost cumulative point is made
// good by the next one, a lost delta is lost for good.
//
// # The direct path
//
// [Exporter.MeterProvider] is a complete OpenTelemetry provider without the
// SDK: its instruments push each measurement into a ring, in tens of
// nanoseconds, and the exporter folds them. [Exporter.RecordMetric] does the
// same by name. Nothing on that path ever waits; when the ring fills up, a
// [drop.Strategy] decides what is lost, and it is counted.
//
// # Configuration
//
// Options win over the environment, the environment over the defaults. A bad
// option is an error of New. A bad environment variable goes to OpenTelemetry's
// error handler ([go.opentelemetry.io/otel.Handle]), and the default stays.
//
//	OTEL_EXPORTER_OTELGRAM_ENDPOINT                host:port, default localhost:4319
//	OTEL_EXPORTER_OTELGRAM_ENCODING                compact
//	OTEL_EXPORTER_OTELGRAM_MAX_PACKET_SIZE         bytes, default 1472
//	OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE  cumulative (default), delta or lowmemory
//	OTEL_METRIC_EXPORT_INTERVAL                    ms between two flushes of the direct path, default 10000
//	OTEL_EXPORTER_OTELGRAM_PRESET                  high_throughput, low_latency, reliable or resource_constrained
package exporter
