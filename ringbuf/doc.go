// Package ringbuf provides a bounded queue for many producers and many
// consumers that never waits and never allocates after construction.
//
// # Semantics
//
// A [Ring] holds up to Cap values in first-in first-out order. Every operation
// either takes effect or reports at once why it cannot: there is no blocking
// form. Callers that want to wait build that on top, and callers that want to
// drop count the refusals; for both, a false result has to mean one thing only,
// so a lost race with another goroutine is retried inside and never reported.
//
// # How it works
//
// Positions count up from zero and wrap at 2^63; position p lives in slot
// p mod Cap. Four counters, all positions, partition the ring:
//
//	 released      head               tail      released+Cap
//	    │            │                  │             │
//	────┼────────────┼──────────────────┼─────────────┼────
//	    │ claimed by │ pushed, or being │    free     │
//	    │ consumers  │ written          │             │
//
// A producer claims position tail with a compare-and-swap, copies its value
// into the slot and publishes it by storing p+1 in the slot's word. A consumer
// claims one published value, or a run of them, with a compare-and-swap on
// head, copies out, and moves released past its run. The publication word is
// Dmitry Vyukov's (bounded MPMC queue, 1024cores.net); giving slots back through
// one counter instead of through each slot's word makes a run of any length
// cost one atomic operation to return.
//
// Consumers finish out of order, but released moves in order. A consumer that
// finishes early leaves a note in the word of the first slot of its run, and
// whoever moves released up to that slot carries it on to the run's end.
//
// # Progress
//
// The queue is lock-free with one reservation, inherent to copying values in
// place: between claiming a slot and finishing with it a goroutine may be
// descheduled.
//
//   - A producer stopped there hides the values pushed behind it: consumers see
//     the ring as empty at that slot until the producer runs again.
//   - A consumer stopped there keeps its slots, and those of the consumers behind
//     it, from being reused: producers see the ring as full once they have
//     filled what was free.
//
// Neither loses, repeats or reorders a value, and nobody spins meanwhile. How long it takes
// is a matter of the scheduler: with eight busy producers on two cores a consumer found
// nothing for 81 ms at most in nine seconds where GOMAXPROCS was 2, and for 18 ms where it
// was 64; other runs had 53 and 278
// (go test -run '^$' -bench Preempted -benchtime 3x ./ringbuf). So keep values small, since the copy is
// the window, and keep what may not lose anything off a ring that drops when it is full.
package ringbuf
