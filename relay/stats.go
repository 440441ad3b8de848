package relay

import "time"

// Stats are the relay's books, in points. At any moment
//
//	Offered = Relayed + Failed + Dropped + Queued
//
// and after Shutdown Queued is 0.
type Stats struct {
	// Offered is what Handle was given.
	Offered uint64
	// Relayed is what Export took: it returned nil.
	Relayed uint64
	// Failed is what Export returned an error for at the last attempt. It may have arrived
	// all the same, if an answer got lost or the target took a part.
	Failed uint64
	// Queued is what waits, for its turn or for a retry, or is being exported.
	Queued uint64
	// Dropped is what will not be exported any more, by reason.
	Dropped Dropped

	// Memory is about how much memory the queued points take, in bytes, which
	// [WithMaxMemory] bounds.
	Memory int64
	// Requests counts the calls of Export.
	Requests uint64
	// Retries is how many of the requests had points that had failed before.
	Retries uint64
	// LastError is the last error of Export, and LastErrorTime is when it was returned.
	// They are empty and zero if Export never returned an error. That Shutdown cuts an
	// Export short is no error.
	LastError     string
	LastErrorTime time.Time
}

// Dropped counts points that were lost in the relay, each for exactly one reason.
type Dropped struct {
	// QueueFull counts points that found the queue full of points.
	QueueFull uint64
	// Memory counts points that found room in the queue, but not in its memory.
	Memory uint64
	// Shutdown counts points that Handle got after Shutdown, or that were not relayed
	// before Shutdown's context ended. Points that were being exported at that moment may
	// have arrived.
	Shutdown uint64
}

// Total returns the sum over all reasons.
func (d Dropped) Total() uint64 { return d.QueueFull + d.Memory + d.Shutdown }

// reasons are the fields of Dropped, under the names of the self-metrics.
var reasons = [...]struct {
	name string
	read func(*Dropped) uint64
}{
	{"queue_full", func(d *Dropped) uint64 { return d.QueueFull }},
	{"memory", func(d *Dropped) uint64 { return d.Memory }},
	{"shutdown", func(d *Dropped) uint64 { return d.Shutdown }},
}
