// Package health says in one look whether telemetry flows. A [Monitor] turns samples of an
// exporter's counters into a [Report]. [Handler] serves the report, as JSON to programs and
// as a page to people.
//
// One line serves the health of an exporter. The package opens no port of its own:
//
//	http.Handle("/health", health.Handler(exp))
//
// An exporter is healthy, degraded or unhealthy. It is degraded while points are lost, or
// will be soon. It is unhealthy while points do not get out at all, the network refuses
// packets, or the memory budget is used up. While the circuit breaker is open, the exporter
// is unhealthy. The handler answers with status 503 if the exporter is unhealthy, and else
// with 200, to programs and to browsers.
//
// Before the circuit opens, one refused packet is no outage: the exporter is still healthy. If
// little is sent, the second refused packet makes it unhealthy, also if minutes are between the
// two. A [Monitor] says how it judges.
//
// Do not make the 503 a readiness probe. A service whose telemetry fails still serves its
// users, and taking it out of rotation turns a blind spot into an outage. For a liveness
// probe ask with ?live, which always answers 200.
//
// Health is no proof of arrival: UDP has no acknowledgement. What arrived is in the
// receiver's books.
package health
