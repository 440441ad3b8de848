package wire

// DropReason says why a sender dropped a point or a measurement. Each lost point has
// exactly one reason.
type DropReason uint8

// The reasons for which a sender drops points. Their order is part of the wire format:
// sender reports number them. The table dropReasons says what each means.
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
	endOfReasons // a new reason stands before it

	// DropReasons is the number of reasons, for tables indexed by DropReason.
	DropReasons = int(endOfReasons)
)

// Stage says what is dropped for a reason, and how far it has come. It holds for the usual case.
// An Export drops what is oversize or has no form in the encoding before the point queue, where
// it sees that; and data points, too, are dropped when the memory budget is used up.
type Stage uint8

// The stages, in the order in which a point passes them.
const (
	Recording Stage = iota // a measurement or an event, before it is a data point
	Entering               // a data point before it is in the point queue
	Leaving                // a data point that has left its queue
	Anywhere               // a measurement or a point, at any of these places
)

// reason is all that is said about a drop reason.
type reason struct {
	name    string
	stage   Stage
	meaning string // what happened
	remedy  string // what to do about it
}

// dropReasons has a row for each reason. Stats, self-metrics, sender reports, the advice of
// /health and the README's table take their texts from here.
var dropReasons = [DropReasons]reason{
	RingFull: {"ring_full", Recording,
		"event mode: more events than are sent, for longer than the event queue lasts",
		"a flush interval above 0; a larger `WithBufferSize` for bursts"},
	Evicted: {"evicted", Recording,
		"event mode: the strategy gave up older events for newer ones",
		"a flush interval above 0; a larger `WithBufferSize` for bursts"},
	Priority: {"priority", Recording,
		"event mode: refused under pressure for its low priority",
		"a flush interval above 0; `WithPriority` for what must not be lost"},
	Sampled: {"sampled", Recording,
		"event mode: left out under pressure; the events that are kept stand for it",
		"nothing, if sums are enough: they stay unbiased as long as no point is dropped as `ring_full`. Observe what goes up and down instead"},
	Invalid: {"invalid", Anywhere,
		"NaN, infinity, a negative increment, or a time outside of 1678 to 2262",
		"fix the caller"},
	Deadline: {"deadline", Entering,
		"the context of an Export, or the interval of a collection, ended before there was room; or callbacks took too long",
		"a faster `WithPacing`, a longer export timeout or flush interval"},
	Oversize: {"oversize", Leaving,
		"a point larger than 64 KiB, even without exemplars and description and at less resolution; one that repeats long values hundreds of times; or a line that fits no packet",
		"shorter attributes: the error handler was told which metric"},
	Encode: {"encode", Leaving,
		"data that has no form in the encoding, such as NaN in StatsD, or more than 512 attributes in a set",
		"see the error that Export returned, or the error handler"},
	Unresolved: {"unresolved", Leaving,
		"there was no socket to the endpoint yet",
		"by its cause, which `Stats().DialError`, `/health` and the log name: DNS, the path of a Unix socket, its permissions, the limit of open files"},
	BreakerOpen: {"breaker_open", Leaving,
		"the circuit breaker was open: connections were refused, or the kernel took no packet",
		"start the receiver, or look at the route to it"},
	WouldBlock: {"would_block", Leaving,
		"the socket's send buffer was full for 100 ms",
		"a faster link, less data, or a slower `WithPacing`"},
	SendError: {"send_error", Leaving,
		"the kernel did not take the packet",
		"look at routes, firewall and interface"},
	Memory: {"memory", Recording,
		"the memory budget was used up, or there are too many meters or instruments",
		"a larger `WithMaxMemory`, fewer attribute sets, names that do not vary"},
	Shutdown: {"shutdown", Anywhere,
		"handed over after Shutdown, or not sent in its time",
		"a longer context for Shutdown; stop recording before it"},
}

// row returns the row of r. For an unknown reason it has no texts.
func (r DropReason) row() *reason {
	if int(r) >= DropReasons {
		return &reason{name: "unknown", stage: Anywhere}
	}
	return &dropReasons[r]
}

// String returns the reason as metrics, logs and JSON have it, such as "ring_full".
func (r DropReason) String() string { return r.row().name }

// Meaning says what happened, in the words of the README's table.
func (r DropReason) Meaning() string { return r.row().meaning }

// Remedy says what to do about it, in the words of the README's table.
func (r DropReason) Remedy() string { return r.row().remedy }

// Stage says what is dropped for the reason, and how far it has come.
func (r DropReason) Stage() Stage { return r.row().stage }
