// Package pipeline carries data points from the exporter to the network.
//
//	Export ─► SDK lane (ring) ───────────┐
//	                                     ├─► pump ─► packer ─► pacer ─► sender
//	Add, Record ─► direct lane ─► fold ──┘
//
// On the SDK path the caller's goroutine turns metricdata into points and
// pushes them into the lane; identities (resource, scope, metric) are interned
// there, and it waits where the lane is full. On the direct path callers push
// measurements and never wait: under pressure a strategy decides what is lost.
// The pump, one goroutine, folds measurements into one state a series and emits
// their points when asked to collect, interns attribute sets, packs points
// into packets, paces and sends them. Each step counts what it loses where it
// loses it, so that
//
//	offered = sent + folded + dropped (by reason) + queued
//
// holds whenever nothing moves, and never drifts while something does.
//
// The way of a point, by file:
//
//	SDK path       export.go, convert.go, identity.go ─► lane.go, payload.go ─► pump.go
//	direct path    direct.go ─► event.go, directlane.go ─► intake.go, fold.go, series.go ─► emit.go ─► pump.go
//	observations   observe.go ─► intake.go
//	to the kernel  pump.go ─► packet.go ─► link.go, batch.go, pacer.go ─► refusal.go, breaker.go
//	its socket     dial.go, cause.go, path.go
//	who waits      flush.go, sleep.go, waker.go
//	what is said   notice.go, cancelled.go
package pipeline
