// Package pipeline carries data points from the exporter to the network.
//
//	Export ────────────────────────────────► point queue ─┐
//	aggregate.Collector ─► Sink ────────────►             ├─► pump ─► encoder ─► pacer ─► sender
//	event mode: Add, Record ─► event queue (event.Queue) ─┘
//
// On the SDK path the caller's goroutine turns metricdata into points and pushes them
// into the point queue; what they have in common (resource, scope, metric) is interned
// there, and it waits where the queue is full. The collector of the direct path hands the
// points of its series to the same queue, through a [Sink], and waits likewise. In event
// mode callers push measurements into the event queue and never wait: under pressure a
// strategy decides what is lost. The pump, one goroutine, knows only points and packets. It
// takes runs out of both queues in turns, interns attribute sets, has an [Encoder] pack points
// into packets, paces and sends them. Each step counts what it loses where it loses it, so that
//
//	offered = sent + dropped (by reason) + queued
//
// holds whenever nothing moves, and never drifts while something does.
//
// The way of a point, by file:
//
//	SDK path       export.go, convert.go ─► lane.go, payload.go ─► pump.go
//	direct path    sink.go ─► lane.go, payload.go ─► pump.go
//	event mode     internal/event ─► pump.go
//	to the kernel  pump.go ─► packet.go, encoder.go ─► link.go, batch.go, pacer.go ─► refusal.go, breaker.go
//	its socket     dial.go, cause.go, path.go
//	who waits      flush.go, sleep.go
//	what is said   notice.go, cancelled.go
package pipeline
