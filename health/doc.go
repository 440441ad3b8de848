// Package health says in one look whether telemetry flows. A [Monitor] turns
// samples of an exporter's counters into a [Report]; [Handler] serves it, as JSON
// to programs and as a page to people.
//
// One line serves the health of an exporter; no port is opened unless you do:
//
//	http.Handle("/health", health.Handler(exp))
//
// A service is healthy, degraded (points are lost, or will be soon) or unhealthy
// (there is no way out, the network refuses packets, or the memory budget is used
// up: nothing or not all gets through). The handler answers 200, 200 and 503, to
// programs and to browsers.
//
// Do not make the 503 a readiness probe. A service whose telemetry fails serves
// its users all the same, and taking it out of rotation turns a blind spot into an
// outage. For a liveness probe, ask with ?live, which always answers 200.
//
// Health is not proof of arrival: UDP has no acknowledgement. What arrived is in
// the receiver's books.
package health
