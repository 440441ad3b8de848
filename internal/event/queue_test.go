package event

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// named is a series whose points are not used.
type named struct {
	aggregate.Single
	priority drop.Priority
}

func (n named) Priority() drop.Priority { return n.priority }
func (named) Own() bool                 { return false }

// world is a queue without a pump.
type world struct {
	*Queue
	books account.Books
	waker *waker.Waker
}

func open(capacity int, s drop.Strategy) *world {
	w := &world{waker: waker.New()}
	i := intern.NewIdentifier(resource.Empty(), account.NewBudget(math.MaxInt32), func(error) bool { return true })
	w.Queue = New(capacity, 50, s, &w.books, w.waker, i)
	return w
}

func (w *world) push(s aggregate.Single, bits uint64) bool { return w.Push(s, bits) }

func (w *world) woken() bool { return len(w.waker.Woken()) == 1 }

func (w *world) dropped(r wire.DropReason) uint64 { return w.books.Settled().Dropped[r] }

// TestEventLength: an event and the ring's word fit into one cache line. A longer event
// costs every push another line.
func TestEventLength(t *testing.T) {
	const line, word = 64, 8
	assert.LessOrEqual(t, unsafe.Sizeof(event{}), uintptr(line-word))
}

// TestMarks: a caller that finds a quarter of the ring in use wakes the pump. A caller that
// finds half of it in use also asks the strategy from then on. Not every caller checks, but
// a caller does that others have overtaken meanwhile.
func TestMarks(t *testing.T) {
	tests := []struct {
		name            string
		before          int // pushes of other callers
		wakes, pressure bool
	}{
		{"less than a quarter", 192, false, false},
		{"a quarter", 255, true, false},
		{"a quarter, when others have pushed", 255 + checkers - 1, true, false},
		{"a quarter, when it was somebody else's to check", 255 + checkers, false, false},
		{"half", 511, true, true},
		{"half, when others have pushed", 511 + checkers - 1, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := open(1024, drop.Newest())
			for range tt.before {
				require.True(t, w.ring.TryPush(&event{}))
			}
			require.True(t, w.Push(named{}, 1))
			assert.Equal(t, tt.wakes, w.woken())
			assert.Equal(t, tt.pressure, w.pressure.Load())
		})
	}
}

// TestPressureEnds: the pump ends the pressure when less than half of the ring is in use.
func TestPressureEnds(t *testing.T) {
	w := open(16, drop.Newest())
	for range 8 {
		require.True(t, w.Push(named{}, 1))
	}
	w.clearPressure()
	assert.True(t, w.pressure.Load())
	require.True(t, w.ring.TryPop(&event{}))
	w.clearPressure()
	assert.False(t, w.pressure.Load())
}

// meanwhile is a strategy that calls a function while it decides.
type meanwhile func()

func (m meanwhile) Decide(drop.Load, drop.Priority) drop.Verdict {
	m()
	return drop.Verdict{}
}

// TestPressureWakesAfterwards: a pump that comes before the event was pushed comes again,
// whether it finds pressure or not.
func TestPressureWakesAfterwards(t *testing.T) {
	var w *world
	w = open(16, meanwhile(func() { w.waker.Forget() }))
	w.pressure.Store(true)
	require.True(t, w.Push(named{}, 1))
	assert.True(t, w.woken())
	assert.Equal(t, 1, w.Len())
}

var strategies = []drop.Strategy{drop.Newest(), drop.Oldest(), drop.ByPriority(), drop.Sampled()}

// TestStoppedPump: if nothing empties the queue, all calls return, and each is counted.
func TestStoppedPump(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(fmt.Sprintf("%T", strategy), func(t *testing.T) {
			w := open(1024, strategy)
			taken := uint64(0)
			const calls = 300_000
			for range calls {
				if w.Push(named{}, 1) {
					taken++
				}
			}
			dropped := uint64(0)
			for _, n := range w.books.Settled().Dropped {
				dropped += n
			}
			assert.Equal(t, uint64(calls), w.Pushed()+w.books.Offered(), "each is offered once")
			assert.Equal(t, uint64(calls), uint64(w.Len())+dropped)
			assert.Equal(t, taken, w.Pushed())
		})
	}
}

