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
// packets, or the memory budget is used up. The handler answers 200, 200 and 503, to
// programs and to browsers.
//
// Do not make the 503 a readiness probe. A service whose telemetry fails still serves its
// users, and taking it out of rotation turns a blind spot into an outage. For a liveness
// probe ask with ?live, which always answers 200.
//
// Health is no proof of arrival: UDP has no acknowledgement. What arrived is in the
// receiver's books.
package health
