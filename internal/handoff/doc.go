// Package handoff is the point queue, and the two ways into it.
//
//	SDK path     Export ─► [Queue.Export] ─► convert ─┐
//	                                                  ├─► fifo ─► [Reader] ─► pump
//	direct path  collector ─► [Sink] ─────────────────┘
//
// The package owns the points from when they are handed over until the pump takes them, and
// the memory of what they carry beyond a number. It copies what a caller may use again, and
// counts each point as offered, and those that it does not take as dropped.
//
// One caller at a time holds the queue: an Export, or a collection. It waits for room, woken
// and never spinning, until its context ends; nothing in the queue is ever overwritten. The
// [Reader] belongs to the pump, which never waits for a caller. The package knows neither
// packets nor sockets.
//
//	who holds the queue   queue.go, wait.go
//	where points wait     fifo.go, payload.go
//	the SDK's points      export.go, convert.go, cancelled.go
//	the collector's       sink.go
//	the pump's end        reader.go
package handoff
