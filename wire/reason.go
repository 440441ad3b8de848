package wire

// DropReason says why a sender dropped a point, or refused a measurement. Each lost point
// has exactly one reason.
type DropReason uint8

// The reasons for which a sender drops points. Their order is part of the wire format:
// sender reports number them. What each means stands in one table, dropReasons.
const (
	RingFull DropReason = iota
	Evicted
	Priority
	Sampled
	Invalid
	Deadline
	Oversize
	Encode
	Unresolved
	BreakerOpen
	WouldBlock
	SendError
	Memory
	Shutdown

	// DropReasons is the number of reasons, for tables indexed by DropReason.
	DropReasons = int(Shutdown) + 1
)

// Stage is where on its way a point is dropped.
type Stage uint8

// The stages, in the order in which a point passes them.
const (
	// Recording: what is dropped is a measurement that has not become a data point, or a
	// point of event mode, which is one measurement.
	Recording Stage = iota
	// Entering: what is dropped is a data point that was on its way into the point queue.
	Entering
	// Leaving: what is dropped is a data point that has left its queue.
	Leaving
	// Anywhere: what is dropped is whatever the caller handed over, or what was still queued.
	Anywhere
)

// dropReasons says of each reason its name, what happened, what to do about it and at which
// stage points are dropped for it. Stats, self-metrics, sender reports, the advice of
// /health and the README's table have all they say of a reason from here.
var dropReasons = [DropReasons]struct {
	name, meaning, remedy string
	stage                 Stage
}{
	RingFull: {
		name:    "ring_full",
		meaning: "event mode: more events than are sent, for longer than the event queue lasts",
		remedy:  "a flush interval above 0; a larger `WithBufferSize` for bursts",
		stage:   Recording,
	},
	Evicted: {
		name:    "evicted",
		meaning: "event mode: the strategy gave up older events for newer ones",
		remedy:  "a flush interval above 0; a larger `WithBufferSize` for bursts",
		stage:   Recording,
	},
	Priority: {
		name:    "priority",
		meaning: "event mode: refused under pressure for its low priority",
		remedy:  "a flush interval above 0; `WithPriority` for what must not be lost",
		stage:   Recording,
	},
	Sampled: {
		name:    "sampled",
		meaning: "event mode: left out under pressure; the events that are kept stand for it",
		remedy:  "nothing, if sums are enough: they stay unbiased as long as no point is dropped as `ring_full`. Observe what goes up and down instead",
		stage:   Recording,
	},
	Invalid: {
		name:    "invalid",
		meaning: "NaN, infinity, a negative increment, or a time outside of 1678 to 2262",
		remedy:  "fix the caller",
		stage:   Anywhere,
	},
	Deadline: {
		name:    "deadline",
		meaning: "the context of an Export, or the interval of a collection, ended before there was room; or callbacks took too long",
		remedy:  "a faster `WithPacing`, a longer export timeout or flush interval",
		stage:   Entering,
	},
	Oversize: {
		name:    "oversize",
		meaning: "a point larger than 64 KiB, even without exemplars and description and at less resolution; one that repeats long values hundreds of times; or a line that fits no packet",
		remedy:  "shorter attributes: the error handler was told which metric",
		stage:   Leaving,
	},
	Encode: {
		name:    "encode",
		meaning: "data that has no form in the encoding, such as NaN in StatsD, or more than 512 attributes in a set",
		remedy:  "see the error that Export returned, or the error handler",
		stage:   Leaving,
	},
	Unresolved: {
		name:    "unresolved",
		meaning: "there was no socket to the endpoint yet",
		remedy:  "by its cause, which `Stats().DialError`, `/health` and the log name: DNS, the path of a Unix socket, its permissions, the limit of open files",
		stage:   Leaving,
	},
	BreakerOpen: {
		name:    "breaker_open",
		meaning: "the circuit breaker was open: the receiver refused packets, or the network took none",
		remedy:  "start the receiver, or look at the route to it",
		stage:   Leaving,
	},
	WouldBlock: {
		name:    "would_block",
		meaning: "the socket's send buffer was full for 100 ms",
		remedy:  "a faster link, less data, or a slower `WithPacing`",
		stage:   Leaving,
	},
	SendError: {
		name:    "send_error",
		meaning: "the kernel refused the packet",
		remedy:  "look at routes, firewall and interface",
		stage:   Leaving,
	},
	Memory: {
		name:    "memory",
		meaning: "the memory budget was used up, or there are too many meters or instruments",
		remedy:  "a larger `WithMaxMemory`, fewer attribute sets, names that do not vary",
		stage:   Recording,
	},
	Shutdown: {
		name:    "shutdown",
		meaning: "handed over after Shutdown, or not sent in its time",
		remedy:  "a longer context for Shutdown; stop recording before it",
		stage:   Anywhere,
	},
}

// String returns the reason as metrics, logs and JSON have it, such as "ring_full".
func (r DropReason) String() string {
	if int(r) >= DropReasons {
		return "unknown"
	}
	return dropReasons[r].name
}

// Meaning says what happened, in the words of the README's table; "" for an unknown reason.
func (r DropReason) Meaning() string {
	if int(r) >= DropReasons {
		return ""
	}
	return dropReasons[r].meaning
}

// Remedy says what to do about it, in the words of the README's table; "" for an unknown
// reason.
func (r DropReason) Remedy() string {
	if int(r) >= DropReasons {
		return ""
	}
	return dropReasons[r].remedy
}

// Stage says where on its way a point is dropped for the reason; Anywhere for an unknown one.
func (r DropReason) Stage() Stage {
	if int(r) >= DropReasons {
		return Anywhere
	}
	return dropReasons[r].stage
}
