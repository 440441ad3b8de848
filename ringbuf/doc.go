// Package ringbuf provides a bounded queue for many producers and many consumers. It never
// waits, and it never allocates after construction.
//
// # Semantics
//
// A [Ring] holds up to Cap values in first-in first-out order. Every operation either takes
// effect or reports at once that it cannot: there is no blocking form. A caller that wants
// to wait builds that on top, and a caller that wants to drop counts the false results. For
// both, a false result must mean one thing only. So if an operation loses a race with
// another goroutine, it tries again inside and does not report that.
//
// # How it works
//
// Positions count up from zero and wrap at 2^63. Position p lives in slot p mod Cap. Four
// counters, all of them positions, partition the ring:
//
//	 released      head               tail      released+Cap
//	    │            │                  │             │
//	────┼────────────┼──────────────────┼─────────────┼────
//	    │ claimed by │ pushed, or being │    free     │
//	    │ consumers  │ written          │             │
//
// A producer claims position tail with a compare-and-swap, copies its value into the slot
// and publishes it by storing p+1 in the slot's word. A consumer claims one published
// value, or a run of them, with a compare-and-swap on head, copies out, and moves released
// past its run. The publication word is Dmitry Vyukov's (bounded MPMC queue,
// 1024cores.net). The slots go back through one counter, and not through each slot's word,
// so that a run of any length takes one atomic operation to return.
//
// Consumers finish out of order, but released moves in order. A consumer that finishes
// early leaves a note in the word of the first slot of its run. The goroutine that moves
// released up to that slot moves it on to the run's end.
//
// # Progress
//
// The queue is lock-free with one reservation, which is inherent to copying values in
// place: a goroutine may be descheduled between claiming a slot and finishing with it.
//
//   - A producer that stops there hides the values pushed behind it: consumers see the ring as
//     empty at that slot until the producer runs again.
//   - A consumer that stops there keeps its slots, and the slots of the consumers behind it,
//     from being reused: producers see the ring as full once they have filled what was free.
//
// Neither loses, repeats or reorders a value, and nobody spins meanwhile. How long it takes
// is a matter of the scheduler. With eight busy producers on two cores, a consumer found
// nothing for 81 ms at most in nine seconds with GOMAXPROCS 2, and for 18 ms with 64; other
// runs had 53 and 278 (go test -run '^$' -bench Preempted -benchtime 3x ./ringbuf). So keep
// values small, since the time of the copy is when it can happen, and keep values that must
// not be lost off a ring that drops when it is full.
package ringbuf
