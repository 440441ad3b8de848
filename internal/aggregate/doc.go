// Package aggregate is the default way of the direct path: measurements are aggregated
// where they are measured.
//
//	Record ─► Stream ─► Series ─► state (sum, last value, histogram)     the caller's goroutine
//	Collector ─► each Series ─► state ─► point ─► Sink                   the collector's goroutine
//
// A [Registry] holds the streams. A [Stream] is what a view makes of an instrument: an
// aggregation with a [Series] for each attribute set. Each aggregation has a file, with the
// state of its series: sum.go, lastvalue.go, precomputed.go, explicit.go, exponential.go.
// In event mode, single.go passes each measurement on instead.
//
// A caller that records never waits: not for another caller, even if that is preempted, and
// not for the collector. A series is found in a table without locks. A state of one word is
// updated by one atomic operation. A state of several words has stripes, see stripe.go, of
// which a caller takes the first that is free. A [Collector] belongs to one goroutine. It
// waits for callers in the middle of a measurement, for a second at most, and for its
// [Sink], and never for a lock.
//
// Each measurement is in the totals, or counted as dropped: for memory, or because it came
// after the last collection. The measurements of one series that meet the last collection
// may be counted as one. The tests model_*.go check the protocols between callers and
// collector, in every order of their steps.
//
// The package knows neither the pump nor the network. It calls no code of the user's, and
// keeps no string of a caller's.
package aggregate
