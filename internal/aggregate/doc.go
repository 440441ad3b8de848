// Package aggregate is the default way of the direct path: measurements are aggregated
// where they are measured.
//
//	Record ─► Stream ─► Series ─► state (sum, last value, histogram)     the caller's goroutine
//	Collector ─► each Series ─► state ─► point ─► Sink                   the collector's goroutine
//
// A [Registry] holds the streams. A [Stream] is what a view makes of an instrument: an
// aggregation with a [Series] for each attribute set. The state of a series is the file of
// its aggregation: sum.go, lastvalue.go, precomputed.go, explicit.go, exponential.go. In
// event mode, single.go hands each measurement on instead.
//
// Whoever records never waits: not for another caller, be that preempted or not, and not
// for the collector. Finding a series is a search in a table without locks. A state of one
// word is updated by one atomic operation; one of more words has stripes, see stripe.go, of
// which a caller takes the first that nobody holds. A [Collector] belongs to one goroutine.
// It waits for callers in the middle of a measurement, for a second at most, and for its
// [Sink], and never for a lock.
//
// Each measurement is in the totals, or counted as dropped: for memory, or since it came
// after the last collection. Those of one series that meet the last collection may be
// counted as one. The tests model_*.go hold the protocols between callers and
// collector to that, in every order of their steps.
//
// The package knows neither the pump nor the network, calls nothing of a user's, and keeps
// no string of a caller's.
package aggregate
