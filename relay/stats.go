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
	// Failed is what Export returned an error for, the last time that it was tried.
	// Where an answer got lost, or the target took a part, it may have arrived.
	Failed uint64
	// Queued is what waits, for its turn or for another try, or is being exported.
	Queued uint64
	// Dropped is what will not be exported any more, by reason.
	Dropped Dropped

	// Memory is about how many bytes of memory that takes which is queued: what
	// [WithMaxMemory] bounds.
	Memory int64
	// Requests counts the calls of Export.
	Requests uint64
	// Retries is how many of these were with points that had failed before.
	Retries uint64
	// LastError is the last error of Export, and LastErrorTime when it was returned;
	// empty and zero if none ever was. What Shutdown cuts short is no error.
	LastError     string
	LastErrorTime time.Time
}

// Dropped counts points that were lost in the relay, each for exactly one reason.
type Dropped struct {
	// QueueFull found the queue full of points.
	QueueFull uint64
	// Memory found room in the queue, but not in what it may take in memory.
	Memory uint64
	// Shutdown was handed over after Shutdown, or was not relayed before its context
	// ended. Of the latter, what was being exported at that moment may have arrived.
	Shutdown uint64
}

// Total returns the sum over all reasons.
func (d Dropped) Total() uint64 { return d.QueueFull + d.Memory + d.Shutdown }

// reasons are the fields of Dropped as the self-metrics name them.
var reasons = [...]struct {
	name string
	read func(*Dropped) uint64
}{
	{"queue_full", func(d *Dropped) uint64 { return d.QueueFull }},
	{"memory", func(d *Dropped) uint64 { return d.Memory }},
	{"shutdown", func(d *Dropped) uint64 { return d.Shutdown }},
}
