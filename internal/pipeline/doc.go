// Package pipeline is the pump: it takes data points out of the queues, packs them into
// packets, and hands the packets to the session. It wires the parts of the sending side
// together.
//
//	Export ─────────────────► [handoff.Queue] ─┐
//	collection ─► Sink ─────►                  ├─► pump ─► [Encoder] ─► [session.Sender] ─► socket
//	event mode ─────────────► [event.Queue] ───┘
//
// The pump is one goroutine. It owns the packets and their buffers, from when a packet is
// opened until it is sent or dropped. It takes runs out of both queues in turns, one loop for
// both, so that neither queue keeps the other from being sent. It never waits for a caller or
// for the network. While it has nothing to do it sleeps, and costs no processor time.
//
// Each part counts what it loses where it loses it, so that
//
//	offered = sent + dropped (by reason) + queued
//
// holds whenever nothing moves, and no counter ever falls.
//
// The way of a data point, by file:
//
//	SDK path       handoff/export.go, convert.go ─► handoff/wait.go, fifo.go ─► handoff/reader.go
//	direct path    aggregate/collect.go ─► handoff/sink.go ─► handoff/fifo.go ─► handoff/reader.go
//	event mode     aggregate/single.go ─► event/queue.go ─► event/consumer.go
//	from there     pump.go ─► packet.go, encoder.go ─► session/sender.go, session.go ─► udp
//
// Besides, flush.go is who waits for the pump, sleep.go for what the pump waits, close.go how
// it ends, stats.go what it counts.
//
// # Terminology
//
// One word has one meaning, in code, comments, documents and metrics.
//
//	data point, point   one value of a series at a time
//	measurement         one call of Add or Record; in event mode it becomes an event
//	aggregate           measurements into a series
//	collect, collection series into points
//	queue               where points or events wait; a ring is the data structure it is made of
//	pump                the goroutine from the queues to the session
//	packet              one datagram of ours, or a fragment of a larger body
//	session             one dialled socket, at both ends
//	offered, sent,      the sender's terms of the books; delivered is what the receiver's
//	dropped, queued     handler got
//	send error          the kernel did not take a packet
//	connection refused  a closed port answered
//	retry, backoff      what follows an error
//	sampled, priority,  the verdicts of a drop strategy, under the names of the drop reasons
//	ring full
//	downscale           an exponential histogram, to fewer buckets
//	high-water mark,    of a queue: the mark is half of it, and above it the queue is under
//	pressure            pressure
//	overflow            what is beyond a limit, such as the cardinality limit
//	books               the counters that add up, at either end
package pipeline
