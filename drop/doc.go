// Package drop decides what is lost when a bounded queue fills up faster than it is
// emptied.
//
// The goroutine that pushes asks a [Strategy] about every event that comes while the queue
// is under pressure or full. The Strategy answers at once, from two facts: how full the
// queue is and how much the event matters. It knows nothing of the queue or the event. So
// it serves any queue whose owner can refuse a new element or throw away the oldest:
//
//	v := strategy.Decide(drop.Load{Used: q.Len(), Capacity: q.Cap()}, priority)
//	switch v.Action {
//	case drop.Accept: // push; the event stands for v.Weight events
//	case drop.Evict:  // throw away the oldest, then push
//	default:          // count the event as lost: v.Action says why
//	}
//
// Priorities come from names: see [Priorities].
//
// A later event makes up for a lost one only if its value is absolute. A total that is kept
// by adding ups and downs stays wrong by each event that was lost, whatever the strategy.
// Such events need a priority that gets them through, or a value that is observed instead.
package drop
