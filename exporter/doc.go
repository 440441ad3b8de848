// Package exporter sends OpenTelemetry metrics over UDP, at the cost of a
// datagram.
//
// [New] makes an exporter for the OpenTelemetry SDK:
//
//	exp, err := exporter.New(ctx)
//	if err != nil { ... }
//	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))
//	otel.SetMeterProvider(mp)
//	defer func() {
//		// ctx may have ended by then, and the last points would be dropped.
//		if err := mp.Shutdown(context.WithoutCancel(ctx)); err != nil { ... }
//	}()
//
// Shutdown of the SDK's provider exports once more and then calls [Exporter.Shutdown]. Its
// error says what was not sent. If the exporter serves the direct path too, shut down the
// SDK's provider alone: after Exporter.Shutdown the last points of the SDK would be dropped.
// A receiver in the same process must close after that.
//
// # What it promises
//
// Each point handed to [Exporter.Export] is delivered at most once, or counted in exactly
// one field of [Dropped]. At any moment
//
//	Offered = Sent + Dropped + Queued
//
// up to the points that are moving while the counters are read. At rest and after Shutdown
// it holds exactly. Measurements that are aggregated are in no book, since counting a
// measurement would cost as much as aggregating it. A point of a histogram says how many
// measurements it has.
//
// Sent means that the kernel took the packet. The receiver counts what the network loses
// after that: every packet says how many points came before it. If the receiver is killed,
// what is sent until the circuit opens goes to a closed port: it counts as sent, and is in
// no other book of either end. The circuit opens when packets were refused in three
// different seconds. That takes about three seconds with an export each second, and three
// exports where they are further apart.
//
// # How it behaves
//
// Export copies points into a queue and returns. One goroutine, the pump, packs them into
// datagrams and sends them at a steady pace, because a burst overruns the receiver's socket
// buffer. The default pace is 10,000 packets a second, at most 32 at once ([WithPacing]). When
// the queue is full, Export waits until its context ends. It runs on the reader's goroutine, so
// the application never waits. When an Export ends, its last packet does not wait for further
// points. A point that is larger than a packet is sent in several packets. A point that is
// larger than 64 KiB is sent with less or dropped, and OpenTelemetry's error handler is told
// once for its metric. Temporality is cumulative by default: the next point of a series makes
// up for a lost cumulative point, and nothing makes up for a lost delta.
//
// # Encodings
//
// [Compact], the default, is for receivers of otelgram and loses nothing of a point.
// [StatsD], [DogStatsD] and [Influx] are for servers that speak these protocols. [Plain] is
// for simple programs: numbers with tags. [WithEncoding] chooses an encoding; [WithStatsD]
// and its siblings choose one with options. The books of this end are the same with every
// encoding. Only with Compact does the other end have books: with any other encoding the
// exporter sends no reports and no goodbye, and nobody knows which points the network lost.
// A point that has no form in the encoding is dropped (encode). [Stats].LeftOut counts what
// a point is sent without, and points of which there is nothing new to say. Each package
// below wire documents its mapping.
//
// # The direct path
//
// [Exporter.MeterProvider] is a complete OpenTelemetry provider without the SDK. Its
// instruments aggregate each measurement where it is made, in tens of nanoseconds. Once an
// interval, by default every 10 s, the exporter sends a point of every series.
// [Exporter.RecordMetric] does the same by name. Nothing on that path ever waits, and no
// measurement is lost because of pressure, however busy the process is. What is dropped and
// counted is
//   - a measurement that is invalid: invalid;
//   - a measurement of a new series for which [WithMaxMemory] leaves no memory: memory;
//   - a measurement that comes after Shutdown: shutdown. A measurement that is being made
//     during the last collection of Shutdown may count as shutdown too, and so may others
//     of its series;
//   - the point of a cumulative series that finds no room in the queue within its interval:
//     deadline. The next point makes up for it. A delta waits for the next collection;
//   - at the last collection, a point that finds no room in time, and the point of a series in
//     which a caller has been in the middle of a measurement for a second: deadline.
//
// A point that is in the queue may be lost later, as a point of the SDK may.
//
// With [WithFlushInterval] of 0, event mode, each measurement is a point of its own that
// goes through a queue. There a [drop.Strategy] decides what is lost under pressure.
//
// # Its own metrics
//
// The exporter counts with OpenTelemetry instruments, on the provider given with
// [WithMeterProvider], by default the global one. If the points of that provider are sent
// by this exporter, its own metrics travel along with them. The instruments read the
// counters when somebody collects; nothing is written where points are recorded. Each
// instrument has the attribute otel.component.name, which tells the exporters of a process
// apart.
//
//	stats.events.received, .sent      counters; .dropped by reason
//	stats.encoding.left_out           counter by reason, see [Stats].LeftOut
//	stats.batches.sent                counter
//	stats.latency.buffer, .send, .e2e histograms in seconds, one measurement a packet
//	stats.buffer.size, .peak          gauges; .utilization from 0 to 1
//	stats.udp.packets.sent            counter; .bytes.sent and .errors too; gauge .packet.limit in bytes
//	stats.health.status               gauge: 0 unhealthy, 1 degraded, 2 healthy
//	stats.circuit.state               gauge: 0 closed, 1 open, 2 half-open
//	otel.sdk.exporter.metric_data_point.exported, .inflight, otel.sdk.exporter.operation.duration
//
// The instruments otel.sdk.exporter.* are about data points. Measurements that are dropped,
// and events that are dropped before they become data points, count in stats.events.dropped
// alone. A drop for the reason invalid or shutdown may be of a measurement or of a point.
// Once the direct path is in use, these two reasons count in stats.events.dropped alone.
//
// stats.latency.e2e counts from when a point is handed over to when the kernel has its
// packet. On the direct path a point is handed over when it is made of its series. A latency
// is within 7 % of the true value. If more than 1,024 packets are sent in a second, an even
// selection of them is recorded. While the socket's send buffer is full the exporter waits,
// which does not count in stats.udp.errors. After Shutdown the exporter observes nothing any
// more; the SDK goes on to report the histograms.
//
// [Exporter.Health] sums all this up, and package health serves it.
//
// # Configuration
//
// Options win over the environment, the environment over the defaults. A bad
// option is an error of New. A bad environment variable goes to OpenTelemetry's
// error handler ([go.opentelemetry.io/otel.Handle]), and the default stays.
//
//	OTEL_EXPORTER_OTELGRAM_ENDPOINT                host:port or unixgram:///path, default localhost:4319
//	OTEL_EXPORTER_OTELGRAM_ENCODING                compact (default), plain, statsd, dogstatsd or influx
//	OTEL_EXPORTER_OTELGRAM_MAX_PACKET_SIZE         bytes, by default what suits the path
//	OTEL_EXPORTER_OTELGRAM_SEGMENTATION_OFFLOAD    true (default, where the system has it) or false
//	OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE  cumulative (default), delta or lowmemory
//	OTEL_METRIC_EXPORT_INTERVAL                    ms between two flushes of the direct path, default 10000
//	OTEL_EXPORTER_OTELGRAM_PRESET                  high_throughput, low_latency, reliable or resource_constrained
package exporter
