// Package pipeline is the pump: it takes data points out of the queues, packs them into
// packets, and hands the packets to the session. It wires the parts of the sending side
// together.
//
//	Export ─────────────────► [handoff.Queue] ─┐
//	collection ─► Sink ─────►                  ├─► pump ─► [Encoder] ─► [session.Sender] ─► socket
//	event mode ─────────────► [event.Queue] ───┘
//
// The pump is one goroutine. It owns the packets and their buffers, from when a packet is
// opened until it is sent or dropped. It takes several points at a time, a run, out of each
// queue in turn, so that neither queue keeps the other from being sent. It never waits for a
// caller or for the network. While it has nothing to do it sleeps, and costs no processor time.
//
// Each part counts what it drops at the place where it drops it, so that
//
//	offered = sent + dropped (by reason) + queued
//
// holds whenever nothing moves, and no counter ever falls.
//
// The way of a data point, by file. Files of this package have no directory; wire and udp
// are at the root of the module, as exporter is; the others are in internal.
//
//	SDK path       exporter/exporter.go ─► pipeline.go ─► handoff/export.go, convert.go
//	               ─► handoff/wait.go, fifo.go ─► handoff/reader.go
//	direct path    exporter/direct.go ─► direct/instrument.go ─► aggregate/stream.go, series.go
//	               ─► aggregate/collect.go, once an interval
//	               ─► handoff/sink.go, fifo.go ─► handoff/reader.go
//	event mode     as on the direct path up to aggregate/series.go
//	               ─► aggregate/single.go ─► event/queue.go ─► event/consumer.go
//	from there     pump.go ─► packet.go, encoder.go
//	               ─► wire/packer.go, or the encoder.go of another encoding below wire
//	               ─► session/sender.go, session.go ─► udp/sender.go
//
// Of the other files here, flush.go is for callers that wait for the pump, sleep.go says what
// wakes the pump, close.go how it ends, memory.go what it takes and stats.go what it counts.
//
// # Terminology
//
// One word has one meaning, in code, comments, documents and metrics.
//
//	data point, point   one value of a series at a time
//	measurement         one call of Add or Record
//	aggregate           to add a measurement to its series
//	collect, collection to make a point of each series
//	event               a measurement that is sent as a point of its own, in event mode
//	queue               where points or events wait
//	ring                the data structure that the event queue is made of
//	pump                the goroutine that takes points out of the queues and sends them
//	packet              one datagram of ours, or a fragment of a larger body
//	run                 of points: what the pump takes out of a queue at a time; of packets:
//	                    those of one size that go to the kernel as one (segmentation offload)
//	session             one dialled socket, at both ends
//	offered, sent,      the terms of the sender's books
//	dropped, queued
//	delivered           a term of the receiver's books: what its handler got
//	send error          the kernel did not take a packet
//	connection refused  a closed port answered
//	retry, backoff      to send again after an error; the pause before that
//	low priority        of an event: it is dropped under pressure before others, for the
//	                    reason priority
//	sampled             of events: under pressure some are dropped, and the others count for
//	                    them
//	ring full           of an event: it is dropped since the event queue has no room
//	downscale           to give an exponential histogram fewer and wider buckets
//	high-water mark     half of the event queue
//	pressure            the event queue is filled up to its high-water mark
//	overflow            what is beyond a limit, such as the cardinality limit
//	books               the counters that add up, at either end
package pipeline
