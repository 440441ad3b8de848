package account

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/wire"
)

// Books hold the promise: a point that was offered is sent, dropped for one reason, or
// still queued. Every term is counted where it happens, and only grows, except the number
// of points in the pump. Any goroutine may count.
type Books struct {
	// Callers write offered; almost only the pump writes the others. The event queue counts
	// by itself what was pushed to it.
	offered atomic.Uint64
	_       cpu.CacheLinePad

	sent    atomic.Uint64
	dropped [wire.DropReasons]atomic.Uint64
	inPump  atomic.Int64
}

// Offer counts points that were offered.
func (b *Books) Offer(points int) { b.offered.Add(uint64(points)) }

// Drop counts points as dropped that were counted as offered.
func (b *Books) Drop(reason wire.DropReason, points int) { b.dropped[reason].Add(uint64(points)) }

// Refuse counts a point, or a measurement that becomes no point, as offered and dropped.
func (b *Books) Refuse(reason wire.DropReason) {
	b.Offer(1)
	b.Drop(reason, 1)
}

// Take counts points that the pump has taken out of a queue.
func (b *Books) Take(points int) { b.inPump.Add(int64(points)) }

// Lose counts points as dropped that the pump held.
func (b *Books) Lose(reason wire.DropReason, points int) {
	b.Drop(reason, points)
	b.inPump.Add(-int64(points))
}

// Send counts points as sent that the pump held.
func (b *Books) Send(points int) {
	b.sent.Add(uint64(points))
	b.inPump.Add(-int64(points))
}

// Offered returns how many points were counted as offered.
func (b *Books) Offered() uint64 { return b.offered.Load() }

// InPump returns how many points the pump holds.
func (b *Books) InPump() uint64 { return uint64(max(0, b.inPump.Load())) }

// Settled is what was sent and what was dropped.
type Settled struct {
	Sent    uint64
	Dropped [wire.DropReasons]uint64
}

// Settled reads each counter once.
func (b *Books) Settled() (s Settled) {
	s.Sent = b.sent.Load()
	for i := range s.Dropped {
		s.Dropped[i] = b.dropped[i].Load()
	}
	return s
}