// TestIdentity: whatever the strategy, with many callers and a pump each event is taken out
// or dropped for one reason.
func TestIdentity(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(fmt.Sprintf("%T", strategy), func(t *testing.T) {
			w := open(256, strategy)
			const callers, each = 8, 20_000
			var group sync.WaitGroup
			for g := range callers {
				group.Go(func() {
					for range each {
						w.Push(named{priority: drop.Priority(g % 3)}, 1)
					}
				})
			}
			done := make(chan struct{})
			go func() { group.Wait(); close(done) }()
			popped := uint64(0)
			buf := make([]event, 50)
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				popped += uint64(w.ring.TryPopBatch(buf))
				w.clearPressure()
			}
			w.Close()
			assert.False(t, w.Push(named{}, 1))
			w.Discard()
			s := w.books.Settled()
			dropped := uint64(0)
			for _, n := range s.Dropped {
				dropped += n
			}
			assert.Equal(t, uint64(callers*each+1), w.Pushed()+w.books.Offered())
			assert.Equal(t, uint64(callers*each+1), popped+dropped)
			assert.Positive(t, s.Dropped[wire.Shutdown])
			assert.Zero(t, w.Len())
		})
	}
}

// TestEvictionLosesTheOldest: an event that evicts gets the room, some of the oldest are
// lost, and none of the newest is dropped.
func TestEvictionLosesTheOldest(t *testing.T) {
	w := open(64, drop.Oldest())
	const events = 1000
	for n := range uint64(events) {
		require.True(t, w.Push(named{}, n))
	}
	assert.Zero(t, w.dropped(wire.RingFull))
	assert.Equal(t, uint64(events), w.dropped(wire.Evicted)+uint64(w.Len()))
	var e event
	require.True(t, w.ring.TryPop(&e))
	assert.Equal(t, w.dropped(wire.Evicted), e.bits, "the oldest that is left comes behind the last that was evicted")
	w.Close()
	require.False(t, w.Push(named{}, 1))
	assert.Equal(t, uint64(1), w.dropped(wire.Shutdown))
}

// TestEvictionInTightLoops: callers that push as fast as they can lose the oldest events
// and hardly any of the newest. Those are dropped while a caller is preempted between the
// claim of a slot and its publication, which no consumer can pass.
func TestEvictionInTightLoops(t *testing.T) {
	w := open(8192, drop.Oldest())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100_000 {
				w.Push(named{}, 1)
			}
		})
	}
	group.Wait()
	t.Logf("%d evicted, %d refused", w.dropped(wire.Evicted), w.dropped(wire.RingFull))
	assert.Less(t, w.dropped(wire.RingFull), w.dropped(wire.Evicted))
}

// TestSampledWhenFull: while the queue does not fill up, what is kept stands for what was
// offered. When it does, it stands for less.
func TestSampledWhenFull(t *testing.T) {
	for _, tt := range []struct {
		name      string
		capacity  int
		takeEvery int // pushes
		unbiased  bool
	}{{"large enough", 8192, 100, true}, {"small and always full", 16, 20_000, false}} {
		w := open(tt.capacity, drop.Sampled())
		const calls = 300_000
		kept, buf := 0, make([]event, 8)
		take := func() (n int) {
			n = w.ring.TryPopBatch(buf)
			for _, e := range buf[:n] {
				kept += int(max(1, e.weight))
			}
			w.clearPressure()
			return n
		}
		for n := range calls {
			w.Push(named{}, 1)
			if n%tt.takeEvery == 0 {
				take()
			}
		}
		for take() > 0 {
		}
		ratio := float64(kept) / calls
		t.Logf("%s: %.2f of what was offered, %d sampled, %d ring_full", tt.name, ratio, w.dropped(wire.Sampled), w.dropped(wire.RingFull))
		if tt.unbiased {
			assert.Zero(t, w.dropped(wire.RingFull))
			assert.InDelta(t, 1, ratio, 0.1)
		} else {
			assert.Positive(t, w.dropped(wire.RingFull))
			assert.Less(t, ratio, 0.9)
		}
	}
}

// TestPushAllocatesNothing: no strategy makes a push allocate, with room and without.
func TestPushAllocatesNothing(t *testing.T) {
	for _, strategy := range strategies {
		w := open(64, strategy)
		var s aggregate.Single = named{}
		assert.Zero(t, allocs.In(1000, func() { w.Push(s, 1) }), "%T", strategy)
	}
}

// TestSlotSize: an event in the queue takes what the budget and the documents count for it.
func TestSlotSize(t *testing.T) {
	const slots = 1 << 16
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	q := New(slots, 1, drop.Newest(), nil, nil, nil)
	runtime.ReadMemStats(&after)
	assert.InDelta(t, SlotSize, float64(after.TotalAlloc-before.TotalAlloc)/slots, 1)
	runtime.KeepAlive(q)
}
