// Package handoff is the point queue, and the two ways into it.
//
//	SDK path     Export ─► [Queue.Export] ─► convert ─┐
//	                                                  ├─► fifo ─► [Reader] ─► pump
//	direct path  collector ─► [Sink] ─────────────────┘
//
// The package owns a point from when it is handed over until the pump takes it. A point that
// is more than a number, such as a histogram or one with exemplars, has a payload; the
// package owns its memory too, and uses it again. It copies what a caller may change after
// the call. It counts each point as offered, and each point that it does not take as
// dropped.
//
// One caller at a time holds the queue: an Export, or a collection. The caller waits for room
// until its context ends. It sleeps meanwhile, and the pump wakes it. Nothing in the queue is
// ever overwritten. The [Reader] belongs to the pump, which never waits for a caller. The
// package knows neither packets nor sockets.
//
//	who holds the queue   queue.go, wait.go
//	where points wait     fifo.go, payload.go
//	the SDK's points      export.go, convert.go, cancelled.go
//	the collector's       sink.go
//	the pump's end        reader.go
package handoff
