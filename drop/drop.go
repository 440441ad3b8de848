package drop

// Strategy decides what becomes of an event that finds the queue under pressure. Many
// goroutines call Decide at once, on their hot path. Decide must not block or allocate, and
// must not keep state for which its callers contend.
type Strategy interface {
	Decide(load Load, p Priority) Verdict
}

// Load is how full a queue is, as of a moment ago.
type Load struct {
	Used, Capacity int
}

// Full reports whether there is no room.
func (l Load) Full() bool { return l.Used >= l.Capacity }

// atLeast reports whether at least percent of the capacity is in use.
func (l Load) atLeast(percent int) bool { return l.Used*100 >= l.Capacity*percent }

// Verdict is what a Strategy decides.
type Verdict struct {
	Action Action
	// Weight is how many events an accepted event stands for: itself, and those like it
	// that were left out. Zero means one.
	Weight uint32
}

// Action is what to do with an event and, if the event is lost, why.
type Action uint8

// The actions.
const (
	// Accept pushes the event.
	Accept Action = iota
	// Evict makes room by throwing away the oldest event, which counts as evicted,
	// then pushes.
	Evict
	// RefuseRingFull loses the event because there is no room; it counts as ring_full.
	RefuseRingFull
	// RefusePriority loses the event because the room left is for higher priorities; it
	// counts as priority.
	RefusePriority
	// RefuseSampled loses the event because others like it stand for it, by their Weight;
	// it counts as sampled.
	RefuseSampled
)

// String returns the action's name.
func (a Action) String() string {
	names := [...]string{"accept", "evict", "ring_full", "priority", "sampled"}
	if int(a) < len(names) {
		return names[a]
	}
	return "unknown"
}

// Newest returns the strategy that loses the arriving event when the queue is full. It is
// the default. What is queued keeps its order and has no holes, which is best for analysis.
func Newest() Strategy { return newest{} }

type newest struct{}

func (newest) Decide(l Load, _ Priority) Verdict {
	if l.Full() {
		return Verdict{Action: RefuseRingFull}
	}
	return Verdict{}
}

// Oldest returns the strategy that loses the oldest event when the queue is full, which is
// best for live dashboards. The owner of the queue should throw away several events at
// once: if it throws away one, another goroutine may take the slot first.
func Oldest() Strategy { return oldest{} }

type oldest struct{}

func (oldest) Decide(l Load, _ Priority) Verdict {
	if l.Full() {
		return Verdict{Action: Evict}
	}
	return Verdict{}
}
